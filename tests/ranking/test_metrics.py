"""Measures against hand-worked numbers, FIELD's closed forms, and all permutations of ties."""

from itertools import combinations, pairwise, permutations
from math import comb, isnan, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaselect.ranking.metrics import (
    MEASURES,
    gain_at_1,
    graded_relevance,
    hit_at_1,
    measure_all,
    ndcg_at,
    regret_at,
)

# few distinct values, so that ties are common in scores and in gains
TIED = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 2.0]), st.sampled_from([-0.03, 0.0, 0.01, 0.02, 0.05])),
    min_size=1,
    max_size=6,
)
CUTS = st.integers(1, 7)


def orders(scores):
    """Every order of candidates that the scores allow, all equally likely."""
    return [
        order
        for order in permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]


def mean_over_orders(scores, value):
    found = [value(list(order)) for order in orders(scores)]
    return sum(found) / len(found)


@given(TIED, CUTS)
@settings(deadline=None, max_examples=60)
def test_regret_is_the_mean_over_all_ways_to_break_ties(pairs, k):
    scores, gains = np.array(pairs).T
    expected = mean_over_orders(scores, lambda order: gains.max() - gains[order[:k]].max())
    assert regret_at(scores, gains, k=k) == pytest.approx(expected, abs=1e-12)


@given(TIED, CUTS)
@settings(deadline=None, max_examples=60)
def test_ndcg_is_the_mean_over_all_ways_to_break_ties(pairs, k):
    scores, gains = np.array(pairs).T
    relevance = graded_relevance(gains, step=0.01)

    def dcg(order):
        return sum(
            (2.0 ** int(relevance[place]) - 1) / log2(rank + 1)
            for rank, place in enumerate(order[:k], start=1)
        )

    best = dcg(sorted(range(len(gains)), key=lambda place: -relevance[place]))
    found = ndcg_at(scores, relevance, k=k)
    if best == 0:
        assert isnan(found)
    else:
        assert found == pytest.approx(mean_over_orders(scores, dcg) / best, abs=1e-12)


