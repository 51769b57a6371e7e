"""The choice and the one sentence of a ranking."""

import pytest

from metaselect.cli.rank_shown import show
from metaselect.selector.doubts import Doubts
from metaselect.selector.explain import advised, answer
from metaselect.selector.warnings import UNLIKELY_GAIN


def _entry(name, gain, chance):
    return {"intermediate": name, "gain": gain, "p_positive": chance}


DIRECT = _entry("direct", 0.0, None)


@pytest.mark.parametrize(
    ("ranking", "told"),
    [
        (
            [_entry("mnli", 0.031, 0.8), _entry("qqp", 0.01, 0.7), DIRECT],
            "Fine-tune on mnli first: +3.1 points expected, 8 in 10 that it helps; if you can try "
            "two, add qqp.",
        ),
        (
            [_entry("mnli", 0.031, 0.97), DIRECT, _entry("qqp", -0.01, 0.3)],
            "Fine-tune on mnli first: +3.1 points expected, more than 9 in 10 that it helps.",
        ),
        (
            [_entry("mnli", 0.031, None), DIRECT],
            "Fine-tune on mnli first: +3.1 points expected.",
        ),
        (
            [_entry("mnli", 0.004, 0.6), DIRECT],
            "Nothing is clearly better than the target alone: mnli comes first with +0.4 points "
            "expected, 6 in 10 that it helps.",
        ),
        (
            [DIRECT, _entry("mnli", -0.012, 0.3)],
            "Fine-tune on the target alone: no candidate is expected to help (best of them: mnli, "
            "-1.2 points expected).",
        ),
        (
            [_entry("mnli", 0.0001, 0.9), DIRECT],
            "Fine-tune on the target alone: hardly any gain is expected (best of them: mnli, +0.0 "
            "points expected).",
        ),
        ([DIRECT], "Fine-tune on the target alone: there is no candidate."),
    ],
)
def test_the_sentence_says_what_to_do(ranking, told):
    assert answer(ranking, simulated=False) == told


def test_it_says_of_which_language_and_of_which_runs_it_is():
    ranking = [_entry("mnli", 0.02, 0.8), DIRECT]
    assert answer(ranking, objective="worst", simulated=True) == (
        "By SIMULATED RUNS: Fine-tune on mnli first: +2.0 points expected in the worst language, "
        "8 in 10 that it helps."
    )


@pytest.mark.parametrize(
    ("ranking", "choice"),
    [
        ([_entry("mnli", 0.031, 0.8), DIRECT], "mnli"),
        ([_entry("mnli", 0.031, None), DIRECT], "mnli"),
        ([_entry("mnli", 0.031, 0.7), DIRECT], None),  # a gain, but not likely
        ([DIRECT, _entry("mnli", -0.01, 0.3)], "direct"),
        ([DIRECT], "direct"),
    ],
)
def test_a_choice_is_advised_only_where_there_is_one(ranking, choice):
    assert advised(ranking) == choice


def test_nothing_is_advised_where_the_targets_runs_say_nothing():
    ranking, doubts = [_entry("mnli", 0.031, 0.9), DIRECT], Doubts(runs_at_floor=True)
    assert advised(ranking, doubts) is None
    assert answer(ranking, doubts, simulated=False) == (
        "No intermediate can be advised, so fine-tune on the target alone: runs of the target "
        "score like a constant answer (mnli comes first with +3.1 points expected)."
    )
    # Not expected to help either way: training directly stays the advice.
    assert advised([DIRECT, _entry("mnli", -0.01, 0.3)], doubts) == "direct"


def test_a_candidate_with_the_targets_own_data_is_left_aside():
    ranking = [_entry("squad", 0.04, 0.9), _entry("mnli", 0.03, 0.8), _entry("copa", 0.02, 0.8)]
    ranking += [_entry("qqp", 0.01, 0.8), DIRECT]
    doubts = Doubts(sharing=["squad", "copa"])
    assert advised(ranking, doubts) == "mnli"
    assert answer(ranking, doubts, simulated=False) == (
        "Fine-tune on mnli first: +3.0 points expected, 8 in 10 that it helps; if you can try two, "
        "add qqp; squad left aside: the target's own data."
    )
    # Where no other candidate is there, they are all that can be said.
    assert advised([ranking[0], DIRECT], doubts) == "squad"


def test_nothing_is_advised_by_a_predictor_that_was_no_better_than_random():
    ranking = [_entry("mnli", 0.03, 0.9), DIRECT]
    assert advised(ranking, Doubts(unproven=True)) is None
    assert answer(ranking, Doubts(unproven=True), simulated=False) == (
        "No intermediate can be advised, so fine-tune on the target alone: on the runs that it "
        "learnt from, the predictor chose no better than random (mnli comes first with +3.0 points "
        "expected)."
    )


def test_a_candidate_that_lost_on_the_targets_own_runs_is_left_aside():
    ranking = [_entry("squad", 0.04, 0.9), _entry("mnli", 0.03, 0.8), DIRECT]
    ranking += [_entry("qqp", -0.01, 0.3)]
    doubts = Doubts(against=["squad"])
    assert advised(ranking, doubts) == "mnli"
    assert answer(ranking, doubts, simulated=False) == (
        "Fine-tune on mnli first: +3.0 points expected, 8 in 10 that it helps; squad left aside: "
        "lost, averaged over the languages of the target's runs."
    )
    doubts = Doubts(against=["squad", "mnli"])
    assert advised(ranking, doubts) == "direct"
    assert answer(ranking, doubts, simulated=False) == (
        "Fine-tune on the target alone: no candidate is expected to help (best of them: qqp, -1.0 "
        "points expected; squad, mnli left aside: lost, averaged over the languages of the "
        "target's runs)."
    )
    doubts = Doubts(against=["squad", "mnli", "qqp"])
    assert advised(ranking, doubts) == "direct"
    assert answer(ranking, doubts, simulated=False) == (
        "Fine-tune on the target alone: every candidate lost, averaged over the languages of the "
        "target's runs (best of them: squad, +4.0 points expected)."
    )


def test_the_targets_own_data_is_not_said_to_have_lost():
    ranking = [_entry("mnli", 0.03, 0.9), _entry("sst2", 0.01, 0.6), DIRECT]
    told = answer(ranking, Doubts(sharing=["mnli"], against=["sst2"]), simulated=False)
    assert told == (
        "Fine-tune on the target alone: every candidate lost, averaged over the languages of the "
        "target's runs (best of them: sst2, +1.0 points expected; mnli left aside: the target's "
        "own data)."
    )


def test_a_gain_that_is_less_likely_than_not_is_explained_where_it_is_shown(capsys):
    def shown(gain, chance):
        entry = {**_entry("mnli", gain, chance), "low": -0.1, "high": 0.1, "reasons": []}
        direct = {**DIRECT, "p_positive": 0.0, "low": 0.0, "high": 0.0, "reasons": []}
        record = {"answer": "", "target": "xnli", "languages": ["sw"], "ranking": [entry, direct]}
        record["by_language"] = {"sw": record["ranking"]}
        show(record, [], why=False, simulated=False)
        return UNLIKELY_GAIN in capsys.readouterr().out

    assert shown(0.01, 0.42)
    assert not shown(0.01, 0.5)
    assert not shown(-0.01, 0.42)
    assert not shown(0.00001, 0.42)  # shown as +0.00
    assert not shown(0.01, None)
