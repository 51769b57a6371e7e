from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.fold_evaluation import EvaluationConfig
from metaselect.evaluation.folds import PROTOCOLS
from metaselect.evaluation.nested import evaluate
from metaselect.evaluation.words import METHOD_WORDS
from metaselect.ranking.baselines import RULES
from metaselect.ranking.metrics import MEASURES
from metaselect.ranking.tuning import SearchSettings
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

CATALOGUE = shipped_catalogue()
TARGETS = ("xnli", "xquad", "mlqa", "udpos")


@pytest.fixture(scope="module")
def runs():
    table = check_runs(simulated_runs(seed=0, noise=0.005), percent=False)
    return table[table["target"].isin(TARGETS)].reset_index(drop=True)


def _config(protocol="target", *, rules=("random", "history", "mnli")):
    search = SearchSettings(n_trials=1, n_folds=2, n_best=1, seed=0, chance=None)
    groups = ("size", "affinity", "history")
    return EvaluationConfig(protocol, groups, search, level=0.5, rules=rules, workers=1)


@pytest.fixture(scope="module")
def scored(runs):
    return evaluate(runs, CATALOGUE, _config())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_query_is_judged_under_every_protocol_by_every_method(runs, protocol):
    lines = []
    found = evaluate(runs, CATALOGUE, _config(protocol), progress=lines.append)
    folds = found.queries["fold"].nunique()
    folds += 0 if found.crossed else found.halves["fold"].nunique()
    assert lines[-1].startswith(f"{folds}/{folds} steps")
    # 20 queries (6 + 5 + 4 + 5) of two encoders
    by_method = found.queries.groupby("method")["query"].nunique()
    names = ("random", "history", "mnli", "ranker", "oracle")
    crossed = protocol in ("family", "intermediate")
    assert found.crossed == crossed
    assert by_method.to_dict() == dict.fromkeys((*names, *(("ceiling",) if crossed else ())), 40), (
        protocol
    )
    assert found.queries[["regret@1", "gain@1", "hit@1"]].notna().all(axis=None)
    assert found.methods.index[0] == "random"
    assert list(found.methods.index[-2:]) == ["oracle", "ceiling"]


def test_the_oracle_loses_nothing_and_nobody_beats_it(scored):
    methods = scored.methods
    assert methods.loc["oracle", "regret@1"] == pytest.approx(0)
    assert methods.loc["oracle", "hit@1"] == pytest.approx(1)
    assert (methods["gain@1"].dropna() <= methods.loc["oracle", "gain@1"] + 1e-12).all()
    # the ceiling chooses by half of the seeds: no regret on all of them, but a gain on the others
    assert np.isnan(methods.loc["ceiling", "regret@1"])
    crossed = methods["gain_crossed"]
    assert crossed["random"] < crossed["ceiling"] < methods.loc["oracle", "gain@1"]
    assert np.isnan(crossed["oracle"])  # it knows the gains that it is scored on


def test_every_method_of_the_halves_is_scored_on_the_same_halves(scored):
    halves = scored.halves
    per_method = halves.groupby("method").size()
    assert set(per_method.index) == {"random", "history", "mnli", "ranker", "oracle", "ceiling"}
    assert per_method.nunique() == 1
    best = halves.groupby(["fold", "query"])[["regret@1", "gain@1"]]
    whole = best.apply(lambda rows: np.ptp(rows["regret@1"] + rows["gain@1"]))
    assert whole.max() < 1e-12  # one best gain for all methods of a query and half


def test_means_are_over_clusters_not_rows(scored):
    assert set(scored.clusters["cluster"]) == {"mnli", "squad", "udpos"}
    queries = scored.queries[scored.queries["method"] == "ranker"]
    by_hand = np.mean(
        [
            queries.loc[queries["cluster"] == name, "gain@1"].mean()
            for name in set(queries["cluster"])
        ]
    )
    assert scored.methods.loc["ranker", "gain@1"] == pytest.approx(by_hand)
    assert tuple(scored.methods.columns) == (*MEASURES, "gain_crossed")


