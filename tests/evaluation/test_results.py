"""What a record says beside its measures: contrasts, targets of clusters, methods alike."""

import pandas as pd
import pytest

from metaselect.evaluation.fold_evaluation import EvaluationConfig, EvaluationResult
from metaselect.evaluation.results import ablation_record, methods_alike
from metaselect.evaluation.words import cluster_words
from metaselect.ranking.metrics import MEASURES
from metaselect.ranking.tuning import SearchSettings

ARMS = ("random", "all", "without size", "without history", "oracle")


def scored(values: dict[str, list[float]]) -> pd.DataFrame:
    """Two queries, each of a cluster of its own, with one value in every measure."""
    return pd.DataFrame(
        [
            {"cluster": cluster, "query": cluster, "fold": cluster, "method": method}
            | dict.fromkeys(MEASURES, value)
            for method, own in values.items()
            for cluster, value in zip(("copa", "squad"), own, strict=True)
        ]
    )


@pytest.fixture
def record() -> dict:
    queries = scored(dict(zip(ARMS, ([3, 3], [1, 2], [1, 2], [2, 4], [0, 0]), strict=True)))
    candidates = queries[["cluster", "query", "fold"]].assign(
        target=["xcopa", "xquad"] * len(ARMS), by_examples=False
    )
    result = EvaluationResult(queries, queries.iloc[:0], False, {}, candidates, 0, 0)
    search = SearchSettings(n_trials=1, n_folds=2, n_best=1, seed=0, chance=None)
    config = EvaluationConfig("target", ("size",), search, level=0.5, rules=(), workers=1)
    return ablation_record(result, config)


def test_an_ablation_compares_all_groups_with_all_but_one(record: dict) -> None:
    found = {(item["method"], item["against"]): item for item in record["contrasts"]}
    assert found["all", "without size"]["difference"] == 0.0
    assert found["all", "without history"]["difference"] == -1.5  # (1 - 2 + 2 - 4) / 2
    assert found["without size", "random"]["difference"] == -1.5  # as records that shipped have it
    assert not found["all", "without size"]["primary"]


def test_a_record_names_the_targets_of_its_clusters(record: dict) -> None:
    assert record["clusters"] == {"copa": ["xcopa"], "squad": ["xquad"]}
    assert cluster_words(record, "squad") == "xquad"
    assert cluster_words({}, "squad") == "squad"  # a record made before it told
    assert cluster_words(record, None) == "–"


def test_methods_with_the_same_measures_in_every_query_are_named(record: dict) -> None:
    assert record["alike"] == [["all", "without size"]]
    mean_alone = scored({"a": [1, 2], "b": [2, 1], "oracle": [1, 2]})
    assert methods_alike(mean_alone) == []
