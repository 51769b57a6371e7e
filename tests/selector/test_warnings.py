import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import parse_cards, shipped_catalogue
from metaselect.runs.schema import check_runs
from metaselect.selector.own_runs import own_runs
from metaselect.selector.warnings import (
    candidate_warnings,
    language_warnings,
    own_warnings,
    ranking_warnings,
    target_warnings,
)

CATALOGUE = shipped_catalogue()


def test_a_language_seen_in_training_with_vectors_of_its_own_needs_no_note():
    assert language_warnings(["de"], seen=["de", "sw"]) == []


def test_a_language_outside_the_training_runs_is_extrapolated():
    assert language_warnings(["de"], seen=["sw"]) == [
        "de (German): no training run in it, extrapolated"
    ]


def test_a_language_is_seen_under_any_of_its_codes():
    assert language_warnings(["deu"], seen=["de"]) == []
    assert language_warnings(["de"], seen=["deu"]) == []


def test_vectors_of_another_code_are_told():
    assert language_warnings(["sw"], seen=["sw"]) == ["sw: vectors of swh (Swahili)"]


def test_a_language_asked_twice_is_told_once():
    once = language_warnings(["sw"], seen=["de"])
    assert len(once) == 2
    assert language_warnings(["sw", "swh", "sw"], seen=["de"]) == once


def test_imputed_and_missing_grammar_are_told():
    (_, imputed) = language_warnings(["nan"], seen=["de"])
    assert imputed.startswith("nan: ")
    assert imputed.endswith("% of its grammar features are imputed")


def test_what_many_languages_share_is_told_once():
    codes = ["de", "en", "es", "fr", "it", "nl", "pt"]
    (line,) = language_warnings(codes, seen=["sw"])
    told = "de (German), en (English), es (Spanish), fr (French), it (Italian) and 2 more"
    assert line == f"{told}: no training run in them, extrapolated"
    # az has 103 of 103 values imputed, ms 91, qu 89, jv 86 (of the published counts): 83% the least
    found = language_warnings(["az", "ms", "qu", "jv"], seen=["az", "ms", "qu", "jv"])
    assert found[-1] == "az, ms, qu, jv: 83% to 100% of their grammar features are imputed"
    assert sum("imputed" in line for line in found) == 1


@pytest.mark.parametrize(
    ("target", "seen", "notes"),
    [
        ("xnli", ["xnli"], []),
        ("xquad", ["mlqa"], ["xquad: no training run on it, judged as mlqa, which shares its "
                             "English training data"]),
        ("stsb", ["sts_semeval"], ["stsb: no training run on it, judged as sts_semeval, which "
                                   "shares its English training data"]),
        ("xquad", ["squad", "mlqa"], ["xquad: no training run on it, judged as mlqa, squad, which "
                                      "share its English training data"]),
        ("xnli", ["xquad"], ["xnli: no training run on it, judged by other targets"]),
        (
            "ours",
            ["ours"],
            ["ours has no task card: ranked on its runs alone (add one with --tasks)"],
        ),
    ],
)  # fmt: skip
def test_a_target_that_training_did_not_see_is_told(target, seen, notes):
    assert target_warnings(target, seen, CATALOGUE) == notes


def test_candidates_that_nobody_tried_or_described_are_counted():
    assert candidate_warnings(["mnli"], ["mnli"], CATALOGUE) == []
    assert candidate_warnings(["mnli", "ours"], ["mnli"], CATALOGUE) == [
        "1 candidate has no training run: ours (judged by card alone; intervals are calibrated on "
        "candidates that were tried)",
        "1 candidate has no task card: ours",
    ]
    names = [f"ours_{number}" for number in range(7)]
    assert candidate_warnings(names, [], CATALOGUE) == [
        "7 candidates have no training run: ours_0, ours_1, ours_2, ours_3, ours_4, ... (judged by "
        "card alone; intervals are calibrated on candidates that were tried)",
        "7 candidates have no task card: ours_0, ours_1, ours_2, ours_3, ours_4, ...",
    ]


def test_a_mixture_has_a_card_where_its_parts_have():
    names = ["mnli+squad", "mnli+ours"]
    assert candidate_warnings(names, names, CATALOGUE) == [
        "1 candidate has no task card: mnli+ours"
    ]


