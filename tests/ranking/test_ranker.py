import numpy as np
import pytest
from sklearn.base import RegressorMixin, clone
from sklearn.utils.estimator_checks import check_regressors_train, estimator_checks_generator

import metaselect.ranking
from metaselect.ranking.ranker import OBJECTIVES, TaskRanker


def _checks():
    small = TaskRanker(n_trees=5, min_rows=1, n_models=1)
    return [*estimator_checks_generator(small), *estimator_checks_generator(TaskRanker())]


CHECKS = _checks()
NOT_FOR_A_RANKER = {  # checks that do not apply, and why
    "check_array_api_input": "needs scikit-learn's experimental array API, off by default",
}
NOT_FOR_A_RANKER_AS_REGRESSOR = {  # a ranker is no regressor; of their checks it fails these alone
    "check_regressors_train": "asks scores to fit y in R2; scores have an order, no unit",
}


class _AsRegressor(RegressorMixin, TaskRanker):
    """The ranker under a regressor's tag, to meet the checks that only regressors get."""


def _name(check):
    return getattr(check, "func", check).__name__


def _world(*, n_queries=12, n_candidates=8, seed=0):
    """Gains that rise with the first feature and fall with the second; the third is noise."""
    random = np.random.default_rng(seed)
    group = np.repeat([f"q{number:02}" for number in range(n_queries)], n_candidates)
    features = random.normal(size=(len(group), 3))
    gains = 0.02 * features[:, 0] - 0.01 * features[:, 1] + random.normal(0, 0.002, len(group))
    return features, gains, group


def _small(**settings):
    return TaskRanker(**{"n_trees": 20, "min_rows": 5, "n_models": 2, "random_state": 3} | settings)


def test_users_import_it_from_the_package_of_ranking():
    assert metaselect.ranking.TaskRanker is TaskRanker
    with pytest.raises(AttributeError, match="has no attribute 'TreeRanker'"):
        _ = metaselect.ranking.TreeRanker


def test_scikit_learn_has_its_checks():
    assert len(CHECKS) >= 80  # forty and more for each of two settings


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learns_own_checks_pass(estimator, check):
    if _name(check) in NOT_FOR_A_RANKER:
        pytest.skip(NOT_FOR_A_RANKER[_name(check)])
    check(estimator)


AS_REGRESSOR = [
    (estimator, check)
    for estimator, check in estimator_checks_generator(_AsRegressor())
    if _name(check) not in {_name(known) for _, known in CHECKS}
]


def test_regressors_have_checks_of_their_own():
    assert len(AS_REGRESSOR) >= 8
    assert _name(check_regressors_train) in {_name(check) for _, check in AS_REGRESSOR}


