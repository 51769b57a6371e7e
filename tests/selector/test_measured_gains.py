"""Measured gains beside a ranking: which rows they are, and how they are pooled."""

import pandas as pd
import pytest

from metaselect.runs.schema import check_runs
from metaselect.selector.measured_gains import MeasuredGain, measured_gains


def table(*rows):
    """Runs from (study, intermediate, target, language, seed, score)."""
    names = ["study", "intermediate", "target", "language", "seed", "score"]
    fixed = {"encoder": "e", "adaptation": "finetune", "metric": "accuracy", "source": "here"}
    return check_runs(pd.DataFrame(rows, columns=names).assign(**fixed), percent=False)


RUNS = table(
    ("a", "direct", "xnli", "sw", 0, 0.50),
    ("a", "direct", "xnli", "sw", 1, 0.52),
    ("a", "mnli", "xnli", "sw", 0, 0.55),
    ("a", "mnli", "xnli", "sw", 1, 0.55),
    ("b", "direct", "xnli", "swh", 0, 0.40),
    ("b", "mnli", "xnli", "swh", 0, 0.50),
    ("a", "direct", "xnli", "ta", 0, 0.50),
    ("a", "mnli", "xnli", "ta", 0, 0.40),
    ("a", "copa", "udpos", "sw", 0, 0.70),
)


def test_a_gain_is_that_of_its_target_and_language_over_the_seeds():
    found = measured_gains(RUNS, target="xnli", languages=["sw"], study="a")
    assert found == {
        ("sw", "mnli"): MeasuredGain(
            gain=pytest.approx(0.04),
            se=pytest.approx(0.01),
            n_seeds=2,  # of +0.05 and +0.03
        )
    }


def test_studies_weigh_alike_and_codes_of_one_language_are_one():
    found = measured_gains(RUNS, target="xnli", languages=["sw", "ta"], study=None)
    assert set(found) == {("sw", "mnli"), ("ta", "mnli")}
    assert found["sw", "mnli"].gain == pytest.approx((0.04 + 0.10) / 2)
    assert found["sw", "mnli"].n_seeds == 3
    assert found["sw", "mnli"].n_studies == 2
    assert found["sw", "mnli"].se == pytest.approx(0.03)  # +0.04 and +0.10
    assert found["ta", "mnli"].gain == pytest.approx(-0.10)


def test_seeds_that_scatter_more_than_their_studies_give_the_error():
    wide = (("direct", 0, 0.50), ("direct", 1, 0.50), ("mnli", 0, 0.40), ("mnli", 1, 0.70))
    runs = table(
        *(("a", name, "xnli", "sw", seed, score) for name, seed, score in wide),
        *(("b", name, "xnli", "sw", seed, score) for name, seed, score in wide),
    )
    found = measured_gains(runs, target="xnli", languages=["sw"], study=None)["sw", "mnli"]
    assert found.gain == pytest.approx(0.05)
    assert found.se == pytest.approx(0.15 / 2**0.5)  # 0.15 in each, the same mean in both


def test_what_was_not_run_or_has_no_direct_is_not_there():
    assert measured_gains(RUNS, target="xnli", languages=["cy"], study=None) == {}
    assert measured_gains(RUNS, target="panx", languages=["sw"], study=None) == {}
    assert measured_gains(RUNS, target="udpos", languages=["sw"], study=None) == {}


def test_a_gain_is_the_same_whichever_languages_are_asked():
    # of mnli's seed 0 three languages have the very same score, 0.60: a constant answer's, so
    # that scores below it gain nothing, in Swahili alone as beside the others
    scores = {"sw": 0.50, "ta": 0.50, "de": 0.58}
    rows = [("a", "direct", "xnli", code, 0, score) for code, score in scores.items()]
    runs = table(*rows, *(("a", "mnli", "xnli", code, 0, 0.60) for code in scores))
    alone = measured_gains(runs, target="xnli", languages=["sw"], study=None)
    beside = measured_gains(runs, target="xnli", languages=list(scores), study=None)
    assert alone["sw", "mnli"].gain == beside["sw", "mnli"].gain == 0.0
