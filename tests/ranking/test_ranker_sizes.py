"""`TaskRanker` with its defaults is no worse than LangRank's settings, on tables of any size."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "experiments" / "bench" / "ranker_sizes.py"
NOISE = 0.01  # of NDCG@3: tables are few here; the script compares over more of them


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("ranker_sizes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("n_queries", "n_candidates", "seeds", "n_folds"),
    [(20, 20, (0, 1), 3), (40, 30, (0, 1), 3), (50, 60, (0,), 3), (120, 40, (1,), 2)],
)
def test_defaults_are_no_worse_than_langranks_settings(
    script, n_queries, n_candidates, seeds, n_folds
):
    methods = {"langrank": script.langrank_scores, "ranker": script.ranker_scores}
    found = []
    for truth in script.TRUTHS:
        for seed in seeds:
            table = script.made_table(truth, n_queries, n_candidates, seed)
            ndcg = script.ndcg_of(methods, table, seed, n_folds=n_folds)
            found.append(ndcg["ranker"] - ndcg["langrank"])
    assert len(found) == 3 * len(seeds)
    assert np.mean(found) >= -NOISE


def test_made_tables_can_be_learned_and_have_missing_values(script):
    table = script.made_table("linear", 40, 30, 0)
    assert 0.03 < np.isnan(table.features).mean() < 0.06  # a tenth and a bit of 5 columns in 15
    by_chance = script.ndcg_of({"none": lambda _, features: np.zeros(len(features))}, table, 0)
    learned = script.ndcg_of({"ranker": script.ranker_scores}, table, 0)
    assert learned["ranker"] > by_chance["none"] + 0.1
