import numpy as np
import pytest

from metaselect.errors import MetaselectError
from metaselect.ranking.innerfolds import InnerFolds, folds_of
from metaselect.ranking.searchspace import default_settings

GROUPS = ("size", "affinity", "history")


def _folds(rows, catalogue, **given):
    return InnerFolds(rows, catalogue, GROUPS, **({"n_folds": 3, "seed": 0} | given))


def test_every_unit_is_in_one_fold_and_sizes_are_nearly_one():
    units = [f"u{number % 11}" for number in range(100)]
    folds = folds_of(units, n_folds=4, seed=2)
    assert sorted(unit for fold in folds for unit in fold) == sorted(set(units))
    assert sorted(len(fold) for fold in folds) == [2, 3, 3, 3]


def test_folds_follow_names_and_seed_and_not_the_order():
    units = [f"u{number}" for number in range(9)]
    assert folds_of(units[::-1], n_folds=3, seed=1) == folds_of(units, n_folds=3, seed=1)
    assert folds_of(units, n_folds=3, seed=2) != folds_of(units, n_folds=3, seed=1)


def test_fewer_units_make_fewer_folds():
    assert sorted(folds_of(["b", "a", "b"], n_folds=5, seed=0)) == [("a",), ("b",)]


def test_one_unit_is_refused(simulated_rows, catalogue):
    alone = simulated_rows[simulated_rows["cluster"] == "squad"]
    with pytest.raises(MetaselectError, match="at least two independent units"):
        _folds(alone, catalogue)


def test_scores_of_a_unit_do_not_depend_on_its_gains(simulated_rows, catalogue):
    own = (simulated_rows["cluster"] == "squad").to_numpy()
    turned = simulated_rows.assign(gain=simulated_rows["gain"].where(~own, -simulated_rows["gain"]))
    settings = default_settings(GROUPS)
    first, second = (_folds(rows, catalogue) for rows in (simulated_rows, turned))
    among = first.units == "squad"
    assert among.sum() == 5 * 12
    np.testing.assert_allclose(
        first.scores(settings)[among], second.scores(settings)[among], rtol=1e-9
    )
    assert not np.allclose(first.scores(settings)[~among], second.scores(settings)[~among])


def test_the_loss_is_the_mean_over_clusters_of_halved_regrets(simulated_rows, catalogue):
    folds = _folds(simulated_rows, catalogue)
    settings = default_settings(GROUPS)
    table = folds.rows.assign(score=folds.scores(settings))
    by_cluster = {}
    for (cluster, _), own in table.groupby(["cluster", "query"]):
        # no ties among scores: the best of the first one, and of the first three
        order = own.sort_values("score", ascending=False)["gain"].to_numpy()
        regret = own["gain"].max() - np.array([order[0], order[:3].max()])
        by_cluster.setdefault(cluster, []).append(regret.mean())
    expected = np.mean([np.mean(values) for values in by_cluster.values()])
    assert folds.loss_of(settings) == pytest.approx(expected)
    assert len(by_cluster) == 5


def test_the_loss_of_the_last_step_is_of_its_fold_alone(simulated_rows, catalogue):
    folds = _folds(simulated_rows, catalogue)
    assert len(list(folds.steps(default_settings(GROUPS)))) == 3
