"""Scores as expected gains: the slope within queries, the level by target."""

import numpy as np
import pandas as pd
import pytest

from metaselect.ranking.scale import GainScale


def _rows(*queries):
    """Rows of (query, cluster, target, untrained, gains)."""
    return pd.DataFrame(
        [
            (query, cluster, target, untrained, gain)
            for query, cluster, target, untrained, gains in queries
            for gain in gains
        ],
        columns=["query", "cluster", "target", "untrained", "gain"],
    ).assign(fold=0)


def test_the_slope_is_that_within_queries_whatever_lies_between_them():
    # within both queries a score of 1 more is a gain of .02 more; between them the order is turned
    rows = _rows(("q", "a", "a", False, [0.00, 0.02]), ("r", "b", "b", False, [-0.30, -0.28]))
    scale = GainScale.fit(np.array([0.0, 1.0, 5.0, 6.0]), rows)
    assert scale.slope == pytest.approx(0.02)
    # what is left: 0 in a, -.4 in b; the mean of the two clusters
    assert scale.level == pytest.approx(-0.2)


def test_scores_of_two_models_are_not_compared():
    # two folds of one query, each with a slope of .02; the second model's scores lie 9 higher
    rows = _rows(("q", "a", "a", False, [0.00, 0.02, 0.00, 0.02])).assign(fold=[0, 0, 1, 1])
    assert GainScale.fit(np.array([0.0, 1.0, 9.0, 10.0]), rows).slope == pytest.approx(0.02)


def test_clusters_weigh_alike_and_a_wide_target_has_a_root_of_its_own():
    # spreads of .01 / sqrt 2 and .04 / sqrt 2 with a median of .025 / sqrt 2: relative .4 and 1.6,
    # roots .632 and 1.265. Gains over roots: slopes .01 / .632 = .01581 and .04 / 1.265 = .03162,
    # each of one cluster with the same scores: the mean
    rows = _rows(("q", "a", "a", False, [0.0, 0.01]), ("r", "b", "b", False, [0.0, 0.04]))
    scale = GainScale.fit(np.array([0.0, 1.0, 0.0, 1.0]), rows)
    assert scale.slope == pytest.approx((0.01581 + 0.03162) / 2, rel=1e-3)
    # one query of a target counts as much as what is known of all: the root of the root
    assert scale.root_by_target == pytest.approx({"a": 0.4**0.25, "b": 1.6**0.25})
    asked = pd.DataFrame({"target": ["b", "new"], "untrained": False})
    assert scale.slopes(asked) == pytest.approx([scale.slope * 1.6**0.25, scale.slope])


def test_a_ranking_is_never_turned_round():
    rows = _rows(("q", "a", "a", False, [0.04, 0.01, 0.01]))
    scale = GainScale.fit(np.array([0.0, 1.0, 2.0]), rows)
    assert scale.slope == 1e-3
    np.testing.assert_allclose(scale.gain(np.array([1.0]), rows.iloc[:1]), 0.02, atol=1e-3)


def test_a_target_seen_has_a_level_of_its_own_and_untrained_ones_theirs():
    rows = _rows(
        ("q", "a", "a", False, [0.02, 0.02]),
        ("r", "b", "b", False, [0.04, 0.04]),
        ("s", "b", "b", False, [0.04, 0.04]),
        ("t", "retrieval", "tatoeba", True, [-0.2, -0.2]),
    )
    scale = GainScale.fit(np.zeros(8), rows)
    assert (scale.level, scale.untrained_level) == pytest.approx((0.03, -0.2))
    # b: two queries of .04 and one of the level: .03 + 2/3 * .01
    assert scale.level_by_target["b"] == pytest.approx(0.03 + 0.02 / 3)
    asked = pd.DataFrame({"target": ["b", "new", "bucc"], "untrained": [False, False, True]})
    assert scale.levels(asked) == pytest.approx([0.03 + 0.02 / 3, 0.03, -0.2])


def test_without_untrained_targets_these_have_the_level_of_all():
    scale = GainScale.fit(np.zeros(4), _rows(("q", "a", "a", False, [0.02, 0.02, 0.02, 0.02])))
    assert scale.untrained_level == scale.level == pytest.approx(0.02)


def test_too_few_rows_leave_the_score_as_it_is():
    for count in (0, 2):
        rows = _rows(("q", "a", "a", False, [0.5] * count))
        assert GainScale.fit(np.zeros(count), rows) == GainScale(1.0, 0.0, 0.0, {}, {})