def test_an_own_card_ends_the_note():
    text = '[ours]\ntitle = "Ours"\nkind = "nli"\nhead = "classification"\nmetric = "f1"\n'
    catalogue = type(CATALOGUE)([*CATALOGUE.values(), *parse_cards(text, where="own.toml")])
    assert candidate_warnings(["ours"], ["ours"], catalogue) == []


def _ranking(best, low, *others, chance=0.6):
    names = [best, *others, "direct"] if best != "direct" else [best, *others]
    return pd.DataFrame({
        "language": "sw", "rank": range(1, len(names) + 1), "intermediate": names,
        "low": [low, *[-0.1] * (len(names) - 1)], "p_positive": chance,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("best", "low", "chance", "told"),
    [
        ("sst2", 0.01, 0.6, False),
        ("sst2", -0.01, 0.74, True),
        ("sst2", -0.01, 0.75, False),  # it is advised: a caveat would contradict that
        ("sst2", float("nan"), float("nan"), True),
        ("direct", 0.0, 0.0, False),
    ],
)
def test_a_best_gain_that_may_be_none_is_told(best, low, chance, told):
    ranking = _ranking(best, low, chance=chance)
    found = ranking_warnings(ranking, "xnli", CATALOGUE, level=0.8)
    interval = "" if low != low else " (its 80% interval goes down to 0 or below)"
    assert found == told * [
        "sw: fine-tuning on the target alone may do as well: even the best gain is not clearly "
        f"above 0{interval}"
    ]


def test_candidates_on_the_targets_own_data_are_told():
    ranking = _ranking("sst2", 0.01, "mnli", "squad", "squad_v2")
    own = "mnli is what xnli trains on: its gain is that of training longer"
    assert ranking_warnings(ranking, "xnli", CATALOGUE, level=0.8) == [own]
    assert ranking_warnings(ranking, "xquad", CATALOGUE, level=0.8) == [
        "squad is what xquad trains on: its gain is that of training longer",
        "squad_v2 shares training data with xquad: it is partly training longer",
    ]


def runs_of(target, scores):
    """Runs of a target in three languages and two seeds: score by intermediate."""
    return check_runs(
        pd.DataFrame(
            {
                "study": "s", "encoder": "e", "adaptation": "finetune", "intermediate": name,
                "target": target, "language": language, "metric": "accuracy",
                "score": score + 0.001 * seed + shift, "seed": seed, "source": "made here",
            }
            for name, score in scores.items()
            for language, shift in (("de", 0.01), ("sw", 0.0), ("ta", -0.01))
            for seed in (0, 1)
        ),
        percent=False,
    )  # fmt: skip


def told_of(runs, first_choices, target):
    return own_warnings(own_runs(runs, target), first_choices, target, CATALOGUE)


def test_runs_that_speak_against_the_first_choice_are_told():
    runs = runs_of("xnli", {"direct": 0.70, "mnli": 0.75, "squad": 0.66})
    assert told_of(runs, ["mnli"], "xnli") == []
    assert told_of(runs, ["direct"], "xnli") == []
    assert told_of(runs, ["squad"], "panx") == []  # no runs of it
    assert told_of(runs, ["squad", "squad"], "xnli") == [
        "squad: the runs speak against it: it changed xnli by -4.00 points in the mean of 3 "
        "languages"
    ]


def test_runs_at_a_constant_answer_s_level_are_told():
    runs = runs_of("xcopa", {"direct": 0.50, "copa": 0.51})
    (told,) = told_of(runs, ["copa"], "xcopa")
    assert told.startswith("xcopa: its runs are hardly better than a constant answer (mean 50.5")
    for constant in (0.3, "0.3"):  # as JSONL and as CSV have it
        measured = runs.assign(majority_score=constant)
        assert told_of(measured, ["copa"], "xcopa") == []
    (again,) = told_of(runs.assign(majority_score=""), ["copa"], "xcopa")
    assert again == told


def test_runs_that_are_mostly_no_better_than_a_constant_answer_are_told():
    runs = runs_of("xnli", {"direct": 0.35, "mnli": 0.42, "qqp": 0.70}).assign(majority_score=0.45)
    (told,) = told_of(runs, ["qqp"], "xnli")
    assert told.startswith("xnli: 67% of its scores are no better than a constant answer's")
    learnt = runs.assign(majority_score=0.40)  # mnli's and qqp's are above it
    assert not any("no better" in line for line in told_of(learnt, ["qqp"], "xnli"))
