"""The hub's path: an encoder and data sets fetched over its protocol from a server of our own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from metaselect.harness.config import GridConfig
from metaselect.harness.grid.stages import stage_key
from tests.harness.commands import COMMAND
from tests.harness.conftest import nli_rows
from tests.harness.grids import tiny_config, toml_of
from tests.harness.hub_server import COMMIT, serving


def write_parquet(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(path, index=False)


def hub_data(folder: Path) -> dict[str, Path]:
    """MNLI and XNLI as the hub lays them out: a config a language, split names of their own."""
    glue = folder / "glue"
    write_parquet(glue / "mnli" / "train-00000-of-00001.parquet", nli_rows(48))
    write_parquet(glue / "mnli" / "validation_matched-00000-of-00001.parquet", nli_rows(6))
    readme = "---\nconfigs:\n- config_name: mnli\n  data_files:\n"
    for split in ("train", "validation_matched"):
        readme += f"  - split: {split}\n    path: mnli/{split}-*\n"
    (glue / "README.md").write_text(readme + "---\n")
    xnli = folder / "xnli"
    readme = "---\nconfigs:\n"
    for language in ("en", "sw"):
        rows = nli_rows(9, foreign=language != "en")
        write_parquet(xnli / language / "test-00000-of-00001.parquet", rows)
        readme += f"- config_name: {language}\n  data_files:\n"
        readme += f"  - split: test\n    path: {language}/test-*\n"
    (xnli / "README.md").write_text(readme + "---\n")
    return {"datasets/nyu-mll/glue": glue, "datasets/facebook/xnli": xnli}


def on_the_hub(encoder_folder: Path, folder: Path) -> tuple[GridConfig, dict[str, Path]]:
    """A grid of one run whose encoder and data are on the hub, and the hub's repositories."""
    config = tiny_config(
        encoder_folder, Path("hub"), intermediates=["direct"], targets=["xnli"],
        encoders=[{"name": "tiny", "path": "me/tiny-bert"}],
        task_testing={"xnli": {"languages": ["en", "sw"]}},
    )  # fmt: skip
    return config, {"models/me/tiny-bert": encoder_folder, **hub_data(folder)}


def test_an_encoder_and_data_come_from_the_hub(encoder_folder: Path, tmp_path: Path) -> None:
    config, repositories = on_the_hub(encoder_folder, tmp_path / "hub")
    requests: list[str] = []
    with serving(repositories, requests) as endpoint:
        done = run_command(toml_of(config), endpoint, tmp_path)
        assert done.returncode == 0, (done.stderr, requests)
        assert json.loads(done.stdout)["done"] == 1
        lost = toml_of(config).replace("me/tiny-bert", "me/nothing")
        refused = run_command(lost, endpoint, tmp_path / "other")
    table = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert table["language"].tolist() == ["en", "sw"]
    assert table["n_examples"].tolist() == [9, 9]
    asked = "\n".join(requests)
    assert "/api/models/me/tiny-bert" in asked
    assert f"/datasets/facebook/xnli/resolve/{COMMIT}/sw/test-" in asked
    assert refused.returncode != 0
    assert "'me/nothing' is neither a folder nor a model that the hub gives" in refused.stderr


def run_command(toml: str, endpoint: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`metaselect run` in a process whose hub is the endpoint."""
    folder.mkdir(exist_ok=True)
    (folder / "command.py").write_text(COMMAND)
    (folder / "grid.toml").write_text(toml)
    return subprocess.run(
        [sys.executable, "command.py", "grid.toml", "--out", "out", "--json"], cwd=folder,
        capture_output=True, text=True, timeout=120, check=False,
        env={
            **os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home"),
            "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore",
        },
    )  # fmt: skip


def test_a_stage_s_name_changes_with_everything_that_it_depends_on() -> None:
    base = {"encoder": "a", "data": {"train": "1"}, "seed": 0}
    names = {stage_key({**base, **change}) for change in (
        {}, {"encoder": "b"}, {"data": {"train": "2"}}, {"seed": 1}, {"parent": "x"},
    )}  # fmt: skip
    assert len(names) == 5
    assert stage_key(base) == stage_key(dict(reversed(base.items())))
