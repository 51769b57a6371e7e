import pandas as pd
import pytest

from metaselect.report.observed import (
    colour_bin,
    colour_edges,
    heat_tables,
    mean_gains,
    studies_of,
)
from metaselect.runs.gains import observed_gains
from metaselect.runs.schema import check_runs


def _runs():
    rows = [
        # study, intermediate, target, language, score
        ("a", "direct", "t", "sw", 0.50),
        ("a", "mnli", "t", "sw", 0.60),  # +0.10
        ("a", "direct", "t", "ta", 0.50),
        ("a", "mnli", "t", "ta", 0.54),  # +0.04, so study a's mean on t is +0.07
        ("b", "direct", "t", "sw", 0.50),
        ("b", "mnli", "t", "sw", 0.51),  # +0.01, study b's mean: so t's is +0.04
        ("b", "rte", "t", "sw", 0.48),  # -0.02
        ("c", "rte", "u", "sw", 0.90),  # no direct: its gain is unknown
    ]
    names = ["study", "intermediate", "target", "language", "score"]
    given = {"encoder": "e", "adaptation": "finetune", "metric": "accuracy", "seed": 0}
    return check_runs(pd.DataFrame(rows, columns=names).assign(**given, source="s"), percent=False)


def test_every_study_weighs_the_same_in_a_cell():
    found, _ = mean_gains(observed_gains(_runs()), by="target")
    assert found.columns.tolist() == ["t"]
    assert found["t"].to_dict() == pytest.approx({"mnli": 0.04, "rte": -0.02})


def test_the_best_intermediate_comes_first_and_what_was_not_run_is_missing():
    found, _ = mean_gains(observed_gains(_runs()), by="language")
    assert found.index.tolist() == ["mnli", "rte"]
    assert found.loc["mnli", "sw"] == pytest.approx((0.10 + 0.01) / 2)
    assert found.isna().sum().sum() == 1  # rte in ta


def test_studies_are_counted_without_direct_as_an_intermediate():
    found = {study["study"]: study for study in studies_of(_runs())}
    assert [found[name]["intermediates"] for name in "abc"] == [1, 2, 1]
    assert found["a"]["languages"] == 2


def test_colours_step_symmetrically_around_no_gain():
    edges = colour_edges([0.1, -0.1])
    assert edges == tuple(-edge for edge in reversed(edges))
    assert colour_bin(0.0, edges) == 3
    assert colour_bin(1.0, edges) == 6
    assert colour_bin(-1.0, edges) == 0


def test_colours_of_gains_that_are_all_alike_still_have_edges():
    assert len(set(colour_edges([0.0, 0.0]))) == 6


def _gains(*rows):
    names = ["study", "target", "language", "intermediate", "gain", "gain_se"]
    return pd.DataFrame(rows, columns=names)


def test_languages_of_a_training_share_its_error_and_trainings_have_their_own():
    gains = _gains(
        ("a", "t", "sw", "mnli", 0.02, 0.01),
        ("a", "t", "ta", "mnli", 0.04, 0.03),
        ("a", "u", "sw", "mnli", 0.06, 0.01),
    )
    _, by_target = mean_gains(gains, by="target")
    assert by_target.loc["mnli", "t"] == pytest.approx((0.01 + 0.03) / 2)
    _, by_language = mean_gains(gains, by="language")
    assert by_language.loc["mnli", "sw"] == pytest.approx((0.01**2 + 0.01**2) ** 0.5 / 2)


def test_gains_within_two_standard_errors_have_no_colour():
    nan = float("nan")
    gains = _gains(
        ("a", "t", "sw", "mnli", 0.05, 0.01),
        ("a", "t", "sw", "qqp", 0.05, 0.03),
        ("a", "t", "sw", "rte", -0.05, nan),  # one seed: no error known
    )
    table = heat_tables(gains, {})[0]
    colours = {name: cells[0][1] for name, cells in table.rows}
    assert colours == {"mnli": 6, "qqp": None, "rte": None}


def test_gains_of_a_target_whose_runs_say_nothing_have_no_colour():
    gains = _gains(
        ("a", "t", "sw", "mnli", 0.05, 0.01),
        ("a", "u", "sw", "mnli", 0.04, 0.01),
    )
    by_target, by_language = heat_tables(gains, {"u": "u: its runs say nothing"})
    assert by_target.columns == ("t", "u")
    assert by_target.rows == (("mnli", ((0.05, 6), (0.04, None))),)
    assert by_language.rows[0][1][0][1] is not None  # a mean of both
