"""A made-up world with a known best ranking, from runs to the verdict, and that world shuffled."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.evaluation.contrasts import Comparison, contrast
from metaselect.evaluation.fold_evaluation import EvaluationConfig
from metaselect.evaluation.folds import PROTOCOLS
from metaselect.evaluation.nested import evaluate
from metaselect.features.base import GROUPS
from metaselect.ranking.tuning import SearchSettings
from metaselect.runs.gains import QUERY
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs, simulated_truth
from metaselect.selector import TaskSelector

CATALOGUE = shipped_catalogue()


def _runs(*, seed=0):
    return check_runs(simulated_runs(seed=seed, noise=0.01), percent=False)


def _shuffled(runs, *, seed):
    """The same scores, but within each query the names of candidates dealt out anew."""
    random = np.random.default_rng(seed)
    names = sorted(runs["intermediate"].unique())
    parts = []
    for _, own in runs.groupby(list(QUERY)):
        dealt = dict(zip(names, random.permutation(names), strict=True))
        parts.append(own.assign(intermediate=own["intermediate"].map(dealt)))
    return pd.concat(parts, ignore_index=True)


def _clusters(runs, *, protocol="target", with_direct=True):
    search = SearchSettings(n_trials=1, n_folds=2, n_best=1, seed=0, chance=None, trees=False)
    config = EvaluationConfig(
        protocol, GROUPS, search, level=0.8, rules=["random"], with_direct=with_direct, workers=1
    )
    return evaluate(runs, CATALOGUE, config).clusters


def _against_random(clusters, measure="regret@1"):
    return contrast(clusters, Comparison("ranker", "random", measure), seed=0)


def test_the_ranker_finds_what_is_best_in_targets_it_never_saw():
    clusters = _clusters(_runs())
    means = clusters.groupby("method")[["regret@1", "regret@3", "hit@1"]].mean()
    found = _against_random(clusters)
    # the whole 95 % interval over clusters lies below 0, and most of random's regret is gone
    assert found.high < 0
    assert found.p <= 0.01
    assert means.loc["ranker", "regret@1"] < means.loc["random", "regret@1"] / 3
    assert means.loc["ranker", "regret@3"] < means.loc["random", "regret@3"] / 3
    assert means.loc["ranker", "hit@1"] > 0.4


def test_shuffled_names_bring_the_ranker_down_to_random():
    # names are exchangeable within a query, so a ranker that saw other queries alone expects
    # random's regret exactly; two deals of 8 clusters make 16 independent differences, whose
    # 95 % interval holds 0 and whose mean is far from what the true names give (about .016)
    tables = [
        _clusters(_shuffled(_runs(), seed=seed)).assign(
            cluster=lambda table, seed=seed: table["cluster"] + str(seed)
        )
        for seed in range(2)
    ]
    found = _against_random(pd.concat(tables, ignore_index=True))
    assert found.n_clusters >= 14
    assert found.low < 0 < found.high
    assert abs(found.difference) < 0.004
    assert found.p > 0.05


def test_a_planted_effect_is_found_at_its_size():
    # names dealt out anew, then 5 points on top of everything that was fine-tuned on qqp first,
    # which clears every other candidate: chosen on other seeds, it gains what was planted, and
    # random choice a thirteenth of it
    runs = _runs()
    runs = _shuffled(runs[runs["study"] == runs["study"].iloc[0]], seed=0)
    planted = 0.05 * (runs["intermediate"] == "qqp")
    clusters = _clusters(runs.assign(score=(runs["score"] + planted).clip(upper=1.0)))
    found = _against_random(clusters, "gain_crossed")
    assert found.low > 0
    assert found.difference == pytest.approx(0.05 * 12 / 13, abs=0.012)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shuffled_names_are_random_under_every_protocol(protocol):
    # ten deals: what is shared by training and test (one model in many languages, one baseline)
    # is the luck of seeds that are not scored on, so that nothing is left to learn; but where the
    # other intermediates of a query were seen, they tell whether its `direct` is a good choice
    with_direct = protocol != "intermediate"
    tables = [
        _clusters(_shuffled(_runs(), seed=seed), protocol=protocol, with_direct=with_direct)
        for seed in range(10)
    ]
    tables = [table.assign(deal=seed) for seed, table in enumerate(tables)]
    means = pd.concat(tables).groupby(["deal", "method"])["regret@1"].mean().unstack()
    away = means["ranker"] - means["random"]
    assert len(away) == 10
    assert abs(away.mean()) < 3 * away.std(ddof=1) / 10**0.5 + 1e-4
    assert abs(away.mean()) < 0.002


@pytest.fixture(scope="module")
def selector():
    return TaskSelector(n_trials=1, n_folds=2, level=0.7).fit(_runs())


def test_rankings_of_all_known_targets_agree_with_the_truth(selector):
    truth = simulated_truth()
    truth = truth[truth["study"] == "simulated/encoder-base"]
    taus = []
    for target, own in truth.groupby("target"):
        languages = own["language"].unique().tolist()
        found = selector.rank(target=target, languages=languages, study="simulated/encoder-base")
        both = own[["language", "intermediate", "gain"]].merge(
            found[["language", "intermediate", "score"]], on=["language", "intermediate"]
        )
        taus += [
            query[["gain", "score"]].corr(method="kendall").iloc[0, 1]
            for _, query in both.groupby("language")
        ]
    assert len(taus) == 48
    assert np.mean(taus) > 0.6  # random order has 0


def test_harmful_worlds_put_direct_first():
    # every score with an intermediate lowered by 10 points: nothing beats training directly
    runs = _runs()
    lowered = (runs["score"] - 0.1).clip(lower=0)
    runs = runs.assign(score=runs["score"].where(runs["intermediate"] == "direct", lowered))
    selector = TaskSelector(n_trials=1, n_folds=2).fit(runs)
    found = selector.rank(target="mewslix", languages=["sw"])
    assert found["intermediate"].iloc[0] == "direct"
    assert (found["gain"].iloc[1:] < -0.03).all()
