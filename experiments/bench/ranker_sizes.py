"""`TaskRanker` with its defaults against LightGBM with LangRank's settings, by size of the table.

    python experiments/bench/ranker_sizes.py [--worlds 6]

Simulated tables: candidates, queries and distances between them as features, a fifth of them
without effect, some values missing. Gains follow one of three truths plus a candidate's own luck
and noise; half of the tables have a long tail of bad gains. NDCG@3 with the ten best of a query
graded 10 to 1, under cross-validation by query. Prints for each size the mean of each method and
the paired difference with its standard error over worlds, then the difference by truth.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import lightgbm
import numpy as np

from metaselect.ranking.metrics import ndcg_at
from metaselect.ranking.ranker import TaskRanker
from metaselect.ranking.relevance import grades_by_rank

SIZES = ((20, 20), (40, 30), (50, 60), (120, 40))
TRUTHS = ("linear", "interaction", "threshold")


@dataclass(frozen=True, slots=True)
class Table:
    """Features, shape (n_rows, n_features), with the gain and the query of each row."""

    features: np.ndarray
    gains: np.ndarray
    queries: np.ndarray


Scores = Callable[[Table, np.ndarray], np.ndarray]
"""Learns from a table and scores other features."""


def main() -> None:
    given = read_arguments()
    methods = {"langrank": langrank_scores, "ranker": ranker_scores}
    print("size, NDCG@3 of each method, difference (standard error), by truth")
    for n_queries, n_candidates in SIZES:
        found = {
            (truth, seed): ndcg_of(methods, made_table(truth, n_queries, n_candidates, seed), seed)
            for truth in TRUTHS
            for seed in range(given.worlds)
        }
        print(f"{n_queries} x {n_candidates}: {summary(found)}", flush=True)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=6, help="tables for each truth and size")
    return parser.parse_args()


def summary(found: Mapping[tuple[str, int], Mapping[str, float]]) -> str:
    means = [
        f"{name} {np.mean([ndcg[name] for ndcg in found.values()]):.3f}"
        for name in next(iter(found.values()))
    ]
    ahead = {key: ndcg["ranker"] - ndcg["langrank"] for key, ndcg in found.items()}
    values = np.array(list(ahead.values()))
    error = values.std(ddof=1) / len(values) ** 0.5
    by_truth = [
        f"{truth} {np.mean([value for key, value in ahead.items() if key[0] == truth]):+.3f}"
        for truth in TRUTHS
    ]
    return f"{', '.join(means)}, {values.mean():+.3f} ({error:.3f}); {', '.join(by_truth)}"


def langrank_scores(table: Table, features: np.ndarray) -> np.ndarray:
    """LightGBM with the settings of LangRank (Lin et al. 2019): the top ten graded by rank."""
    codes = np.unique(table.queries, return_inverse=True)[1]
    model = lightgbm.LGBMRanker(
        objective="lambdarank",
        n_estimators=100,
        num_leaves=16,
        learning_rate=0.1,
        min_child_samples=5,
        n_jobs=1,
        verbose=-1,
    )
    relevance = grades_by_rank(table.gains, codes)
    model.fit(table.features, relevance, group=np.bincount(codes))  # rows are sorted by query
    return np.asarray(model.predict(features))


def ranker_scores(table: Table, features: np.ndarray) -> np.ndarray:
    """`TaskRanker` as it comes."""
    ranker = TaskRanker(random_state=0)
    return ranker.fit(table.features, table.gains, group=table.queries).predict(features)


def ndcg_of(
    methods: Mapping[str, Scores], table: Table, seed: int, *, n_folds: int = 4
) -> dict[str, float]:
    """Mean NDCG@3 over the queries of a table, each scored by a model that never saw it."""
    names = np.unique(table.queries)
    fold_of = np.random.default_rng(seed).permutation(len(names)) % n_folds
    found: dict[str, list[float]] = {name: [] for name in methods}
    for fold in range(n_folds):
        left_out = np.isin(table.queries, names[fold_of == fold])
        known = Table(*(part[~left_out] for part in parts(table)))
        test = Table(*(part[left_out] for part in parts(table)))
        for name, method in methods.items():
            found[name] += query_ndcg(method(known, test.features), test)
    return {name: float(np.mean(values)) for name, values in found.items()}


def parts(table: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return table.features, table.gains, table.queries


def query_ndcg(scores: np.ndarray, table: Table) -> list[float]:
    """NDCG@3 of each query."""
    codes = np.unique(table.queries, return_inverse=True)[1]
    relevance = grades_by_rank(table.gains, codes)
    own = [codes == code for code in range(codes.max() + 1)]
    return [ndcg_at(scores[rows], relevance[rows], k=3) for rows in own]


def made_table(truth: str, n_queries: int, n_candidates: int, seed: int) -> Table:
    """A ranking table whose gains follow a truth; rows are sorted by query."""
    rng = np.random.default_rng([seed, TRUTHS.index(truth), n_queries, n_candidates])
    shape = (n_queries, n_candidates)
    candidate = np.broadcast_to(rng.normal(size=(n_candidates, 4)), (*shape, 4))
    query = np.broadcast_to(rng.normal(size=(n_queries, 1, 2)), (*shape, 2))
    places = rng.normal(size=(n_queries, 1, 5)) - rng.normal(size=(n_candidates, 5))
    distance = np.abs(places) + rng.normal(0, 0.3, size=(*shape, 5))
    without_effect = rng.normal(size=(*shape, 4))
    effect = effects(truth, candidate, query, distance, rng.uniform(0.5, 1.5, size=5))
    effect = (effect - effect.mean(axis=1, keepdims=True)) / effect.std()
    own = rng.choice([0.0, 0.5]) * rng.normal(size=n_candidates)
    noise = rng.choice([0.3, 0.7, 1.2]) * rng.normal(size=shape)
    gains = (effect + own + noise) * np.exp(rng.normal(0, 0.4, size=(n_queries, 1)))
    if seed % 2:
        gains = -np.exp(-0.8 * gains)  # a long tail of bad candidates
    distance = np.where(rng.random(distance.shape) < 0.1, np.nan, distance)
    distance[:, rng.random(n_candidates) < 0.2, 1] = np.nan  # a source that lacks candidates
    features = np.concatenate([candidate, query, distance, without_effect], axis=2)
    queries = np.repeat(np.arange(n_queries), n_candidates)
    return Table(features.reshape(len(queries), -1), gains.ravel(), queries)


def effects(
    truth: str, candidate: np.ndarray, query: np.ndarray, distance: np.ndarray, size: np.ndarray
) -> np.ndarray:
    """What features say of gains, shape (n_queries, n_candidates)."""
    near, far = -distance[..., 0], -distance[..., 1]
    if truth == "linear":
        return size[0] * candidate[..., 0] + size[1] * near + size[2] * far
    if truth == "interaction":  # data help where the distance is small; queries differ in taste
        taste = size[2] * query[..., 0] * candidate[..., 1]
        return size[0] * candidate[..., 0] * (2 + near) + size[1] * near + taste
    enough = (candidate[..., 0] > 0) & (near > -1)
    return 2 * size[0] * enough + size[1] * (far > -0.7) + size[2] * (candidate[..., 1] > 1)


if __name__ == "__main__":
    main()
