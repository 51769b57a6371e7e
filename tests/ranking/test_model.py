import numpy as np
import pytest
from scipy.stats import spearmanr

from metaselect.features.base import DEFAULT_GROUPS, GROUPS
from metaselect.features.table import NEW
from metaselect.ranking.intervals import GainSpread, Residuals
from metaselect.ranking.model import GainModel, Settings, fit_prior, fixed_features
from metaselect.ranking.predictor import ChosenSettings, Predictor
from metaselect.ranking.scale import GainScale
from metaselect.ranking.searchspace import default_settings


@pytest.fixture(scope="module")
def model(simulated_rows, catalogue):
    settings = default_settings(GROUPS)
    return GainModel.fit(simulated_rows, settings=settings, catalogue=catalogue, seed=1)


def _scores(model, rows):
    return model.score(rows, model.table(rows))


class TestGainModel:
    def test_direct_takes_no_part_in_the_fit_and_has_no_score(
        self, model, simulated_rows, catalogue
    ):
        direct = (simulated_rows["intermediate"] == "direct").to_numpy()
        scores = _scores(model, simulated_rows)
        assert np.isnan(scores[direct]).all()
        assert np.isfinite(scores[~direct]).all()
        without = GainModel.fit(
            simulated_rows[~direct], settings=model.settings, catalogue=catalogue, seed=1
        )
        np.testing.assert_array_equal(_scores(without, simulated_rows), scores)

    def test_contributions_sum_to_the_score_but_for_one_constant(self, model, simulated_rows):
        rows = simulated_rows[simulated_rows["intermediate"] != "direct"]
        table = model.table(rows)
        rest = model.score(rows, table) - model.contributions(rows, table).sum(axis=1).to_numpy()
        np.testing.assert_allclose(rest, rest[0], atol=1e-7)
        assert np.ptp(_scores(model, rows)) > 0.01

    def test_shared_fixed_features_change_nothing(self, model, simulated_rows, catalogue):
        rows = simulated_rows[simulated_rows["intermediate"] != "direct"]
        fixed = fixed_features(rows, model.settings, catalogue)
        prior = fit_prior(rows, settings=model.settings, catalogue=catalogue, fixed=fixed)
        again = prior.with_trees(model.settings, seed=1)
        np.testing.assert_array_equal(
            again.score(rows, again.table(rows, fixed=fixed)), _scores(model, rows)
        )

    def test_a_score_does_not_depend_on_the_other_rows(self, model, simulated_rows):
        rows = simulated_rows.assign(held_out=NEW)
        half = rows.sample(frac=0.5, random_state=0)
        np.testing.assert_allclose(
            _scores(model, half), _scores(model, rows)[half.index], rtol=1e-12
        )

    def test_other_gains_of_a_unit_left_out_do_not_reach_its_own_features(
        self, model, simulated_rows, catalogue
    ):
        own = (simulated_rows["cluster"] == "squad").to_numpy()
        turned = simulated_rows.assign(
            gain=simulated_rows["gain"].where(~own, -simulated_rows["gain"])
        )
        # without slopes nothing but history is left, and that never sees its own unit
        settings = Settings(("history",), model.settings.pooling, 1e-9, 0.0, model.settings.ranker)
        tables = [
            GainModel.fit(rows, settings=settings, catalogue=catalogue, seed=1).table(rows[own])
            for rows in (simulated_rows, turned)
        ]
        np.testing.assert_allclose(tables[0], tables[1], rtol=1e-5, atol=1e-9)

    @pytest.mark.parametrize("group", DEFAULT_GROUPS)
    def test_every_group_alone_makes_a_model(self, group, simulated_rows, catalogue):
        settings = default_settings([group])
        alone = GainModel.fit(simulated_rows, settings=settings, catalogue=catalogue, seed=1)
        scores = _scores(alone, simulated_rows)
        direct = (simulated_rows["intermediate"] == "direct").to_numpy()
        assert np.isfinite(scores[~direct]).all()
        assert {name for feature in alone.features for name in feature.groups} == {group}

    def test_a_query_of_wide_spread_does_not_decide_alone(self, simulated_rows, catalogue):
        # one target's gains a hundred times as large: the order of candidates elsewhere is kept
        rows = simulated_rows[simulated_rows["intermediate"] != "direct"]
        wide = rows.assign(gain=rows["gain"].where(rows["target"] != "tatoeba", rows["gain"] * 100))
        settings = default_settings(DEFAULT_GROUPS)
        asked = rows[rows["target"] == "xnli"].assign(held_out=NEW)
        scores = [
            _scores(
                GainModel.fit(
                    table[table["target"] != "xnli"], settings=settings, catalogue=catalogue, seed=1
                ),
                asked,
            )
            for table in (rows, wide)
        ]
        assert spearmanr(*scores).statistic > 0.5


def test_a_predictor_averages_its_models_in_gains(model, simulated_rows):
    rows = simulated_rows.iloc[:13]
    residuals = Residuals(0.9, 3, "clusters of targets", 2.0, (-1.0, 1.0))
    choices = tuple(
        ChosenSettings(model.settings, GainScale(slope, level, level, {}, {}), 0.0)
        for level, slope in [(0.01, 1.0), (0.03, 3.0)]
    )
    spread = GainSpread(0.01, {}, {}, {"mnli": 2.0})
    predictor = Predictor((model, model), choices, residuals, spread, 2, 0)
    direct = (rows["intermediate"] == "direct").to_numpy()
    # the mean of .01 + s and .03 + 3 s is .02 + 2 s
    found, table = predictor.predict(rows), model.table(rows)
    expected = np.where(direct, 0.0, 0.02 + 2 * _scores(model, rows))
    np.testing.assert_allclose(found.gain, expected)
    parts = predictor.contributions(found).to_numpy()
    np.testing.assert_allclose(parts, 2 * model.contributions(rows, table).to_numpy())
    # two spreads of .01, of .02 for mnli; direct's gain is known
    widths = np.where(direct, 0.0, np.where(rows["intermediate"] == "mnli", 0.04, 0.02))
    np.testing.assert_allclose(found.half_width, widths)
    assert (found.p_positive[direct] == 0).all()
