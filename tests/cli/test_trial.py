"""The grid that tries a ranking has the budgets of the runs behind it, and data that can be had."""

from pathlib import Path

import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.cli.trial import _obtainable, _train_rows
from metaselect.harness.config import read_config
from metaselect.harness.recipe import EPOCHS
from metaselect.selector import TaskSelector
from metaselect.selector.shipped import shipped_predictor


def test_intermediates_train_on_as_many_examples_as_behind_the_ranking(call, place):
    done = call("rank", "--target", "pawsx", "--language", "de", "--out", "plan.toml")
    assert done.code == 0
    config = read_config(Path("plan.toml"))
    selector = TaskSelector.from_pretrained(shipped_predictor())
    (study,) = selector.training_.encoder_by_study
    examples = selector.predictor_for("pawsx").examples_of(study)
    tried = [name for name in config.intermediates if name != "direct"]
    assert {name for name in tried if name in config.task_training} == set(tried) & set(examples)
    for name in tried:
        rows = config.task_training[name].train_rows
        assert rows * EPOCHS == pytest.approx(examples[name], abs=EPOCHS)
        assert f"{name} ({rows:,} rows)" in done.err
    assert "as many examples as in the runs that the ranking rests on" in done.err


def test_a_task_with_fewer_rows_or_of_which_runs_do_not_tell_takes_all():
    catalogue = shipped_catalogue()
    assert _train_rows(["mnli", "rte", "qqp"], catalogue, {"mnli": 6000.0, "rte": 9000.0}) == {
        "mnli": 2000  # rte has 2,490 rows, three times which are fewer than 9,000
    }


def test_what_the_hub_lacks_is_left_aside_for_others_that_stand_above_direct():
    catalogue = shipped_catalogue()
    assert catalogue["sts_semeval"].hub is None
    ranked = ["qqp", "sts_semeval", "mnli", "rte", "direct", "cola"]
    found, told = _obtainable(ranked, "hub", catalogue)
    assert found == ["qqp", "mnli", "rte"]
    assert told == [
        "left out of the trial, without training data on the hub by the card: sts_semeval"
    ]
    assert _obtainable(["qqp", "sts_semeval", "direct", "mnli", "cola"], "hub", catalogue)[0] == [
        "qqp", "mnli"
    ]  # fmt: skip
    assert _obtainable(ranked, "folder", catalogue) == (["qqp", "sts_semeval", "mnli"], [])


def test_published_runs_have_no_times(call, place):
    Path("published").mkdir()
    Path("published/trainings.csv.gz").write_bytes(b"")
    asked = ("rank", "--target", "pawsx", "--language", "de", "--out", "plan.toml")
    done = call(*asked, "--costs", "published")
    assert done.code == 2
    assert done.faults == [
        "metaselect: published is published, without times: --costs takes the folder of results of "
        "`metaselect run`."
    ]


def test_own_runs_of_another_encoder_than_the_predictors_are_told(call, runs_file, place):
    asked = ("rank", "--target", "xnli", "--language", "sw", "--runs", runs_file)
    told = "your runs are of encoder-base, while the predictor learnt from"
    assert told in call(*asked).err
    assert told not in call("rank", "--target", "xnli", "--language", "sw").err