@given(TIED)
@settings(deadline=None, max_examples=60)
def test_gain_and_hit_are_the_mean_over_all_ways_to_break_ties(pairs):
    scores, gains = np.array(pairs).T
    gain = mean_over_orders(scores, lambda order: gains[order[0]])
    hit = mean_over_orders(scores, lambda order: float(gains[order[0]] == gains.max()))
    assert gain_at_1(scores, gains) == pytest.approx(gain, abs=1e-12)
    assert hit_at_1(scores, gains) == pytest.approx(hit, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_random_choice_is_the_closed_form(k):
    # E[max] = sum over i of s_(i) C(n-i, k-1) / C(n, k), s sorted descending, i from 1
    gains = np.array([0.01, 0.07, -0.02, 0.03, 0.0])
    ordered, n = sorted(gains, reverse=True), len(gains)
    maximum = sum(ordered[i - 1] * comb(n - i, k - 1) / comb(n, k) for i in range(1, n - k + 2))
    subsets = [max(chosen) for chosen in combinations(gains, k)]
    assert maximum == pytest.approx(np.mean(subsets))
    assert regret_at(np.zeros(n), gains, k=k) == pytest.approx(0.07 - maximum)


def test_random_ndcg_is_the_closed_form():
    # grades at step .01: 1, 5 (of 7), 0, 3, 0: worth 1, 31, 0, 7, 0, mean 7.8
    # discounts 1 + 1/log2(3) + 1/2 = 2.130930; ideal 31 + 7/log2(3) + 1/2 = 35.916508
    gains = np.array([0.01, 0.07, -0.02, 0.03, 0.0])
    found = measure_all(np.zeros(5), gains, step=0.01)
    assert found["ndcg@3"] == pytest.approx(7.8 * 2.130930 / 35.916508, rel=1e-6)
    assert found["gain@1"] == pytest.approx(0.018)  # the mean
    assert found["hit@1"] == pytest.approx(1 / 5)


def test_each_measure_by_hand():
    # order c (gain .02), then a (.05) and b (-.01) tied, then d (.03)
    scores, gains = np.array([1.0, 1.0, 2.0, 0.0]), np.array([0.05, -0.01, 0.02, 0.03])
    assert regret_at(scores, gains, k=1) == pytest.approx(0.05 - 0.02)
    # with a: best .05; with b: best stays .02; half each: .035
    assert regret_at(scores, gains, k=2) == pytest.approx(0.05 - 0.035)
    assert regret_at(scores, gains, k=3) == pytest.approx(0.0)
    assert gain_at_1(scores, gains) == pytest.approx(0.02)
    assert hit_at_1(scores, gains) == 0.0
    # grades at .02: 2 (of 2.5, to even), 0, 1, 2 (1.5, to even): worth 3, 0, 1, 3
    # dcg@2 = 1 + 1.5 / log2(3), ideal = 3 + 3 / log2(3)
    relevance = graded_relevance(gains, step=0.02)
    assert relevance.tolist() == [2, 0, 1, 2]
    expected = (1 + 1.5 / log2(3)) / (3 + 3 / log2(3))
    assert ndcg_at(scores, relevance, k=2) == pytest.approx(expected)


def test_a_perfect_ranking_loses_nothing():
    gains = np.array([0.02, -0.01, 0.05, 0.0])
    found = measure_all(gains, gains, step=0.01)
    assert found == pytest.approx(
        {"regret@1": 0, "regret@3": 0, "ndcg@3": 1, "gain@1": 0.05, "hit@1": 1}
    )
    assert tuple(found) == MEASURES


def test_direct_is_best_where_every_intermediate_hurts():
    # direct (0) first: no regret; nothing is relevant, so ndcg says nothing
    found = measure_all(np.array([1.0, 0.0]), np.array([0.0, -0.04]), step=0.01)
    assert found["regret@1"] == 0.0
    assert found["hit@1"] == 1.0
    assert isnan(found["ndcg@3"])


def test_grades_stop_at_five_and_losses_count_as_nothing():
    gains = np.array([-0.5, -0.004, 0.004, 0.016, 0.049, 0.06, 0.9])
    assert graded_relevance(gains, step=0.01).tolist() == [0, 0, 0, 2, 5, 5, 5]


def test_infinite_scores_tie_like_any_others():
    # both last are at minus infinity: after the first, either may come second
    scores, gains = np.array([1.0, -np.inf, -np.inf]), np.array([0.0, 0.02, 0.04])
    assert regret_at(scores, gains, k=2) == pytest.approx(0.04 - 0.03)
    assert regret_at(-scores, gains, k=1) == pytest.approx(0.04 - 0.03)


def test_measures_do_not_depend_on_the_order_of_rows():
    random = np.random.default_rng(0)
    scores, gains = random.integers(0, 3, 9).astype(float), random.normal(0, 0.02, 9)
    shuffled = random.permutation(9)
    first = measure_all(scores, gains, step=0.01)
    assert measure_all(scores[shuffled], gains[shuffled], step=0.01) == pytest.approx(first)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="two 1-d arrays alike"):
        regret_at(np.zeros(2), np.zeros(3), k=1)
    with pytest.raises(ValueError, match="two 1-d arrays alike"):
        gain_at_1(np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match="two 1-d arrays alike"):
        ndcg_at(np.zeros((2, 2)), np.zeros((2, 2), dtype=np.int64), k=1)


def test_missing_scores_and_cuts_below_one_are_refused():
    with pytest.raises(ValueError, match="scores hold NaN"):
        hit_at_1(np.array([np.nan, 1.0]), np.zeros(2))
    with pytest.raises(ValueError, match="k must be at least 1, got k=0"):
        regret_at(np.zeros(2), np.zeros(2), k=0)
    with pytest.raises(ValueError, match="step must be above 0"):
        graded_relevance(np.zeros(2), step=0.0)
