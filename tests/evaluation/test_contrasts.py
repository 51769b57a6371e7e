from itertools import product
from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaselect.evaluation.contrasts import Comparison, Units, contrast, holm, sign_flip

WHOLE = st.lists(st.integers(-4, 4), min_size=1, max_size=8)  # ties among sums are common


def _table(**methods):
    """Clusters a, b, ... with one measure for each method."""
    rows = [
        (chr(ord("a") + place), method, value)
        for method, values in methods.items()
        for place, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["cluster", "method", "gain@1"])


def _against(table, *rivals):
    questions = [Comparison("ranker", rival, "gain@1", primary=True) for rival in rivals]
    return holm([contrast(table, question, seed=0) for question in questions])


@given(WHOLE)
@settings(deadline=None, max_examples=40)
def test_the_sign_flip_test_is_the_count_of_all_patterns(values):
    differences = np.array(values, dtype=float)
    means = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
        for signs in product((-1, 1), repeat=len(values))
    ]
    expected = sum(mean >= abs(sum(values)) for mean in means) / len(means)
    assert sign_flip(differences, seed=0) == pytest.approx(expected)


def test_seven_clusters_of_one_sign_reach_the_smallest_probability():
    assert sign_flip(np.arange(1.0, 8.0), seed=0) == pytest.approx(2 / 2**7)
    assert sign_flip(-np.arange(1.0, 9.0), seed=0) == pytest.approx(2 / 2**8)


def test_beyond_fourteen_clusters_draws_come_near_the_exact_value():
    # sixteen differences of 1: both all-plus and all-minus reach the mean: 2 / 2^16 = .00003
    assert sign_flip(np.ones(16), seed=0) < 0.0005
    # alternating: the sum is 0, which every pattern reaches
    assert sign_flip(np.array([1.0, -1.0] * 8), seed=0) == 1.0
    # 12 plus and 4 minus: P(|sum| >= 8) = 2 * P(Binomial(16, 1/2) <= 4) = .07681 (se .0019)
    mixed = np.array([1.0] * 12 + [-1.0] * 4)
    assert sign_flip(mixed, seed=0) == pytest.approx(0.07681, abs=0.006)
    assert sign_flip(mixed, seed=0) == sign_flip(mixed, seed=0)


def test_nothing_to_tell_is_certainly_chance():
    assert sign_flip(np.zeros(5), seed=0) == 1.0
    assert sign_flip(np.array([]), seed=0) == 1.0


def test_a_difference_and_its_interval_by_hand():
    # differences .01, .02, .06: mean .03, sd .0264575, se .0152753, t(2, .975) = 4.302653
    table = _table(ranker=[0.03, 0.04, 0.07], random=[0.02, 0.02, 0.01])
    found = contrast(table, Comparison("ranker", "random", "gain@1"), seed=0)
    assert found.difference == pytest.approx(0.03)
    half = 4.302653 * sqrt(0.0007) / sqrt(3)
    assert (found.low, found.high) == pytest.approx((0.03 - half, 0.03 + half), rel=1e-6)
    assert (found.p, found.n_clusters) == (0.25, 3)
    assert (found.method, found.against, found.measure) == ("ranker", "random", "gain@1")


def test_clusters_without_both_values_are_left_out():
    table = _table(ranker=[0.03, np.nan, 0.07], random=[0.02, 0.02])
    found = contrast(table, Comparison("ranker", "random", "gain@1"), seed=0)
    assert (found.n_clusters, found.difference, found.p) == (1, pytest.approx(0.01), 1.0)
    assert isnan(found.low)
    assert isnan(found.high)


def test_holms_correction_by_hand():
    # p of n differences of one sign is 2 / 2^n: .0625 (5), .25 (3), .125 (4); sorted
    # .0625 * 3 = .1875, .125 * 2 = .25, .25 * 1 = .25
    table = _table(ranker=[1.0] * 5, a=[0.0] * 5, b=[0.0] * 3, c=[0.0] * 4)
    found = _against(table, "a", "b", "c")
    assert [item.p for item in found] == pytest.approx([0.0625, 0.25, 0.125])
    assert [item.p_holm for item in found] == pytest.approx([0.1875, 0.25, 0.25])


def test_corrected_probabilities_never_pass_one_nor_fall_below_a_smaller_ones():
    # p = .5 (2 of one sign), .5, 1: .5 * 3 -> 1, then at least 1
    table = _table(ranker=[1.0, 1.0], a=[0.0, 0.0], b=[0.0, 0.0], c=[1.0, 1.0])
    found = _against(table, "a", "b", "c")
    assert [item.p_holm for item in found] == [1.0, 1.0, 1.0]


def test_holm_corrects_over_the_primary_contrasts_alone():
    table = _table(ranker=[1.0] * 5, a=[0.0] * 5, b=[0.0] * 3)
    primary = contrast(table, Comparison("ranker", "a", "gain@1", primary=True), seed=0)
    other = contrast(table, Comparison("ranker", "b", "gain@1"), seed=0)
    first, second = holm([primary, other])
    assert first.p_holm == first.p == pytest.approx(0.0625)
    assert isnan(second.p_holm)


def test_a_contrast_tells_which_clusters_it_rests_on():
    # differences 0, .01, .09: two clusters differ, c gives most; without one cluster the mean is
    # .05, .045 or .005
    table = _table(ranker=[0.03, 0.03, 0.10], random=[0.03, 0.02, 0.01])
    found = contrast(table, Comparison("ranker", "random", "gain@1"), seed=0)
    assert (found.n_changed, found.leading) == (2, "c")
    assert (found.low_without_one, found.high_without_one) == pytest.approx((0.005, 0.05))
    assert isnan(found.detectable)  # two clusters say nothing of what could have been seen
    same = contrast(
        _table(ranker=[0.1, 0.2], random=[0.1, 0.2]),
        Comparison("ranker", "random", "gain@1"),
        seed=0,
    )
    assert (same.n_changed, same.leading) == (0, None)
    assert isnan(same.detectable)


def test_the_units_left_out_widen_the_interval():
    # each of three folds leaves one intermediate out; differences by fold .01, .02, .06 in both
    # clusters. Without a unit the mean is .04, .035, .015: jackknife variance 2/3 * .00035
    queries = pd.DataFrame(
        [
            (cluster, fold, method, value if method == "ranker" else 0.0)
            for cluster in "ab"
            for fold, value in (("f", 0.01), ("g", 0.02), ("h", 0.06))
            for method in ("ranker", "random")
        ],
        columns=["cluster", "fold", "method", "gain@1"],
    )
    units = Units(queries, {"f": ("mnli",), "g": ("rte",), "h": ("squad",)})
    comparison = Comparison("ranker", "random", "gain@1")
    error = units.errors(comparison)
    assert error is not None
    assert error == (pytest.approx(sqrt(2 / 3 * 0.00035)), 3)
    table = _table(ranker=[0.02, 0.04], random=[0.0, 0.0])
    alone, wider = (contrast(table, comparison, seed=0, units=item) for item in (None, units))
    assert alone.difference == wider.difference == pytest.approx(0.03)
    # variances .0001 of one degree of freedom and .000233 of two: in all .000333 of 2.986
    assert (wider.high - wider.low) / 2 == pytest.approx(3.19 * sqrt(0.000333), rel=0.01)
