"""A clone of TaskWeb as a runs table: scores, the score without an intermediate, a plain reader."""

import importlib.util
import json
import os
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from metaselect.errors import MetaselectError
from metaselect.runs.exchange import read_runs, write_runs
from metaselect.runs.schema import check_runs

SCRIPT = Path(__file__).parents[2] / "experiments" / "taskweb.py"
DIRECT_SCORES = {"rte": 0.5, "stsb": 0.8}


@pytest.fixture(scope="module")
def taskweb() -> ModuleType:
    spec = importlib.util.spec_from_file_location("taskweb", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(clone: Path, target: str, source: str, setting: str, measures: dict[str, Any]) -> None:
    folder = clone / "data" / "taskweb" / "results" / target / source / setting
    folder.mkdir(parents=True)
    text = json.dumps({f"eval_{name}": value for name, value in measures.items()})
    (folder / "eval_results.json").write_text(text)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "TaskWeb"
    for source, rte, pearson in (("mnli", 0.6, 0.9), ("qqp", 0.45, 0.82)):
        for seed in (10, 15):
            setting = f"roberta-e3-lr3e5-b8-s{seed}"
            result(folder, "rte", source, setting, {"accuracy": rte + (seed - 12.5) / 100})
            measures = {"pearson": [100 * pearson], "spearmanr": pearson - 0.02}
            result(folder, "stsb", source, setting, measures)
    result(folder, "rte", "qqp", "t5b-lora-e20-lr3e3-b8-s10", {"accuracy": 0.1})  # adapters
    result(folder, "rte", "qqp", "roberta-e3-lr3e5-b8-s20", {"loss": 1.0})  # unfinished
    means = {("rte", "mnli"): 0.6, ("rte", "qqp"): 0.45, ("stsb", "mnli"): 0.89,
             ("stsb", "qqp"): 0.81}  # fmt: skip
    told = {pair: np.float64(mean / DIRECT_SCORES[pair[0]] - 1) for pair, mean in means.items()}
    changes = {
        pair: ((0.0, 1.0), {("finetune", "roberta"): (change, 1.0), ("lora", "t5b"): (0.0, 0.0)})
        for pair, change in told.items()
    }
    (folder / "data" / "taskweb" / "taskweb.p").write_bytes(pickle.dumps(changes))
    return folder


def test_scores_and_the_score_without_them_make_a_table_that_passes(
    taskweb: ModuleType, clone: Path, tmp_path: Path
) -> None:
    write_runs(taskweb.taskweb_runs(clone), tmp_path / "runs.csv")
    runs = check_runs(read_runs(tmp_path / "runs.csv"), percent=False)
    scores = runs.set_index(["target", "intermediate", "seed"])["score"]
    assert len(scores) == 8 + 2
    assert scores["rte", "mnli", 10] == pytest.approx(0.575)
    assert scores["stsb", "qqp", 15] == pytest.approx(0.81)
    assert {name: scores[name, "direct", 0] for name in DIRECT_SCORES} == pytest.approx(
        DIRECT_SCORES, abs=1e-6
    )
    assert set(runs["metric"]) == {"accuracy", "mean(pearson,spearman)"}
    assert set(runs["encoder"]) == {"roberta-base"}


def test_a_target_whose_sources_disagree_has_no_score_without_them(
    taskweb: ModuleType, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result(clone, "rte", "mnli", "roberta-e3-lr3e5-b8-s25", {"accuracy": 0.9})
    runs = taskweb.taskweb_runs(clone)
    assert set(runs[runs["intermediate"] == "direct"]["target"]) == {"stsb"}
    assert "roberta-base, rte: sources disagree" in capsys.readouterr().out


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_that_would_run_code_is_not_read(taskweb: ModuleType, clone: Path) -> None:
    (clone / "data" / "taskweb" / "taskweb.p").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(MetaselectError, match=r"would call \w+\.mkdir: not read"):
        taskweb.taskweb_runs(clone)
    assert not Path("made-by-a-pickle").exists()


def test_another_folder_is_refused_in_one_line(taskweb: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(MetaselectError, match="name a clone of danieljkim0118/TaskWeb"):
        taskweb.taskweb_runs(tmp_path)
