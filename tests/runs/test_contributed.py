"""Tables to share: what their description must say."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.errors import MetaselectError
from metaselect.runs.contributed import contribution_faults, description_text, read_contribution
from metaselect.runs.exchange import read_runs, write_runs
from metaselect.runs.schema import table_hash

MakeRuns = Callable[..., pd.DataFrame]
SHARED = Path(__file__).parents[2] / "artifacts" / "contributed"
TEXT = """
studies = ["s"]
licence = "MIT"
source = "https://example.org/runs"
citation = "Doe et al. 2026"
runs_hash = "{hash}"
supersedes = {supersedes}

[data]
mnli = "nyu-mll/multi_nli@da70db2"
squad = "rajpurkar/squad@7b6d24c"
xnli = "sha256:{zeros}"

[encoders]
e = "FacebookAI/xlm-roberta-base@e73636d"
"""


def described(folder: Path, runs: pd.DataFrame, *, supersedes: str = "[]", **changes: str) -> Path:
    text = TEXT.format(hash=table_hash(runs), zeros="0" * 64, supersedes=supersedes)
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = folder / "study.toml"
    path.write_text(text)
    return path


@pytest.fixture
def runs(make_runs: MakeRuns) -> pd.DataFrame:
    names = ("direct", "mnli+squad", "mnli", "direct+")
    return make_runs(*((name, 0, 0.5) for name in names), study="s", encoder="e")


def faults(path: Path, runs: pd.DataFrame) -> list[str]:
    told = read_contribution(path)
    return [
        fault.value for fault in contribution_faults(told, runs, shipped_catalogue(), {"reference"})
    ]


def test_a_table_with_all_that_it_needs_has_no_fault(runs: pd.DataFrame, tmp_path: Path) -> None:
    assert faults(described(tmp_path, runs), runs) == []
    assert faults(described(tmp_path, runs, supersedes='["reference"]'), runs) == []


def test_a_changed_table_is_another_contribution(runs: pd.DataFrame, tmp_path: Path) -> None:
    path = described(tmp_path, runs)
    (found,) = faults(path, runs.assign(score=runs["score"] + 0.01))
    assert found.startswith("runs_hash = ")


def test_what_ships_can_be_superseded_and_not_changed(runs: pd.DataFrame, tmp_path: Path) -> None:
    own = runs.assign(study="reference")
    path = described(tmp_path, own, name=('["s"]', '["reference"]'))
    assert faults(path, own) == ["study reference, which ships"]
    path = described(tmp_path, runs, supersedes='["other"]')
    assert faults(path, runs) == ["supersedes other"]


def test_every_lack_is_named(runs: pd.DataFrame, tmp_path: Path) -> None:
    other = runs.assign(
        intermediate=runs["intermediate"].replace("mnli", "mnlo"), encoder="f", study="t"
    )
    assert faults(described(tmp_path, other), other) == [
        "studies = ['s']", "no [data] of mnlo", "no [encoders] of f", "no task card of mnlo"
    ]  # fmt: skip


def test_a_description_names_hub_data_by_commit_and_files_by_one_hash(
    runs: pd.DataFrame,
) -> None:
    commit, file = "a" * 40, "b" * 64
    data = {
        "mnli/train": f"nyu-mll/multi_nli@{commit}:None:train:en",
        "mnli/validation": f"nyu-mll/multi_nli@{commit}:None:validation:en",
        "squad/train": file, "squad/validation": "missing",
        "xnli/test.en": file, "xnli/test.sw": "c" * 64,
    }  # fmt: skip
    encoders = {"e": f"FacebookAI/xlm-roberta-base@{commit}:None:False"}
    text = description_text(runs, [{"data": data, "encoders": encoders}], made="now")
    told = tomllib.loads(text)
    assert told["data"]["mnli"] == f"nyu-mll/multi_nli@{commit}"
    assert told["data"]["squad"] == f"sha256:{file}"
    assert re.fullmatch("sha256:[0-9a-f]{64}", told["data"]["xnli"])
    assert told["encoders"] == {"e": f"FacebookAI/xlm-roberta-base@{commit}"}
    unknown = tomllib.loads(description_text(runs, [{}], made="now"))
    assert unknown["encoders"]["e"].startswith("TODO: ")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('licence = "MIT"', ""), "study.toml: licence: is missing"),
        (
            ("https://example.org/runs", "my laptop"),
            r"source \(line 4\): an address \(https://...\), not 'my laptop'",
        ),
        (("@da70db2", ""), r"data.mnli \(line 10\): a hub id at a commit"),
        (("[encoders]", "[encoders"), "study.toml is not TOML: line 14, column 10, "),
    ],
)
def test_a_description_that_breaks_rules_is_refused(
    change: tuple[str, str], told: str, runs: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(MetaselectError, match=told):
        read_contribution(described(tmp_path, runs, change=change))


def test_contributed_tables_are_whole() -> None:
    for path in sorted(SHARED.glob("*/study.toml")):
        (table,) = path.parent.glob("runs.*")
        assert faults(path, read_runs(table)) == []


def test_the_command_checks_a_shared_table(runs: pd.DataFrame, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from metaselect.cli import app

    table = tmp_path / "runs.csv.gz"
    write_runs(runs, table)
    asked = ["runs", "validate", "--strict", str(table)]
    with pytest.raises(MetaselectError, match="which says what made the runs"):
        CliRunner().invoke(app, asked, catch_exceptions=False)
    described(tmp_path, runs)
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == 0
    assert "2 runs of an intermediate that shares data with the target" in done.stderr
