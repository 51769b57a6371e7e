import numpy as np
import pandas as pd
import pytest

from metaselect.ranking.linear import LinearGain, fit_linear


def _fit(table, gains, groups, *, spread, weights=None):
    gains = np.asarray(gains, dtype=float)
    given = np.ones(len(gains)) if weights is None else np.asarray(weights, dtype=float)
    return fit_linear(
        pd.DataFrame(table), gains, groups=np.asarray(groups), weights=given, spread=spread
    )


def test_one_slope_by_hand():
    # x = 1, 3 | 5, 7: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5, scale sqrt(5)
    # within queries x is -1, 1 | -1, 1 over sqrt(5); gains within -.1, .1 | -.2, .2
    # usual spread = median(.1, .2) = .15; alpha = 1 / (.5 * .15)^2 = 177.7778
    # slope = (x'y) / (x'x + alpha) = (.6 / sqrt(5)) / (4 / 5 + alpha) = .2683282 / 178.5778
    model = _fit({"x": [1, 3, 5, 7]}, [0.0, 0.2, 0.5, 0.9], [0, 0, 1, 1], spread=0.5)
    assert model.means == (4.0,)
    assert model.scales == pytest.approx((5**0.5,))
    assert model.slopes == pytest.approx((0.2683282 / 178.5778,), rel=1e-5)


def test_weights_count_rows():
    # a row of weight 2 counts twice: x'Wy = sum of w x y, x'Wx = sum of w x^2 (within queries)
    # x within: -1, 1 over 1 (mean 2, sd 1), gains within -.1, .1; usual spread .1, alpha 100
    # w = 1, 3: (.1 + .3) / (4 + 100)
    model = _fit({"x": [1, 3]}, [0.0, 0.2], [0, 0], spread=1.0, weights=[1, 3])
    assert model.slopes == pytest.approx((0.4 / 104,))


def test_what_does_not_vary_within_queries_gets_no_slope():
    table = {"language": [0.0, 0.0, 9.0, 9.0], "task": [0.0, 1.0, 0.0, 1.0]}
    model = _fit(table, [0.0, 0.1, 0.5, 0.6], [0, 0, 1, 1], spread=1000.0)
    assert model.slopes[0] == 0.0
    # task's sd is .5: one sd is worth .05, less a trace of shrinkage
    assert model.slopes[1] == pytest.approx(0.05, rel=1e-3)


def test_a_small_spread_draws_slopes_to_nothing():
    table, gains, groups = {"x": [0, 1, 0, 1]}, [0.0, 0.1, 0.0, 0.3], [0, 0, 1, 1]
    wide = _fit(table, gains, groups, spread=10.0).slopes[0]
    narrow = _fit(table, gains, groups, spread=0.01).slopes[0]
    assert 0 < narrow < wide / 100


def test_a_missing_value_counts_as_the_mean():
    # mean of 1 and 3 is 2, sd 1: the missing row is 0 away
    model = _fit({"x": [1.0, np.nan, 3.0]}, [0.0, 0.1, 0.2], [0, 0, 0], spread=1.0)
    assert model.means == (2.0,)
    assert model.scales == (1.0,)
    assert model.gain(pd.DataFrame({"x": [np.nan, 2.0]})).tolist() == [0.0, 0.0]


def test_a_feature_that_is_never_known_says_nothing():
    model = _fit({"x": [np.nan] * 4}, [0.0, 0.1, 0.2, 0.4], [0, 0, 1, 1], spread=1.0)
    assert model.slopes == (0.0,)
    assert model.gain(pd.DataFrame({"x": [5.0]})).tolist() == [0.0]


def test_gains_that_never_vary_give_no_slope():
    assert _fit({"x": [0.0, 1.0]}, [0.1, 0.1], [0, 0], spread=1.0).slopes == (0.0,)


def test_the_gain_is_the_sum_of_the_parts():
    # (3 - 1) / 2 * .1 + (10 - 5) / 10 * -.04 = .1 - .02
    model = LinearGain(("a", "b"), (1.0, 5.0), (2.0, 10.0), (-9.0,) * 2, (99.0,) * 2, (0.1, -0.04))
    table = pd.DataFrame({"b": [10.0, np.nan], "other": [7.0, 7.0], "a": [3.0, 3.0]})
    np.testing.assert_allclose(model.parts(table), [[0.1, -0.02], [0.1, 0.0]])
    np.testing.assert_allclose(model.gain(table), [0.08, 0.1], rtol=1e-6)


def test_a_value_beyond_those_seen_counts_as_the_nearest_one():
    model = _fit({"x": [1, 3, 5, 7]}, [0.0, 0.2, 0.5, 0.9], [0, 0, 1, 1], spread=1.0)
    asked = pd.DataFrame({"x": [-100.0, 1.0, 7.0, 100.0]})
    below, lowest, highest, above = model.gain(asked)
    assert (below, above) == (lowest, highest)
    assert lowest < highest
    assert model.parts(asked).sum(axis=1).tolist() == [below, lowest, highest, above]


def test_no_features_say_nothing():
    assert LinearGain((), (), (), (), (), ()).gain(pd.DataFrame(index=range(3))).tolist() == [
        0,
        0,
        0,
    ]


def test_what_rounding_leaves_of_a_constant_gets_no_slope():
    """Else a value that differs for once, in a language never seen, gains 10^15 points."""
    noise = np.array([0.0, 1e-17, 0.0, 1e-17])
    table = pd.DataFrame({"size": [1.0, 2.0, 3.0, 5.0], "distance": noise, "level": 0.3 + noise})
    gains = np.array([0.01, 0.02, 0.03, 0.06])
    line = fit_linear(
        table, gains, groups=np.array([0, 0, 1, 1]), weights=np.full(4, 1e4), spread=1.0
    )
    far = pd.DataFrame({"size": [2.0], "distance": [0.7], "level": [0.9]})
    near = far.assign(distance=0.0, level=0.3)
    assert line.slopes[0] > 0
    assert line.gain(far) == pytest.approx(line.gain(near))
    assert abs(line.parts(far)).max() < 1.0