def test_gain_and_regret_of_one_choice_sum_to_the_best_gain(scored):
    best = scored.candidates.groupby("query")["gain"].max()
    known = scored.queries
    total = known["regret@1"] + known["gain@1"]
    np.testing.assert_allclose(total, best.loc[known["query"]], atol=1e-12)


def test_no_method_sees_the_gains_that_it_is_judged_on(runs, scored):
    # xquad's and mlqa's scores turned upside down: what was expected of them stays the same
    own = runs["target"].isin(["xquad", "mlqa"])
    turned = runs.assign(score=runs["score"].where(~own, 1 - runs["score"]))
    again = evaluate(turned, CATALOGUE, _config())
    first, second = (
        table.candidates.query("cluster == 'squad'").set_index(["query", "intermediate"])
        for table in (scored, again)
    )
    assert (first["gain"] + second["gain"]).abs().max() < 1e-9
    np.testing.assert_allclose(first["expected"], second.loc[first.index, "expected"], atol=1e-12)


@pytest.mark.slow
def test_workers_change_nothing(runs, scored):
    config = _config()
    two = evaluate(
        runs,
        CATALOGUE,
        EvaluationConfig(
            config.protocol, config.groups, config.search, 0.5, config.rules, workers=2
        ),
    )
    np.testing.assert_array_equal(two.methods.to_numpy(), scored.methods.to_numpy())


def test_mnli_is_no_rule_where_nobody_ran_it_and_the_ceiling_none_with_one_seed(runs):
    poor = runs[(runs["intermediate"] != "mnli") & (runs["seed"] == 0)].reset_index(drop=True)
    found = evaluate(poor, CATALOGUE, _config())
    assert set(found.unusable) == {"mnli", "ceiling"}
    assert not {"mnli", "ceiling"} & set(found.methods.index)


def test_among_intermediates_direct_is_no_choice_and_the_rest_is_the_same(runs, scored):
    rules = ("random", "history", "mnli", "direct")
    config = replace(_config(rules=rules), with_direct=False)
    among = evaluate(runs, CATALOGUE, config)
    assert "direct" not in set(among.candidates["intermediate"])
    assert among.unusable["direct"] == "no query has direct among its candidates"
    keys = ["fold", "query", "intermediate"]
    both = among.candidates.merge(scored.candidates, on=keys, suffixes=("", "_all"))
    assert len(both) == len(among.candidates) > 0
    assert (both["expected"] == both["expected_all"]).all()  # the ranker learns from the same rows
    gains = among.candidates.groupby(["fold", "query"])["gain"]
    random = among.queries[among.queries["method"] == "random"].set_index(["fold", "query"])
    regret = (gains.max() - gains.mean()).reindex(random.index)
    assert regret.to_numpy() == pytest.approx(random["regret@1"].to_numpy())


def test_runs_on_shared_data_count_only_where_asked(runs, scored):
    config = _config(rules=("random",))
    apart = evaluate(runs, CATALOGUE, replace(config, with_same_source=False))
    shared = [("mnli", "xnli"), ("squad", "xquad"), ("squad", "mlqa")]
    pairs = zip(runs["intermediate"], runs["target"], strict=True)
    rest = runs[[pair not in shared for pair in pairs]].reset_index(drop=True)
    by_hand = evaluate(rest, CATALOGUE, config)
    pd.testing.assert_frame_equal(apart.candidates, by_hand.candidates)
    assert len(apart.candidates) < len(scored.candidates)


def test_a_table_without_a_choice_is_refused(runs):
    alone = runs[runs["intermediate"] == "mnli"].reset_index(drop=True)
    with pytest.raises(MetaselectError, match="nothing to rank"):
        evaluate(alone, CATALOGUE, _config())


def test_every_method_of_an_evaluation_has_words():
    assert set(METHOD_WORDS) == {*RULES, "ranker", "oracle", "ceiling"}
