"""What `metaselect train` writes beside the predictor: its model card."""

from types import SimpleNamespace

import numpy as np
import pytest

from metaselect.cli.train import settings_tried
from metaselect.files import CARD
from metaselect.selector import TaskSelector


def test_train_puts_evaluation_and_licence_into_the_card(call, runs_file, place):
    given = ("--runs", runs_file, "--trials", "1")
    made = call("evaluate", *given, "--workers", "1", "--out", "evaluation", "--json")
    assert made.code == 0
    told = ("--evaluation", "evaluation", "--licence", "cc-by-4.0")
    assert call("train", *given, *told, "--out", "made").code == 0
    text = (place / "made" / CARD).read_text(encoding="utf-8")
    random = made.json["methods"]["random"]
    assert f"| 1 | {random['regret@1'] * 100:.2f} / {random['regret@3'] * 100:.2f} |" in text
    assert '\nlicense: "cc-by-4.0"\n' in text
    TaskSelector.from_pretrained("made").save_pretrained("again")
    assert (place / "again" / CARD).read_text(encoding="utf-8") == text


def test_a_predictor_that_is_replaced_is_said_to_be(call, runs_file, place):
    told = "made: the predictor that was there is replaced"
    for times in (0, 1):
        done = call("train", "--runs", runs_file, "--trials", "1", "--out", "made")
        assert done.code == 0
        assert done.err.splitlines().count(told) == times


def test_each_search_is_told_from_the_other(call, runs_file, place):
    done = call("train", "--runs", runs_file, "--trials", "2", "--out", "made")
    lines = [line.split("  best")[0] for line in done.err.splitlines() if "trial" in line]
    assert lines == [
        f"search {number} (new {what}), trial {trial}/2"
        for number, what in ((1, "targets"), (2, "families of languages"))
        for trial in (1, 2)
    ]


@pytest.mark.parametrize(
    ("trials", "told"),
    [("1", "by the default settings"), ("2", "by the default settings: no others are better")],
)
def test_train_tells_which_settings_it_kept(call, runs_file, place, trials, told):
    done = call("train", "--runs", runs_file, "--trials", trials, "--out", "made")
    assert done.code == 0
    lines = [line for line in done.out.splitlines() if "on inner folds" in line]
    assert len(lines) == 2
    assert all(f"), {told}" in line for line in lines)
    assert all(" points (random choice " in line for line in lines)


def test_a_predictor_that_is_no_better_than_random_says_so_and_advises_nothing(call, runs, place):
    # every candidate's scores dealt anew within its query: nothing carries over to a new target
    draw = np.random.default_rng(1)
    keys = ["target", "language", "seed"]
    scores = runs.groupby(keys)["score"].transform(lambda own: draw.permutation(own.to_numpy()))
    runs.assign(score=scores).to_csv("noise.csv", index=False)
    done = call("train", "--runs", "noise.csv", "--trials", "1", "--out", "made")
    lines = [line for line in done.out.splitlines() if "on inner folds" in line]
    (of_target,) = [line for line in lines if line.startswith("  new target: ")]
    assert ": no better, so rank advises none), by the default settings" in of_target
    selector = TaskSelector.from_pretrained("made")
    assert selector.is_unproven("pawsx")
    assert selector.predictor_for("pawsx").random_loss > 0


def test_rank_advises_nothing_by_such_a_predictor(call, predictor, place, monkeypatch):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw", "--json")
    told = "No intermediate can be advised, so fine-tune on the target alone: on the runs that it"
    assert told not in call(*asked).json["answer"]
    monkeypatch.setattr(TaskSelector, "is_unproven", lambda *_: True)
    assert told in call(*asked).json["answer"]


def test_an_evaluation_of_other_runs_is_refused_before_training(call, runs, runs_file, place):
    given = ("--trials", "1", "--runs")
    call("evaluate", *given, runs_file, "--workers", "1", "--out", "evaluation")
    runs[runs["seed"] == 0].to_csv("fewer.csv", index=False)
    done = call("train", *given, "fewer.csv", "--evaluation", "evaluation", "--out", "made")
    assert done.code == 2
    assert done.faults == [
        "metaselect: evaluation was made from other runs than --runs: evaluate these, "
        "or leave it out."
    ]
    assert not (place / "made").exists()


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([1, 1], "1 setting for each of 2 predictors"),
        ([30, 30], "30 settings for each of 2 predictors"),
        ([30, 31], "61 settings for 2 predictors"),
        ([3], "3 settings"),
    ],
)
def test_settings_are_counted_for_each_predictor(counts, told):
    assert settings_tried([SimpleNamespace(n_trials=count) for count in counts]) == told
