"""Evaluation of outer folds in parallel, and their combined result.

Each outer fold leaves out whole units. The ranker's settings, history, scale and intervals come
from the remaining units only. Folds run in parallel processes, each with one thread.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.folds import FoldPlan, OuterFold, without_same_source
from metaselect.evaluation.rounding import PLACES, comparable
from metaselect.features.base import Group
from metaselect.features.table import Unit
from metaselect.parallel import ExecutorName, cluster, run_all
from metaselect.ranking.baselines import RULES, sized_by_examples
from metaselect.ranking.metrics import MEASURES, measure_all
from metaselect.ranking.predictor import Predictor
from metaselect.ranking.tuning import SearchSettings, fit_predictor

_BOUNDS = ("oracle", "ceiling")
"""What no method can know: the gains that are scored on, and gains of the same candidates."""

Floats = npt.NDArray[np.float64]
_SMALLEST_STEP = 1e-3  # gain per grade where noise is unknown or close to 0


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """How an evaluation is made.

    Attributes:
        protocol: What is left out.
        groups: Feature groups of the ranker.
        search: How settings are searched in each fold.
        level: Coverage of the ranker's intervals.
        rules: Names of the simple rules to compare with.
        workers: Processes on this machine.
        executor: Where folds run: on this machine or on a Ray cluster.
        with_direct: Whether `direct` (no intermediate) is one of the candidates.
        with_same_source: Whether to keep runs whose intermediate shares data with the target.
    """

    protocol: Unit
    groups: Sequence[Group]
    search: SearchSettings
    level: float
    rules: Sequence[str]
    workers: int
    executor: ExecutorName = "local"
    with_direct: bool = True
    with_same_source: bool = True


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """Result of all outer folds.

    Attributes:
        queries: One row per query, fold and method: cluster, query, fold, method, measures.
        halves: The same columns, for methods that learnt from one half of the seeds and were scored
            on the other, including the noise ceiling; empty where no candidate has two seeds.
        crossed: Whether `queries` and `halves` are the same table.
        left_out: Units left out, by the fold's name.
        candidates: One row per test candidate: cluster, target, query, intermediate, gain,
            expected, half_width, p_positive, by_examples (whether the rule `size` uses the number
            of examples trained on in that query instead of the card's row count).
        n_trials: Settings tried by all searches.
        n_pruned: Trials that were pruned, out of n_trials.
        unusable: Methods that could not be applied, with the reason.
        simulated: Whether the runs are simulated.
    """

    queries: pd.DataFrame
    halves: pd.DataFrame
    crossed: bool
    left_out: Mapping[str, tuple[str, ...]]
    candidates: pd.DataFrame
    n_trials: int
    n_pruned: int
    unusable: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False

    @property
    def clusters(self) -> pd.DataFrame:
        """Means over the queries of each cluster and method: measures, and gain_crossed."""
        columns = ["cluster", "method"]
        found = _by_cluster(self.queries)
        if not len(self.halves):
            return found.assign(gain_crossed=np.nan)
        crossed = _by_cluster(self.halves)[[*columns, "gain@1"]]
        crossed = crossed[crossed["method"] != "oracle"]  # it knows the gains it is scored on
        return found.merge(
            crossed.rename(columns={"gain@1": "gain_crossed"}), on=columns, how="outer"
        )

    @property
    def methods(self) -> pd.DataFrame:
        """Means over clusters of each method, in order of appearance; what is no method last."""
        return _over_clusters(self.clusters, [self.queries, self.halves])

    @property
    def methods_on_halves(self) -> pd.DataFrame:
        """As `methods`, learnt from one half of the seeds and scored on the other."""
        return _over_clusters(_by_cluster(self.halves), [self.halves])


def _by_cluster(queries: pd.DataFrame) -> pd.DataFrame:
    grouped = queries.groupby(["cluster", "method"], as_index=False)
    return grouped[list(MEASURES)].mean()


def _over_clusters(clusters: pd.DataFrame, appearances: Sequence[pd.DataFrame]) -> pd.DataFrame:
    names = dict.fromkeys(name for table in appearances if len(table) for name in table["method"])
    order = sorted(names, key=lambda name: name in _BOUNDS)
    means = clusters.drop(columns="cluster").groupby("method").mean()
    return means.reindex(order)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """Result of one outer fold.

    Attributes:
        tables: Queries and candidates as in `EvaluationResult`, by the value of `with_direct`;
            only values that leave a query with two candidates.
        n_trials: Settings that the fold's search tried.
        n_pruned: Trials that were pruned, out of n_trials.
    """

    tables: Mapping[bool, tuple[pd.DataFrame, pd.DataFrame]]
    n_trials: int
    n_pruned: int


def runs_to_evaluate(
    runs: pd.DataFrame, catalogue: Catalogue, config: EvaluationConfig
) -> pd.DataFrame:
    """Runs without those that the configuration excludes."""
    return runs if config.with_same_source else without_same_source(runs, catalogue)


def evaluate_folds(
    jobs: Sequence[tuple[OuterFold, EvaluationConfig]],
    catalogue: Catalogue,
    with_direct: Sequence[bool],
) -> Iterator[FoldResult]:
    """Evaluate folds in parallel; yield their results in the order of the jobs.

    Args:
        jobs: Folds with their configurations; the first configuration sets workers and executor.
        catalogue: Task cards.
        with_direct: Values to evaluate with each fit, whatever configurations say.
    """
    if not jobs:
        return
    first = jobs[0][1]
    calls = ((fold, catalogue, config, with_direct) for fold, config in jobs)
    if first.executor == "ray":
        with cluster() as ray:
            yield from run_all(ray, _evaluate_fold, calls)
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=min(first.workers, len(jobs)), return_as="generator")
        yield from parallel(joblib.delayed(_evaluate_fold)(*call) for call in calls)


def combine_folds(
    results: Sequence[FoldResult], with_direct: bool, rules: Sequence[str], plan: FoldPlan
) -> EvaluationResult:
    """Combine all folds for a value of `with_direct` that leaves a main fold a choice.

    Args:
        results: Main folds first, then folds that only cross seeds.
        with_direct: The value.
        rules: Names of the simple rules that were evaluated.
        plan: The folds.
    """
    n_main, crossed = len(plan.main), plan.main is plan.crossed
    main, beside = (
        [item.tables[with_direct] for item in own if with_direct in item.tables]
        for own in (results[:n_main], results[n_main:])
    )
    queries, candidates = (pd.concat(own, ignore_index=True) for own in zip(*main, strict=True))
    others = [queries.iloc[:0], *(own for own, _ in beside)]
    halves = queries if crossed else pd.concat(others, ignore_index=True)
    offered = set(candidates["intermediate"])
    named = [name for name in ("mnli", DIRECT) if name in rules]
    unusable = {
        name: f"no query has {name} among its candidates" for name in named if name not in offered
    }
    return EvaluationResult(
        queries[~queries["method"].isin(unusable)],
        halves[~halves["method"].isin(unusable)],
        crossed,
        {fold.name: fold.left_out for fold in plan.distinct},
        candidates,
        n_trials=sum(item.n_trials for item in results),
        n_pruned=sum(item.n_pruned for item in results),
        unusable=unusable,
    )


def default_workers() -> int:
    """Default number of processes: the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_choice(plan: FoldPlan, config: EvaluationConfig) -> None:
    """Check that the main folds hold a query with two candidates.

    Raises:
        MetaselectError: They hold none.
    """
    if not any(len(_with_choice(f.test, with_direct=config.with_direct)) for f in plan.main):
        raise MetaselectError(no_choice(config))


def no_choice(config: EvaluationConfig) -> str:
    """What to say of an evaluation in which no query has two candidates."""
    return (
        f"Protocol {config.protocol!r} leaves no query with two candidates to choose among: "
        "add runs of more intermediates, or `direct` runs."
    )


def _with_choice(rows: pd.DataFrame, *, with_direct: bool) -> pd.DataFrame:
    """Rows of queries with two or more candidates."""
    if with_direct:
        return rows
    rows = rows[rows["intermediate"] != DIRECT]
    return rows[rows.groupby("query")["gain"].transform("size").to_numpy() > 1]


def _evaluate_fold(
    fold: OuterFold, catalogue: Catalogue, config: EvaluationConfig, with_direct: Sequence[bool]
) -> FoldResult:
    predictor = fit_predictor(
        fold.train,
        catalogue=catalogue,
        groups=config.groups,
        search=config.search,
        level=config.level,
    )
    tests = {value: _with_choice(fold.test, with_direct=value) for value in with_direct}
    tables = {
        value: _evaluate_methods(predictor, replace(fold, test=test), catalogue, config)
        for value, test in tests.items()
        if len(test)
    }
    return FoldResult(tables, predictor.n_trials, predictor.n_pruned)


def _evaluate_methods(
    predictor: Predictor, fold: OuterFold, catalogue: Catalogue, config: EvaluationConfig
) -> tuple[pd.DataFrame, pd.DataFrame]:
    found = predictor.predict(fold.test)
    expected = found.gain.round(PLACES)
    scores = {name: RULES[name](fold.train, fold.test, catalogue) for name in config.rules}
    scores["ranker"] = expected
    scores["oracle"] = fold.test["gain"].to_numpy(dtype=np.float64)
    if fold.crossed:  # candidates unknown on the training seeds come last
        scores["ceiling"] = fold.test["gain_learnt"].fillna(-np.inf).to_numpy(dtype=np.float64)
    steps = grade_steps(fold.test)
    queries = [
        measure_queries(fold.test, values, method=name, fold=fold.name, steps=steps)
        for name, values in scores.items()
    ]
    columns = ["cluster", "target", "query", "intermediate", "gain", "gain_se", "absolute"]
    candidates = fold.test[columns].assign(
        gain=fold.test["gain"].round(PLACES),
        expected=expected,
        half_width=found.half_width.round(PLACES),
        p_positive=found.p_positive.round(PLACES),
        by_examples=sized_by_examples(fold.test),
        fold=fold.name,
    )
    return pd.concat(queries), candidates


def measure_queries(
    rows: pd.DataFrame, scores: Floats, *, method: str, fold: str, steps: Mapping[str, float]
) -> pd.DataFrame:
    """Compute every measure for each query of test rows ranked by scores.

    Scores and gains that differ by rounding alone are ties.
    """
    gains = rows["gain"].to_numpy(dtype=np.float64).round(PLACES)
    scores = comparable(scores)
    clusters = rows["cluster"].to_numpy(dtype=object)
    found = []
    for query, places in rows.groupby("query").indices.items():
        values = measure_all(scores[places], gains[places], step=steps[str(query)])
        found.append({"cluster": clusters[places[0]], "query": query, "method": method, **values})
    return pd.DataFrame(found).assign(fold=fold)


def grade_steps(rows: pd.DataFrame) -> dict[str, float]:
    """Gain worth one grade of relevance for each query: its median standard error."""
    errors = rows.loc[rows["gain_se"] > 0].groupby("query")["gain_se"].median()
    steps = errors.reindex(rows["query"].unique()).fillna(errors.median()).fillna(_SMALLEST_STEP)
    return {str(query): max(round(step, PLACES), _SMALLEST_STEP) for query, step in steps.items()}
