import numpy as np
import pytest

from metaselect.features.base import DEFAULT_GROUPS, GROUPS
from metaselect.features.table import NEW
from metaselect.ranking.intervals import ConformalRadius
from metaselect.ranking.model import GainModel, GainScale, Settings, fixed_features
from metaselect.ranking.predictor import Choice, Predictor
from metaselect.ranking.searchspace import default_settings


@pytest.fixture(scope="module")
def model(simulated_rows, catalogue):
    settings = default_settings(GROUPS)
    return GainModel.fit(simulated_rows, settings=settings, catalogue=catalogue, seed=1)


class TestGainScale:
    def test_least_squares_by_hand(self):
        # scores 0, 1, 2 and gains .01, .01, .04: slope (.03 / 2), mean .02 at score 1
        scale = GainScale.fit(np.array([0.0, 1.0, 2.0]), np.array([0.01, 0.01, 0.04]))
        assert (scale.slope, scale.intercept) == pytest.approx((0.015, 0.005))
        assert scale.gain(np.array([3.0])) == pytest.approx([0.05])

    def test_a_ranking_is_never_turned_round(self):
        # scores and gains run against each other: order is kept, gains stay near the mean
        scale = GainScale.fit(np.array([0.0, 1.0, 2.0]), np.array([0.04, 0.01, 0.01]))
        assert scale.slope == 1e-3
        assert scale.gain(np.array([1.0])) == pytest.approx([0.02])

    def test_scores_that_tell_nothing_stand_for_the_mean_gain(self):
        scale = GainScale.fit(np.full(4, 0.3), np.array([-0.05, -0.03, -0.05, -0.03]))
        assert scale.gain(np.array([0.3])) == pytest.approx([-0.04])

    def test_too_few_rows_leave_the_score_as_it_is(self):
        scale = GainScale.fit(np.array([0.0, 1.0]), np.array([0.5, 0.1]))
        assert (scale.intercept, scale.slope) == (0.0, 1.0)
        assert GainScale.fit(np.array([]), np.array([])) == GainScale(0.0, 1.0)


class TestGainModel:
    def test_direct_takes_no_part_in_the_fit_and_has_no_score(
        self, model, simulated_rows, catalogue
    ):
        direct = (simulated_rows["intermediate"] == "direct").to_numpy()
        scores = model.score(simulated_rows)
        assert np.isnan(scores[direct]).all()
        assert np.isfinite(scores[~direct]).all()
        without = GainModel.fit(
            simulated_rows[~direct], settings=model.settings, catalogue=catalogue, seed=1
        )
        np.testing.assert_array_equal(without.score(simulated_rows), scores)

    def test_contributions_sum_to_the_score_but_for_one_constant(self, model, simulated_rows):
        rows = simulated_rows[simulated_rows["intermediate"] != "direct"]
        rest = model.score(rows) - model.contributions(rows).sum(axis=1).to_numpy()
        np.testing.assert_allclose(rest, rest[0], atol=1e-7)
        assert np.ptp(model.score(rows)) > 0.01

    def test_shared_fixed_features_change_nothing(self, model, simulated_rows, catalogue):
        rows = simulated_rows[simulated_rows["intermediate"] != "direct"]
        fixed = fixed_features(rows, model.settings, catalogue)
        again = GainModel.fit(
            rows, settings=model.settings, catalogue=catalogue, seed=1, fixed=fixed
        )
        np.testing.assert_array_equal(again.score(rows, fixed=fixed), model.score(rows))

    def test_a_score_does_not_depend_on_the_other_rows(self, model, simulated_rows):
        rows = simulated_rows.assign(held_out=NEW)
        half = rows.sample(frac=0.5, random_state=0)
        np.testing.assert_allclose(model.score(half), model.score(rows)[half.index], rtol=1e-12)

    def test_other_gains_of_a_unit_left_out_do_not_reach_its_own_features(
        self, model, simulated_rows, catalogue
    ):
        own = (simulated_rows["cluster"] == "squad").to_numpy()
        turned = simulated_rows.assign(
            gain=simulated_rows["gain"].where(~own, -simulated_rows["gain"])
        )
        # without fixed features nothing but history is left, and that never sees its own unit
        settings = Settings(("history",), model.settings.pooling, 0.1, model.settings.ranker)
        tables = [
            GainModel.fit(rows, settings=settings, catalogue=catalogue, seed=1).table(rows[own])
            for rows in (simulated_rows, turned)
        ]
        np.testing.assert_allclose(tables[0], tables[1], rtol=1e-5, atol=1e-9)

    @pytest.mark.parametrize("group", DEFAULT_GROUPS)
    def test_every_group_alone_makes_a_model(self, group, simulated_rows, catalogue):
        settings = default_settings([group])
        alone = GainModel.fit(simulated_rows, settings=settings, catalogue=catalogue, seed=1)
        scores = alone.score(simulated_rows)
        direct = (simulated_rows["intermediate"] == "direct").to_numpy()
        assert np.isfinite(scores[~direct]).all()
        assert {name for feature in alone.features for name in feature.groups} == {group}


def test_a_predictor_averages_its_models_in_gains(model, simulated_rows):
    rows = simulated_rows.iloc[:13]
    radius = ConformalRadius(0.9, 3, None)
    choices = tuple(
        Choice(model.settings, GainScale(intercept, slope), 0.0)
        for intercept, slope in [(0.01, 1.0), (0.03, 3.0)]
    )
    predictor = Predictor((model, model), choices, radius, 2, 0)
    direct = (rows["intermediate"] == "direct").to_numpy()
    # the mean of .01 + s and .03 + 3 s is .02 + 2 s
    expected = np.where(direct, 0.0, 0.02 + 2 * model.score(rows))
    np.testing.assert_allclose(predictor.expected(rows), expected)
    parts = predictor.contributions(rows).to_numpy()
    np.testing.assert_allclose(parts, 2 * model.contributions(rows).to_numpy())
