"""`metaselect plan` as its users see it: a list of runs, a grid, one clear line where it cannot."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest

from metaselect.harness.config import read_config
from metaselect.selector.shipped import shipped_runs

KEYS = {"intermediate", "target", "hours", "expected_reduction", "gain", "gain_sd"}
WHOLE = {
    *("study", "encoder", "adaptation", "budget", "hours", "seeds", "runs", "n_open", "targets"),
    *("expected_regret_now", "expected_regret_after", "warnings"),
}


@pytest.fixture
def half_file(runs, tmp_path):
    """The runs of three targets, without boolq on two of them and without mnli on one."""
    left_out = {("boolq", "xnli"), ("boolq", "udpos"), ("mnli", "udpos")}
    cells = pd.Series(list(zip(runs["intermediate"], runs["target"], strict=True)))
    path = tmp_path / "half.csv"
    runs[~cells.isin(left_out)].to_csv(path, index=False)
    return path


def test_a_plan_is_one_json_object(call, half_file, place):
    done = call("plan", "--runs", half_file, "--budget", "5", "--json")
    assert done.code == 0, done.err
    assert set(done.json) >= WHOLE
    assert all(set(run) == KEYS for run in done.json["runs"])
    cells = [(run["intermediate"], run["target"]) for run in done.json["runs"]]
    assert set(cells) <= {("boolq", "xnli"), ("boolq", "udpos"), ("mnli", "udpos")}
    assert done.json["n_open"] == 3
    assert 0 < done.json["hours"] <= 5
    assert done.json["expected_regret_after"] <= done.json["expected_regret_now"]
    assert done.json["seeds"] == [0]
    assert any(line.startswith("warning: simulated runs") for line in done.err.splitlines())
    assert not list(place.iterdir())
    assert call("plan", "--runs", half_file, "--budget", "5", "--json") == done


def test_a_plan_is_a_table_for_people(call, half_file):
    done = call("plan", "--runs", half_file, "--budget", "5", "--rule", "improvement")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("simulated/encoder-base: ")
    assert "for 3 open cells" in lines[0]
    assert lines[1].split()[:3] == ["intermediate", "target", "hours"]
    assert lines[-1].startswith("Expected regret of the choice, mean over 3 targets: ")


def test_a_plan_of_no_run_says_what_would_tell_more_and_writes_no_grid(call, runs, place):
    place.mkdir(exist_ok=True)
    level = {"direct": 0.5, "mnli": 0.9}
    settled = pd.concat([runs.assign(seed=seed) for seed in (0, 1)])
    settled = settled.drop_duplicates(["intermediate", "target", "language", "seed"])
    settled["score"] = settled["intermediate"].map(level).fillna(0.45) + 0.001 * settled["seed"]
    settled.to_csv("settled.csv", index=False)
    done = call("plan", "--runs", "settled.csv", "--budget", "50", "--out", "p.toml")
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    assert "no run is expected to change a choice" in line
    assert "new targets or intermediates would tell more" in line
    assert line.endswith("p.toml is not written.")
    assert not Path("p.toml").exists()
    assert call("plan", "--runs", "settled.csv", "--budget", "50", "--json").json["runs"] == []


def test_new_tasks_and_seeds_are_taken_in(call, half_file):
    done = call(
        "plan", "--runs", half_file, "--budget", "40", "--intermediates", "sick,mnli",
        "--targets", "udpos,sib200", "--seeds", "3", "--hours-per-run", "0.5", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["seeds"] == [0, 1, 2]  # two that are there, and a new one
    assert done.json["targets"] == ["sib200", "udpos"]
    pairs = [(run["intermediate"], run["target"]) for run in done.json["runs"]]
    assert pairs.count(("direct", "sib200")) == 1
    assert {before for before, _ in pairs} <= {"sick", "mnli", "direct"}


def test_the_grid_of_a_plan_is_one_that_run_reads(call, half_file, place):
    done = call("plan", "--runs", half_file, "--budget", "9", "--out", "p.toml", "--json")
    assert done.code == 0, done.err
    assert [path.name for path in place.iterdir()] == ["p.toml"]
    config = read_config(Path("p.toml"))
    cells = [[run["intermediate"], run["target"]] for run in done.json["runs"]]
    assert config.cells == cells
    assert (config.study, config.data, config.seeds) == ("simulated/encoder-base", "hub", [0])
    assert config.encoders[0].name == "encoder-base"
    assert any("default budgets" in note for note in done.json["warnings"])
    told = "encoder-base is not known as an encoder of the hub: write its folder, URL or hub id as "
    assert any(note.startswith(f"{told}path in p.toml") for note in done.json["warnings"])


CONFIG = """
study = "simulated"
data = "tasks"
encoders = [{name = "encoder-base", path = "org/base"}, {name = "other", path = "org/other"}]
intermediates = ["direct", "mnli", "squad", "qqp", "boolq"]
targets = ["xnli", "xquad", "udpos"]
seeds = [0, 1]
device = "cpu"

