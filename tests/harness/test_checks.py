"""Grids that must fail are refused before the first training, every fault at once."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.errors import MetaselectError
from metaselect.harness.config import check_config
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.grid.checks import _training_faults, grid_warnings
from metaselect.harness.grid.plan import Part
from tests.harness.conftest import nli_rows, write_rows
from tests.harness.grids import tiny_config, tiny_grid, toml_of
from tests.harness.test_command import APP


def test_all_that_data_lack_is_told_at_once(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "mnli", "sst2", "mnli+rte"],
        targets=["xnli", "udpos", "squad", "panx"],
        task_testing={"xnli": {"languages": ["en", "th", "sw", "ur"]}},
        task_training={"udpos": {"after": ["sst2"]}},
    )  # fmt: skip
    with pytest.raises(MetaselectError, match="6 faults in the grid") as found:
        tiny_grid(config, tmp_path / "out")
    looked = f"there is no train.jsonl (or .jsonl.gz, .parquet) in {data_folder.resolve()}"
    assert str(found.value).splitlines()[1:] == [
        f"  sst2 has no training data: {looked}/sst2.",
        f"  rte has no training data: {looked}/rte.",
        "  xnli has no test data in th, ur (there are en, sw).",
        "  squad is no target: there are no test data of it.",
        "  panx is no target: there are no test data of it.",
        f"  panx has no training data: {looked}/panx.",
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dry", [True, False])
def test_a_dry_run_and_a_real_one_refuse_alike(
    dry: bool, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, task_testing={"udpos": {"languages": ["en", "zu"]}}
    )
    (tmp_path / "grid.toml").write_text(toml_of(config))
    options = ["--dry-run"] if dry else []
    done = CliRunner().invoke(
        APP, [str(tmp_path / "grid.toml"), "--out", str(tmp_path / "out"), *options]
    )
    assert isinstance(done.exception, MetaselectError)
    assert str(done.exception) == "udpos has no test data in zu (there are en, fi)."
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dry", [True, False])
def test_faults_of_rows_tasks_and_languages_are_told_together_before_anything_is_timed(
    dry: bool, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    write_rows(data_folder / "xnli" / "test.sw.jsonl", [{**nli_rows(1)[0], "label": "yes"}])
    write_rows(data_folder / "udpos" / "test.fi.jsonl", [{"tokens": ["a"]}])
    (data_folder / "udpos" / "validation.jsonl").write_text("")
    (data_folder / "mnli" / "train.jsonl").write_text("{")
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "mnlo", "mnli", "mnli+cope"],
        targets=["xnli", "udpos"], task_testing={"xnli": {"languages": ["sw", "english", "th"]}},
        task_training={"udpos": {"after": ["udpus"]}},
    )  # fmt: skip
    (tmp_path / "grid.toml").write_text(toml_of(config))
    done = CliRunner().invoke(
        APP,
        [str(tmp_path / "grid.toml"), "--out", str(tmp_path / "out"), *["--dry-run"] * dry],
    )
    assert isinstance(done.exception, MetaselectError)
    told = [line.strip() for line in str(done.exception).splitlines()]
    starts = [
        "9 faults in the grid:",
        "Unknown task 'mnlo'. Did you mean mnli",
        "Unknown task 'cope'. Did you mean copa",
        "Unknown task 'udpus'. Did you mean udpos",
        "xnli: Languages go by codes, not 'english'. Did you mean",
        "xnli has no test data in th (there are en, sw).",
        f"{data_folder}/mnli/train.jsonl is broken: row 1 is no JSON",
        "xnli test (sw), test.sw.jsonl, row 1: label 'yes' does not match the labels of xnli",
        "udpos test (fi), test.fi.jsonl has columns ['tokens']; the card of udpos reads",
        "udpos validation, validation.jsonl has no rows: write at least one",
    ]
    assert len(told) == len(starts), told
    assert all(map(str.startswith, told, starts)), told
    assert done.stderr == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dry", [True, False])
def test_faults_of_settings_and_of_data_are_told_together(
    dry: bool, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "mnlo", "mnli"],
        task_testing={"xnli": {"languages": ["sw", "th"]}}, log_to=["mlflow"],
    )  # fmt: skip
    text = toml_of(config).replace('"mlflow"', '"wandb"').replace("steps = 4", "steps = 0")
    path = tmp_path / "grid.toml"
    path.write_text(text.replace('"udpos"]', '3, "udpos", "udpos"]'))
    done = CliRunner().invoke(
        APP, [str(path), "--out", str(tmp_path / "out"), *["--dry-run"] * dry]
    )
    assert isinstance(done.exception, MetaselectError)
    told = [line.strip() for line in str(done.exception).splitlines()]
    starts = [
        "6 faults in the grid:",
        f"{path}: targets.1 (line 5): a text between quotation marks, not 3",
        f"{path}: log_to.0 (line 9): one of tensorboard, mlflow, not 'wandb'",
        f"{path}: training.steps (line 14): at least 1, not 0",
        f"{path}: targets.3 (line 5): 'udpos' is there twice; name it once",
        "Unknown task 'mnlo'. Did you mean mnli",
        "xnli has no test data in th (there are en, sw).",
    ]
    assert len(told) == len(starts), told
    assert all(map(str.startswith, told, starts)), told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        # what would be told of other data than those meant is left for the next call
        (("data = ", "daten = "), "daten (line 2): no such setting"),
        (("targets = [", "targets = 3 #"), "targets (line 5): a list between [ and ], not 3"),
        (("seeds = [", "seeds = ['x'] #"), "seeds.0 (line 6): a whole number, not 'x'"),
        (("path = ", "pfad = "), "encoders.0.pfad (line 3): no such setting"),
    ],
)
def test_what_is_taken_out_makes_no_fault_of_its_own(
    change: tuple[str, str], told: str, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, task_testing={"xnli": {"languages": ["sw"]}},
        cells=[["direct", "xnli"], ["mnli", "udpos"]],
    )  # fmt: skip
    path = tmp_path / "grid.toml"
    path.write_text(toml_of(config).replace(*change, 1))
    done = CliRunner().invoke(APP, [str(path), "--out", str(tmp_path / "out"), "--dry-run"])
    assert isinstance(done.exception, MetaselectError)
    lines = str(done.exception).splitlines()
    rest = [line for line in lines[-2:] if "faults" not in line and "encoders.0.path" not in line]
    assert len(rest) == 1
    assert told in rest[0]


def test_a_file_that_was_found_sound_is_read_again_only_when_it_changes(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(encoder_folder, data_folder, targets=["xnli"])
    read: list[str] = []
    whole = Corpora.faults

    def noted(self: Corpora, *asked: Any) -> list[str]:
        read.append(asked[1] + asked[2])
        return whole(self, *asked)

    monkeypatch.setattr(Corpora, "faults", noted)
    tiny_grid(config, tmp_path / "out")
    assert read == ["trainen", "validationen", "testen", "testsw"]
    tiny_grid(config, tmp_path / "out")
    assert len(read) == 4
    write_rows(data_folder / "xnli" / "test.sw.jsonl", [{**nli_rows(1)[0], "label": "yes"}])
    with pytest.raises(MetaselectError, match=r"^xnli test \(sw\), test.sw.jsonl, row 1: label"):
        tiny_grid(config, tmp_path / "out")


def test_an_encoder_that_is_not_there_is_told_with_the_faults_of_data(
    data_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    config = tiny_config(
        tmp_path / "empty", data_folder, intermediates=["direct", "sst2"], targets=["xnli"]
    )
    with pytest.raises(MetaselectError, match="2 faults in the grid") as found:
        tiny_grid(config, tmp_path / "out")
    assert "empty is no encoder: it has no config.json.\n  sst2 has no training" in str(found.value)
    (tmp_path / "grid.toml").write_text(toml_of(config).replace("sst2", "sst22"))
    done = CliRunner().invoke(APP, [str(tmp_path / "grid.toml"), "--out", str(tmp_path / "out")])
    told = str(done.exception)
    assert "Unknown task 'sst22'" in told
    assert "empty is no encoder: it has no config.json." in told


def test_intermediates_that_no_cell_names_need_no_data(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "sst2"], targets=["xnli", "panx"],
        cells=[["direct", "xnli"]],
    )  # fmt: skip
    assert tiny_grid(config, tmp_path / "out").plan.n_trainings == 1


def test_what_is_not_of_the_part_needs_no_data(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "sst2"], targets=["xnli", "panx"]
    )
    part = Part(intermediates=["direct"], targets=["xnli"])
    plan = tiny_grid(config, tmp_path / "out", part=part).plan
    assert [(run.intermediate, run.target) for run in plan.runs_now] == [("direct", "xnli")]
    assert plan.n_trainings == 1
    with pytest.raises(MetaselectError, match="panx is no target") as found:
        tiny_grid(config, tmp_path / "out", part=Part(intermediates=["direct"], targets=["panx"]))
    assert "sst2" not in str(found.value)


def test_missing_training_data_on_the_hub_name_its_data_set() -> None:
    cards, recipe = load_catalogue(None), SimpleNamespace(checkpoint="last")
    own = replace(cards["sst2"], name="own", hub=None)
    tested = replace(cards["xnli"], hub=replace(cards["xnli"].hub, train=None))
    hub = Corpora.at("hub")
    assert [*_training_faults([own, tested], recipe, hub)] == [
        "own has no training data: its card names no data set of the hub.",
        f"xnli has no training data: its card names no training split of the hub's "
        f"{cards['xnli'].hub.id}.",
    ]
    assert hub.identity(own, "train", "en") == "missing"


def test_what_no_training_can_do_is_told(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, adaptations=["lora"], intermediates=["direct", "mnli+copa"],
        targets=["udpos"],
        task_training={"udpos": {"checkpoint": "best-english", "validation_rows": 0}},
    )  # fmt: skip
    with pytest.raises(MetaselectError, match="2 faults in the grid") as found:
        tiny_grid(config, tmp_path / "out")
    assert "mnli+copa: LoRA trains one task at a time" in str(found.value)
    assert "udpos: checkpoint = 'best-english' needs validation_rows above 0" in str(found.value)


def test_a_folder_of_data_that_is_not_there_is_one_fault(
    encoder_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(MetaselectError, match="no folder of task data"):
        tiny_grid(tiny_config(encoder_folder, tmp_path / "none"), tmp_path / "out")


def test_unknown_tasks_are_told_together(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "mnlo"], targets=["udpus", "xnli"]
    )
    with pytest.raises(MetaselectError, match=r"(?s)^Unknown tasks:.*'mnlo'.*'udpus'"):
        tiny_grid(config, tmp_path / "out")


@pytest.mark.parametrize("seed", [10**19, -1])
def test_a_seed_that_no_table_holds_is_refused_with_the_file(
    seed: int, encoder_folder: Path, data_folder: Path
) -> None:
    values = tiny_config(encoder_folder, data_folder).model_dump(exclude_unset=True)
    with pytest.raises(MetaselectError, match=r"seeds\.1: at (least 0|most \d+), not "):
        check_config(values | {"seeds": [0, seed]}, where="grid.toml")


def test_a_grid_without_direct_is_warned_of_and_allowed(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    whole = tiny_config(encoder_folder, data_folder)
    assert grid_warnings(tiny_grid(whole, tmp_path).grid) == []
    none = whole.model_copy(update={"intermediates": ["mnli"]})
    assert tiny_grid(none, tmp_path).warnings == [
        "no 'direct' run on xnli, udpos: gains there stay unknown unless another table of the "
        "study has it"
    ]
    part = whole.model_copy(update={"cells": [["direct", "xnli"], ["mnli", "udpos"]]})
    (warning,) = tiny_grid(part, tmp_path).warnings
    assert warning.startswith("no 'direct' run on udpos: ")
