"""What a record says beside its measures: contrasts, targets of clusters, methods alike."""

import pandas as pd
import pytest

from metaselect.evaluation.fold_evaluation import EvaluationConfig, EvaluationResult
from metaselect.evaluation.results import ablation_record, evaluation_record, methods_alike
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


SEARCH = SearchSettings(n_trials=1, n_folds=2, n_best=1, seed=0, chance=None)
CONFIG = EvaluationConfig("target", ("size",), SEARCH, level=0.5, rules=(), workers=1)


def of_one_seed(values: dict[str, list[float]]) -> EvaluationResult:
    """A result without halves of the seeds."""
    queries = scored(values)
    candidates = queries[["cluster", "query", "fold"]].assign(
        target=["xcopa", "xquad"] * len(values), by_examples=False, intermediate="squad",
        absolute=True, gain=0.01, expected=0.01, half_width=0.01, p_positive=0.5,
    )  # fmt: skip
    return EvaluationResult(queries, queries.iloc[:0], False, {}, candidates, 0, 0)


@pytest.fixture
def record() -> dict:
    values = dict(zip(ARMS, ([3, 3], [1, 2], [1, 2], [2, 4], [0, 0]), strict=True))
    return ablation_record(of_one_seed(values), CONFIG)


def test_an_ablation_compares_all_groups_with_all_but_one(record: dict) -> None:
    found = {(item["method"], item["against"]): item for item in record["contrasts"]}
    assert found["all", "without size"]["difference"] == 0.0
    assert found["all", "without history"]["difference"] == -1.5  # (1 - 2 + 2 - 4) / 2
    assert found["without size", "random"]["difference"] == -1.5  # as records that shipped have it
    assert not found["all", "without size"]["primary"]


def test_no_record_holds_a_contrast_of_no_cluster() -> None:
    arms = {name: [3.0, 2.0] for name in ("random", "history", "+both", "all", "oracle")}
    rules = {name: [3.0, 2.0] for name in ("random", "history", "ranker", "oracle")}
    for found in (
        ablation_record(of_one_seed(arms), CONFIG),
        evaluation_record(of_one_seed(rules), CONFIG),
    ):
        assert len(found["contrasts"]) > 3
        assert all(item["n_clusters"] == 2 for item in found["contrasts"])


def test_a_record_names_the_targets_of_its_clusters(record: dict) -> None:
    assert record["clusters"] == {"copa": ["xcopa"], "squad": ["xquad"]}
    assert cluster_words(record, "squad") == "xquad"
    assert cluster_words({}, "squad") == "squad"  # a record made before it told
    assert cluster_words(record, None) == "–"


def test_methods_with_the_same_measures_in_every_query_are_named(record: dict) -> None:
    assert record["alike"] == [["all", "without size"]]
    mean_alone = scored({"a": [1, 2], "b": [2, 1], "oracle": [1, 2]})
    assert methods_alike(mean_alone) == []