@pytest.mark.parametrize(("estimator", "check"), AS_REGRESSOR)
def test_regressors_checks_pass_but_for_the_fit_of_scores_to_gains(estimator, check):
    if _name(check) in NOT_FOR_A_RANKER_AS_REGRESSOR:
        pytest.skip(NOT_FOR_A_RANKER_AS_REGRESSOR[_name(check)])
    check(estimator)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_rows_not_grouped_by_query_give_the_very_same_model(objective):
    features, gains, group = _world()
    weight = np.linspace(0.5, 2.0, len(gains))
    prior = np.linspace(-0.02, 0.02, len(gains))
    # interleaved: the first candidate of every query, then the second of every query, ...
    order = np.arange(len(gains)).reshape(12, 8).T.ravel()
    assert (group[order][1:] != group[order][:-1]).all()
    sorted_model = _small(objective=objective).fit(
        features, gains, group=group, weight=weight, prior=prior
    )
    mixed_model = _small(objective=objective).fit(
        features[order], gains[order], group=group[order], weight=weight[order], prior=prior[order]
    )
    texts = [
        [booster.model_to_string() for booster in model.boosters_]
        for model in (sorted_model, mixed_model)
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 2
    first, second = sorted_model.predict(features), mixed_model.predict(features)
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_order_of_unseen_candidates_is_learned(objective):
    model = _small(objective=objective, n_trees=60, column_share=1.0)
    features, gains, group = _world(n_queries=30)
    model.fit(features, gains, group=group)
    new, truth, _ = _world(n_queries=20, seed=1)
    scores = model.predict(new)
    # random order would agree on half of the pairs of a query
    agree = [
        np.sign(scores[a] - scores[b]) == np.sign(truth[a] - truth[b])
        for start in range(0, len(truth), 8)
        for a in range(start, start + 8)
        for b in range(start, a)
    ]
    assert np.mean(agree) > 0.8


def test_a_seed_fixes_the_model_and_another_gives_another():
    features, gains, group = _world()
    first, same, other = (
        _small(random_state=seed).fit(features, gains, group=group).predict(features)
        for seed in (1, 1, 2)
    )
    assert first.tobytes() == same.tobytes()
    assert not np.array_equal(first, other)


def test_missing_values_are_allowed_in_fit_and_in_predict():
    features, gains, group = _world()
    features[::3, 0] = np.nan
    features[:, 2] = np.nan
    model = _small().fit(features, gains, group=group)
    assert np.isfinite(model.predict(features)).all()
    assert np.isfinite(model.predict(np.full((4, 3), np.nan))).all()


def test_without_trees_the_prior_is_the_score():
    features, gains, group = _world()
    prior = np.linspace(-0.1, 0.1, len(gains))
    model = _small(n_trees=0).fit(features, gains, group=group, prior=prior)
    np.testing.assert_allclose(model.predict(features, prior=prior), prior)
    doubled = _small(n_trees=0, prior_weight=2.0).fit(features, gains, group=group, prior=prior)
    np.testing.assert_allclose(doubled.predict(features, prior=prior), 2 * prior)
    assert (model.contributions(features) == 0).all()


def test_gains_without_any_difference_leave_the_prior_alone():
    features, gains, group = _world()
    prior = np.linspace(-0.1, 0.1, len(gains))
    model = _small().fit(features, np.zeros_like(gains), group=group, prior=prior)
    np.testing.assert_allclose(model.predict(features, prior=prior), prior)


def test_trees_learn_what_the_prior_misses():
    features, gains, group = _world()
    prior = -0.01 * features[:, 1]  # knows of the second feature alone
    model = _small(n_trees=40, column_share=1.0).fit(features, gains, group=group, prior=prior)
    added = model.predict(features, prior=prior) - prior
    by_feature = [abs(np.corrcoef(added, column)[0, 1]) for column in features.T]
    assert by_feature[0] > 0.8
    assert by_feature[1] < 0.4


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_contributions_sum_to_the_score_without_the_prior(objective):
    features, gains, group = _world()
    prior = np.linspace(-0.1, 0.1, len(gains))
    model = _small(objective=objective).fit(features, gains, group=group, prior=prior)
    trees = model.predict(features, prior=prior) - prior
    rest = trees - model.contributions(features).sum(axis=1)
    # what is left is one constant, the same for every row
    np.testing.assert_allclose(rest, rest[0], atol=1e-9)
    assert np.ptp(trees) > 1e-4


def test_the_unit_of_gains_does_not_change_the_trees():
    features, gains, group = _world()
    fractions = _small().fit(features, gains, group=group)
    # 128 is a power of two, so that division by the spread gives the same bits
    units = _small().fit(features, gains * 128, group=group)
    assert units.spread_ == fractions.spread_ * 128
    np.testing.assert_allclose(units.predict(features), fractions.predict(features) * 128)


def test_another_ranking_table_will_do():
    # candidates are transfer languages, queries are task languages: 6 queries of 9 languages;
    # closer (0) and larger ones (1) help
    random = np.random.default_rng(5)
    distance, size = random.uniform(0, 1, 54), random.uniform(3, 7, 54)
    accuracy = 60 - 20 * distance + 2 * size
    table = np.column_stack([distance, size])
    query = np.tile([3, 1, 2, 6, 5, 4], 9)
    model = TaskRanker(n_trees=60, min_rows=5, random_state=0).fit(table, accuracy, group=query)
    better, worse = model.predict([[0.05, 6.5], [0.95, 3.5]])
    assert better > worse


def test_settings_left_open_follow_the_table_and_stay_open():
    features, gains, group = _world(n_queries=24, n_candidates=25)
    model = TaskRanker(random_state=0).fit(features, gains, group=group)
    # 600 rows: 4 x 24.49 = 97 trees, 24 // 3 = 8 leaves, 600 // 40 = 15 rows a leaf
    assert (model.n_trees_, model.n_leaves_, model.min_rows_) == (97, 8, 15)
    assert {booster.num_trees() for booster in model.boosters_} == {97}
    trees = model.boosters_[0].dump_model()["tree_info"]
    assert max(tree["num_leaves"] for tree in trees) == 8
    assert (model.n_trees, model.n_leaves, model.min_rows) == (None, None, None)
    again = clone(model).fit(features[:200], gains[:200], group=group[:200])
    # 200 rows of 8 queries: 4 x 14.14 = 56 trees, and the least of leaves and rows
    assert (again.n_trees_, again.n_leaves_, again.min_rows_) == (56, 4, 5)


def test_settings_that_are_given_stay_as_given():
    features, gains, group = _world()
    model = TaskRanker(n_trees=7, n_leaves=3, min_rows=2, n_models=1, random_state=0)
    model.fit(features, gains, group=group)
    assert (model.n_trees_, model.n_leaves_, model.min_rows_) == (7, 3, 2)
    assert model.boosters_[0].num_trees() == 7
    trees = model.boosters_[0].dump_model()["tree_info"]
    assert {tree["num_leaves"] for tree in trees} == {3}


def test_a_setting_that_is_given_equals_the_same_setting_left_open():
    features, gains, group = _world(n_queries=24, n_candidates=25)
    left_open = TaskRanker(random_state=0).fit(features, gains, group=group)
    given = TaskRanker(n_trees=97, n_leaves=8, min_rows=15, random_state=0)
    given.fit(features, gains, group=group)
    assert given.predict(features).tobytes() == left_open.predict(features).tobytes()


@pytest.mark.parametrize("objective", ["rank_regression", "lambdarank", "rank_xendcg"])
def test_only_the_order_of_gains_counts_by_default(objective):
    features, gains, group = _world()
    stretched = -np.exp(-100 * gains)  # the same order with a long tail of bad gains
    plain, tail = (
        _small(objective=objective).fit(features, values, group=group)
        for values in (gains, stretched)
    )
    first, second = (
        [booster.predict(features) for booster in model.boosters_] for model in (plain, tail)
    )
    np.testing.assert_array_equal(first, second)
    assert np.ptp(first[0]) > 0


def test_monotone_features_are_kept_monotone():
    features, gains, group = _world()
    model = _small(monotone=[1, 0, 0], objective="regression", column_share=1.0)
    model.fit(features, -gains, group=group)  # the data say the reverse
    line = np.column_stack([np.linspace(-3, 3, 50), np.zeros(50), np.zeros(50)])
    assert (np.diff(model.predict(line)) >= 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "pairwise"}, "objective must be one of"),
        ({"n_trees": -1}, "n_trees must be a whole number from 0"),
        ({"n_trees": 2.5}, "n_trees must be a whole number from 0"),
        ({"n_leaves": 1}, "n_leaves must be a whole number from 2"),
        ({"min_rows": 0}, "min_rows must be a whole number from 1"),
        ({"n_models": 0}, "n_models must be a whole number from 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"grade_step": -1.0}, "grade_step must be above 0"),
        ({"column_share": "half"}, "column_share must be above 0"),
    ],
)
def test_settings_out_of_range_are_refused_at_fit(settings, message):
    features, gains, group = _world()
    with pytest.raises(ValueError, match=message):
        _small(**settings).fit(features, gains, group=group)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"l2": -1.0}, "l2 must be at least 0 and finite"),
        ({"column_share": 1.5}, "column_share must be at most 1"),
        ({"row_share": 2}, "row_share must be at most 1"),
        ({"prior_weight": float("nan")}, "prior_weight must be at least 0 and finite"),
    ],
)
def test_settings_that_lightgbm_would_choke_on_are_refused_by_name(settings, message):
    features, gains, group = _world()
    with pytest.raises(ValueError, match=message):
        _small(**settings).fit(features, gains, group=group)


def test_rows_that_do_not_fit_together_are_refused():
    features, gains, group = _world()
    with pytest.raises(ValueError, match="group has shape"):
        _small().fit(features, gains, group=group[1:])
    with pytest.raises(ValueError, match="weight needs 96 finite numbers"):
        _small().fit(features, gains, group=group, weight=np.ones(3))
    with pytest.raises(ValueError, match="prior needs 96 finite numbers"):
        _small().fit(features, gains, group=group, prior=np.full(len(gains), np.nan))
    with pytest.raises(ValueError, match="infinity"):
        _small().fit(np.where(features > 2, np.inf, features), gains, group=group)
