import numpy as np
import pytest

from metaselect.ranking.intervals import Residuals


def _clusters(*names):
    return np.array(names, dtype=object)


def _residuals(values, names, *, level):
    return Residuals.of(values, names, level=level, units="clusters of targets")


def test_the_radius_by_hand():
    # 3 clusters: each weighs 1/4, the unknown fourth 1/4. Cluster a has two residuals of 1/8.
    # sizes .01 (a, 1/8), .02 (b, 1/4), .03 (a, 1/8), .09 (c, 1/4): sums .125 .375 .5 .75
    residuals = np.array([0.01, -0.03, -0.02, 0.09])
    clusters = _clusters("a", "a", "b", "c")
    for level, radius in [(0.125, 0.01), (0.375, 0.02), (0.4, 0.03), (0.5, 0.03), (0.75, 0.09)]:
        assert _residuals(residuals, clusters, level=level).radius == radius
    assert _residuals(residuals, clusters, level=0.76).radius is None


def test_rows_of_a_large_cluster_weigh_no_more_together_than_one_of_a_small():
    # a's hundred small residuals weigh 1/3 together, b's large one 1/3
    residuals = np.array([*[0.001] * 100, 0.2])
    found = _residuals(residuals, _clusters(*["a"] * 100, "b"), level=0.5)
    assert found.radius == 0.2


def test_too_few_clusters_give_no_interval_and_say_how_many_it_takes():
    found = _residuals(np.zeros(4), _clusters(*"abcd"), level=0.9)
    assert found.radius is None
    # K / (K + 1) >= 0.9 from K = 9 on; 4 clusters reach 4 / 5
    assert found.highest_level == 0.8
    assert found.describe() == (
        "no 90% interval: it needs 9 clusters of targets, there are 4 (enough for 80%)"
    )


@pytest.mark.parametrize(("level", "needed"), [(0.5, 1), (0.75, 3), (0.8, 4), (0.9, 9), (0.95, 19)])
def test_as_many_clusters_as_it_says_are_enough(level, needed):
    names = [str(number) for number in range(needed)]
    found = _residuals(np.full(needed, 0.03), _clusters(*names), level=level)
    assert found.radius == 0.03
    assert found.describe() == f"{level:.0%} intervals from {needed} clusters of targets"
    fewer = _residuals(np.full(needed - 1, 0.03), _clusters(*names[1:]), level=level)
    assert fewer.radius is None
    assert f"needs {needed} clusters" in fewer.describe()


def test_missing_residuals_are_left_out():
    found = _residuals(np.array([np.nan, 0.02]), _clusters("a", "b"), level=0.5)
    assert (found.n_units, found.radius) == (1, 0.02)
    assert _residuals(np.array([]), _clusters(), level=0.5).n_units == 0


def test_levels_outside_the_open_unit_interval_are_refused():
    for level in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match="level must lie between 0 and 1"):
            _residuals(np.zeros(1), _clusters("a"), level=level)


@pytest.mark.parametrize(("level", "n_clusters"), [(0.8, 9), (0.9, 12), (0.5, 4)])
def test_rows_of_a_new_cluster_are_covered_as_often_as_asked(level, n_clusters):
    # clusters are exchangeable: each draws its own bias, spread and number of rows; a row of one
    # more cluster is covered by theory with probability >= level; 1,500 worlds put the share
    # seen within 3 standard errors of it, 3 * sqrt(level * (1 - level) / 1500) <= 0.039
    random = np.random.default_rng(7)
    covered = []
    for _ in range(1500):
        worlds = [
            random.normal(random.normal(0, 0.02), random.gamma(2, 0.01), random.integers(1, 8))
            for _ in range(n_clusters + 1)
        ]
        names = np.repeat(np.arange(n_clusters), [len(world) for world in worlds[:-1]])
        known = np.concatenate(worlds[:-1])
        radius = _residuals(known, names.astype(object), level=level).radius
        assert radius is not None
        covered.append(abs(worlds[-1][0]) <= radius)
    error = 3 * np.sqrt(level * (1 - level) / len(covered))
    assert np.mean(covered) >= level - error
    # nor much wider than needed: at most one cluster's weight more, 1 / (K + 1)
    assert np.mean(covered) <= level + 1 / (n_clusters + 1) + error


def test_the_probability_of_a_gain_by_hand():
    # clusters a (-1, 1) and b (3): residuals weigh 1/4, 1/4, 1/2. An expected gain of 0.01 with a
    # spread of 0.02 is above 0 where the residual is above -0.5: 3/4 of the weight; the unknown
    # third unit counts half: (2 * 3/4 + 1/2) / 3
    found = _residuals(np.array([-1.0, 1.0, 3.0]), _clusters("a", "a", "b"), level=0.5)
    said = found.p_positive(np.array([0.01]), np.array([0.02]))
    assert said == pytest.approx([2 / 3])
    # twice the spread asks for a residual above -0.25: the same; a loss of 0.03 for one above 1.5
    said = found.p_positive(np.array([0.01, -0.03]), np.array([0.04, 0.02]))
    assert said == pytest.approx([2 / 3, (2 * 0.5 + 0.5) / 3])


def test_the_probability_is_never_certain_and_unknown_without_residuals():
    found = _residuals(np.array([0.1, -0.1]), _clusters("a", "b"), level=0.5)
    said = found.p_positive(np.array([100.0, -100.0]), np.ones(2))
    assert said == pytest.approx([2.5 / 3, 0.5 / 3])
    nothing = _residuals(np.array([]), _clusters(), level=0.5)
    assert np.isnan(nothing.p_positive(np.zeros(1), np.ones(1))).all()


def test_said_probabilities_are_seen_as_often_in_new_clusters():
    # expected gains and spreads are known, residuals are exchangeable over clusters: of what is
    # said to be above 0 with probability p, a share p is; 4,000 rows of new clusters, fifths of p
    random = np.random.default_rng(3)
    names = np.repeat(np.arange(40), 5)
    found = _residuals(random.normal(size=200), names.astype(object), level=0.8)
    expected, spread = random.normal(0, 0.02, 4000), random.gamma(4, 0.005, 4000)
    said = found.p_positive(expected, spread)
    seen = expected + spread * random.normal(size=4000) > 0
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        own = (said >= low) & (said < low + 0.2)
        assert own.sum() > 200
        assert abs(said[own].mean() - seen[own].mean()) < 0.08  # 3 * sqrt(.25 / 400) and the 200