[training]
epochs = 1.5
[task_training.xnli]
train_rows = 9
learning_rate = 1e-05
[task_testing.xquad]
languages = ["de"]

[[budgets]]
name = "encoder-base"
training = {train_rows = 10}
[[budgets]]
name = "encoder-small"
"""


def test_a_grid_keeps_the_settings_of_the_one_that_made_the_runs(call, half_file, place):
    (place / "grids").mkdir()
    Path("grids/mine.toml").write_text(CONFIG)
    done = call(
        "plan", "--runs", half_file, "--budget", "9", "--config", "grids/mine.toml",
        "--out", "p.toml", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["seeds"] == [0, 1]
    values, before = tomllib.loads(Path("p.toml").read_text()), tomllib.loads(CONFIG)
    for name in ("study", "device", "training", "task_training", "task_testing"):
        assert values[name] == before[name], name
    assert values["encoders"] == before["encoders"][:1]
    assert values["budgets"] == before["budgets"][:1]
    assert values["data"] == str((place / "grids" / "tasks").resolve())
    # 15 cells, of which 3 were not run
    planned = [[run["intermediate"], run["target"]] for run in done.json["runs"]]
    assert len(values["cells"]) == 12 + len(planned)
    assert all(cell in values["cells"] for cell in planned)
    fewer = call(
        "plan", "--runs", half_file, "--budget", "9", "--config", "grids/mine.toml",
        "--out", "p.toml", "--json", "--seeds", "1",
    )  # fmt: skip
    assert any("runs seeds [0] alone" in note for note in fewer.json["warnings"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--budget", "0"], "--budget is a number of hours above 0, not 0."),
        (["--budget", "-1"], "--budget is a number of hours above 0"),
        (["--budget", "nan"], "--budget is a number of hours above 0"),
        (["--budget", "1", "--hours-per-run", "0"], "--hours-per-run is a number of hours above 0"),
        (["--budget", "1e-9"], "pays for no run: the cheapest takes"),
        (["--budget", "1", "--intermediates", "mnlo"], "Unknown task 'mnlo'. Did you mean mnli"),
        (["--budget", "1", "--targets", "xnlo"], "Unknown task 'xnlo'"),
        (["--budget", "1", "--targets", ","], "need at least one task name"),
        (["--budget", "1", "--study", "x"], "No runs with study 'x'"),
        (["--budget", "1", "--encoder", "x"], "No runs with encoder 'x'"),
        (["--budget", "1", "--intermediates", "direct"], "has no intermediate to run"),
        (["--budget", "1", "--costs", "none"], "Cannot read none/timings.csv"),
        (["--budget", "1", "--config", "none.toml"], "Cannot read the grid none.toml"),
        (["--budget", "1", "--out", "plan.csv"], "its name must end in .toml"),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(call, half_file, place, options, told):
    done = call("plan", "--runs", half_file, *options)
    assert (done.code, done.out) == (2, "")
    (line,) = done.faults
    assert line.startswith("metaselect: ")
    assert told in line
    assert not list(place.iterdir())


def test_a_table_without_direct_and_one_of_several_studies_are_refused(call, runs, place):
    runs[runs["intermediate"] != "direct"].to_csv("none.csv", index=False)
    done = call("plan", "--runs", "none.csv", "--budget", "5", "--intermediates", "mnli,sick")
    assert done.code == 2
    assert "has no 'direct' runs on udpos, xnli, xquad" in done.faults[0]
    pd.concat([runs, runs.assign(study="other")]).to_csv("two.csv", index=False)
    done = call("plan", "--runs", "two.csv", "--budget", "5")
    assert done.code == 2
    assert (
        "The table holds 2 values of study; choose one with --study: other, simulated"
        in done.faults[0]
    )


def test_without_runs_the_largest_study_that_ships_is_planned_for(call, place):
    runs = shipped_runs()
    (largest,) = runs["study"].mode()
    done = call("plan", "--budget", "2", "--json")
    assert done.code == 0
    assert done.json["study"] == largest
    assert f"study {largest}, the largest of those that ship" in done.err
    assert done.json["runs"]
    cells = runs[runs["study"] == largest].groupby(["intermediate", "target"])["seed"].unique()
    for run in done.json["runs"]:
        known = cells.get((run["intermediate"], run["target"]), ())
        assert not {*known} & {*done.json["seeds"]}


def test_a_grid_that_did_not_make_the_runs_is_refused(call, half_file, place):
    Path("mine.toml").write_text(CONFIG.replace("encoder-base", "another"))
    asked = ("plan", "--runs", half_file, "--budget", "9", "--config", "mine.toml")
    done = call(*asked, "--out", "p.toml")
    assert done.code == 2
    assert "makes no runs of simulated/encoder-base with encoder-base" in done.faults[0]
    done = call(*asked, "--out", "mine.toml")
    assert done.code == 2
    assert "is the grid of --config: choose another name" in done.faults[0]
