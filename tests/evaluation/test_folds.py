"""Which seeds the folds of an evaluation learn from, and which they are scored on."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.evaluation.ablation import ladder_arms, plan_ablation
from metaselect.evaluation.fold_evaluation import EvaluationConfig
from metaselect.evaluation.folds import PROTOCOLS, has_two_seeds, plan_folds
from metaselect.features.base import DEFAULT_GROUPS
from metaselect.ranking.tuning import SearchSettings
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

CATALOGUE = shipped_catalogue()


@pytest.fixture(scope="module")
def runs():
    table = check_runs(simulated_runs(seed=0, noise=0.02), percent=False)
    kept = table["target"].isin(["xnli", "udpos", "xquad"]) & table["seed"].isin([0, 1])
    return table[kept].reset_index(drop=True)


def _gains_of_seed(runs, seed):
    """Gain of every cell by one seed alone, by query and intermediate."""
    own = runs[runs["seed"] == seed]
    keys = ["study", "encoder", "target", "language"]
    direct = own[own["intermediate"] == "direct"].set_index(keys)["score"].rename("direct")
    rows = own.join(direct, on=keys)
    return rows.assign(gain=rows["score"] - rows["direct"])


@pytest.mark.parametrize("protocol", ["target", "family", "intermediate"])
def test_crossed_folds_are_scored_on_seeds_that_nobody_learnt_from(runs, protocol):
    plan = plan_folds(runs, CATALOGUE, protocol=protocol, seed=0, n_partitions=10)
    assert plan.crossed
    study = "simulated/encoder-base"  # each study has halves of its own
    own = runs[runs["study"] == study]
    known = {seed: set(_gains_of_seed(own, seed)["gain"].round(9)) for seed in (0, 1)}
    for fold in plan.crossed:
        tables = [rows[rows["study"] == study] for rows in (fold.train, fold.test)]
        halves = [
            {seed for seed in known if set(rows["gain"].round(9)) - {0.0} <= known[seed]}
            for rows in tables
        ]
        assert sorted(map(len, halves)) == [1, 1]
        assert halves[0] != halves[1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_where_training_and_test_share_models_every_measure_crosses_seeds(runs, protocol):
    plan = plan_folds(runs, CATALOGUE, protocol=protocol, seed=0, n_partitions=10)
    shared = protocol in ("family", "intermediate")
    assert (plan.main is plan.crossed) == shared
    assert all(fold.crossed == shared for fold in plan.main)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arms_are_scored_on_seeds_that_they_did_not_learn_from(runs, protocol):
    search = SearchSettings(n_trials=1, n_folds=2, n_best=1, seed=0, chance=None)
    config = EvaluationConfig(
        protocol=protocol, groups=DEFAULT_GROUPS, search=search, level=0.8, rules=(), workers=1
    )
    own = runs[runs["study"] == "simulated/encoder-base"] if protocol != "encoder" else runs
    fits = plan_ablation(own, CATALOGUE, config, arms=ladder_arms())
    assert len(fits.jobs) == len(ladder_arms()) * len(fits.plan.distinct)
    assert all(fold.crossed for fold, _ in fits.jobs)


def test_the_ceiling_knows_the_gains_of_the_seeds_learnt_from(runs):
    plan = plan_folds(runs, CATALOGUE, protocol="target", seed=0, n_partitions=10)
    for fold in plan.crossed:
        test = fold.test[fold.test["intermediate"] != "direct"]
        assert test["gain_learnt"].notna().all()
        away = (test["gain_learnt"] - test["gain"]).abs()
        assert away.median() > 1e-4  # another seed's gain, not the one scored on


def test_ten_partitions_of_the_intermediates_each_test_every_candidate_twice(runs):
    plan = plan_folds(runs, CATALOGUE, protocol="intermediate", seed=0, n_partitions=10)
    tested = pd.concat([fold.test.assign(fold=fold.name) for fold in plan.main])
    tested = tested[tested["intermediate"] != "direct"]
    counts = tested.groupby(["query", "intermediate"]).size()
    assert (counts == 10 * 2).all()  # partitions times both ways round
    assert len({fold.name for fold in plan.main}) == len(plan.main) == 10 * 2 * 3
    partitions = {
        frozenset(fold.left_out for fold in plan.main if fold.name.startswith(f"{number}.1"))
        for number in range(10)
    }
    assert len(partitions) > 5


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_queries_of_an_unfinished_grid_are_learnt_from_and_not_tested(runs, protocol):
    # of one target only two intermediates were run so far
    begun = (runs["target"] == "xnli") & ~runs["intermediate"].isin(["direct", "mnli", "qqp"])
    own = runs[~begun].reset_index(drop=True)
    plan = plan_folds(own, CATALOGUE, protocol=protocol, seed=0, n_partitions=2)
    for folds in (plan.main, plan.crossed):
        tested, learnt = (
            {name for fold in folds for name in getattr(fold, part)["target"]}
            for part in ("test", "train")
        )
        assert learnt - tested == {"xnli"}


def test_one_seed_leaves_nothing_to_cross(runs):
    one = runs[runs["seed"] == 0].reset_index(drop=True)
    assert has_two_seeds(runs)
    assert not has_two_seeds(one)
    plan = plan_folds(one, CATALOGUE, protocol="family", seed=0, n_partitions=10)
    assert plan.crossed == ()
    assert not any(fold.crossed for fold in plan.main)
    assert np.isfinite(plan.main[0].test["gain"]).all()
