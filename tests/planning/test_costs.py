"""Hours of runs: estimated from sizes, measured by a grid, shared where models are."""

import json

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import load_catalogue, shipped_catalogue
from metaselect.errors import MetaselectError
from metaselect.planning.costs import Costs, estimated_costs, measured_costs

CARDS = """
[small]
title = "S"
kind = "nli"
head = "classification"
metric = "accuracy"
train_size = 100
[usual]
title = "U"
kind = "nli"
head = "classification"
metric = "accuracy"
train_size = 1000
[large]
title = "L"
kind = "nli"
head = "classification"
metric = "accuracy"
train_size = 8000
[tiny]
title = "T"
kind = "nli"
head = "classification"
metric = "accuracy"
train_size = 10
"""


@pytest.fixture
def cards(tmp_path):
    path = tmp_path / "cards.toml"
    path.write_text(CARDS)
    return load_catalogue(path)


def test_hours_follow_training_rows_from_the_median_task(cards):
    costs = estimated_costs(
        ["large", "direct", "small"], ["usual", "tiny"], cards, hours_per_run=2.0
    )
    # sizes 8000, 100, 1000, 10: median 550, which takes 2 hours; the least is a twentieth of it
    assert costs.intermediates == pytest.approx({"large": 2 * 8000 / 550, "small": 2 * 100 / 550})
    assert costs.targets == pytest.approx({"usual": 2 * 1000 / 550, "tiny": 0.1})
    assert costs.scorings == pytest.approx({"usual": 0.1, "tiny": 0.1})
    assert costs.assumed == ()


def test_unknown_sizes_are_usual_and_named_and_joined_tasks_add_up(cards):
    costs = estimated_costs(["who", "small+usual"], ["large"], cards, hours_per_run=1.0)
    # known: 1100 and 8000, median 4550
    assert costs.intermediates == pytest.approx({"who": 1.0, "small+usual": 1100 / 4550})
    assert costs.assumed == ("who",)


def test_targets_that_are_not_trained_cost_their_scoring_alone():
    costs = estimated_costs(["mnli"], ["tatoeba"], shipped_catalogue(), hours_per_run=1.0)
    assert costs.targets == {"tatoeba": 0.0}


def _costs(**changes):
    values = {
        "intermediates": {"mnli": 8.0, "qqp": 4.0}, "targets": {"a": 2.0, "b": 2.0, "c": 1.0},
        "scorings": {"a": 0.1, "b": 0.1, "c": 0.1}, "models": {"a": "m", "b": "m", "c": "c"},
        "assumed": (),
    }  # fmt: skip
    return Costs(**(values | changes))


def test_a_training_is_paid_for_once():
    costs = _costs()
    hours, new = costs.bill([("mnli", "a")], set())
    assert hours == pytest.approx(8 + 2 + 0.1)
    assert new == {("mnli", ""), ("mnli", "m")}
    assert costs.bill([("mnli", "b")], new)[0] == pytest.approx(0.1)  # the same model
    assert costs.bill([("mnli", "c")], new)[0] == pytest.approx(1.1)
    assert costs.bill([("direct", "a")], new)[0] == pytest.approx(2.1)
    both = costs.bill([("direct", "c"), ("qqp", "c")], set())[0]
    assert both == pytest.approx(1.1 + 4 + 1.1)


@pytest.fixture
def results(tmp_path):
    """A grid's folder: mnli before udpos and tatoeba; two seeds."""
    keys = ["study", "encoder", "adaptation", "intermediate", "target", "language", "seed"]
    rows = []
    for seed, factor in ((0, 1.0), (1, 3.0)):
        for code in ("de", "fi"):
            rows.append(["s", "e", "finetune", "mnli", "udpos", code, seed, 90.0, 3600 * factor])
        rows.append(["s", "e", "finetune", "direct", "tatoeba", "de", seed, 180.0, None])
    times = pd.DataFrame(rows, columns=[*keys, "score_s", "train_s"])
    times.to_csv(tmp_path / "timings.csv", index=False)
    trained = [
        ["e", "finetune", "mnli", "mnli", 0, "k0"],
        ["e", "finetune", "mnli→udpos", "udpos", 0, "k1"],
    ]
    columns = ["encoder", "adaptation", "label", "task", "seed", "stage"]
    pd.DataFrame(trained, columns=columns).to_csv(tmp_path / "trainings.csv", index=False)
    for key, seconds in (("k0", 7200.0), ("k1", 1.0)):
        path = tmp_path / "work" / "stages" / key / "timing.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"wall_s": seconds}))
    return tmp_path


def _measured(folder, intermediates, targets, encoder="e"):
    return measured_costs(
        intermediates, targets, shipped_catalogue(),
        folder=folder, encoder=encoder, adaptation="finetune",
    )  # fmt: skip


def test_hours_are_those_that_a_grid_took(results):
    costs = _measured(results, ["direct", "mnli", "qqp"], ["udpos", "tatoeba", "panx"])
    assert costs.intermediates == pytest.approx({"mnli": 2.0, "qqp": 2.0})
    # udpos: mean of 1 and 3 hours; panx as usual, tatoeba is not trained
    assert costs.targets == pytest.approx({"udpos": 2.0, "tatoeba": 0.0, "panx": 2.0})
    assert costs.scorings == pytest.approx({"udpos": 0.05, "tatoeba": 0.05, "panx": 0.05})
    assert costs.assumed == ("panx", "qqp")


def test_a_folder_without_times_is_refused(results, tmp_path):
    with pytest.raises(MetaselectError, match="--costs takes the folder of results"):
        _measured(tmp_path / "none", ["mnli"], ["udpos"])
    with pytest.raises(MetaselectError, match="no times of other with finetune"):
        _measured(results, ["mnli"], ["udpos"], encoder="other")
    (results / "timings.csv").write_text("a,b\n1,2\n")
    with pytest.raises(MetaselectError, match="has no column encoder"):
        _measured(results, ["mnli"], ["udpos"])
