"""Nested evaluation: every method on queries that it never saw, tuned on what it may see.

Outer folds leave units out whole; the ranker's settings, its history, its scale and its intervals
come from the rest alone. Folds run in parallel processes, each with one thread.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.cluster import ExecutorName, carried, cluster
from metaselect.errors import MetaselectError
from metaselect.evaluation.ceiling import noise_ceiling
from metaselect.evaluation.measured import grade_steps, measured
from metaselect.evaluation.protocols import OuterFold, outer_folds, without_same_source
from metaselect.features.base import Group
from metaselect.features.table import Unit, prepare, rankable
from metaselect.ranking.baselines import RULES
from metaselect.ranking.measures import MEASURES
from metaselect.ranking.tuning import Plan, fit_predictor
from metaselect.runs.gains import query_gains
from metaselect.runs.simulated import is_simulated

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]
_Judged = tuple[pd.DataFrame, pd.DataFrame, int, int]


@dataclass(frozen=True, slots=True)
class Scored:
    """What came out of the outer folds.

    Attributes:
        queries: One row for each query, fold and method: cluster, query, fold, method, measures.
        candidates: One row for each test candidate: query, intermediate, gain, expected, radius.
        n_pruned: Trials that searches cut short, of n_trials in all.
        unusable: Methods that could not be applied, with the reason.
        simulated: Whether runs behind them are simulated.
    """

    queries: pd.DataFrame
    candidates: pd.DataFrame
    n_trials: int
    n_pruned: int
    unusable: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False

    @property
    def clusters(self) -> pd.DataFrame:
        """Means over the queries of each cluster and method."""
        grouped = self.queries.groupby(["cluster", "method"], as_index=False)
        return grouped[list(MEASURES)].mean()

    @property
    def methods(self) -> pd.DataFrame:
        """Means over clusters of each method, in order of appearance."""
        means = self.clusters.groupby("method")[list(MEASURES)].mean()
        return means.reindex(self.queries["method"].unique())


@dataclass(frozen=True, slots=True)
class Judging:
    """How an evaluation is made.

    Attributes:
        protocol: What is left out.
        groups: The ranker's feature groups.
        plan: Its search in every fold.
        level: Coverage of its intervals.
        rules: Names of the simple rules beside it.
        workers: Processes of this machine.
        executor: Where folds are judged: here, or on a Ray cluster's cores.
        with_direct: Whether no intermediate is a choice; otherwise the question is which one, if
            one is used.
        with_same_source: Whether runs count whose intermediate shares data with the target.
    """

    protocol: Unit
    groups: Sequence[Group]
    plan: Plan
    level: float
    rules: Sequence[str]
    workers: int
    executor: ExecutorName = "local"
    with_direct: bool = True
    with_same_source: bool = True


def evaluate(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    judging: Judging,
    *,
    ceiling: bool,
    progress: Progress | None = None,
) -> Scored:
    """Judge the ranker and the simple rules on every query of a runs table.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Task cards.
        judging: Protocol, search and methods.
        ceiling: Add the noise ceiling.
        progress: Called with a line after each fold.

    Raises:
        MetaselectError: The table has too few units, or no query with two candidates.
    """
    runs = asked_about(runs, catalogue, judging)
    rows = rankable(prepare(query_gains(runs), catalogue, unit=judging.protocol))
    scored = evaluate_rows(rows, catalogue, judging, progress=progress)
    scored = replace(scored, simulated=is_simulated(runs))
    if not ceiling:
        return scored
    halves = noise_ceiling(
        runs,
        catalogue,
        _folds(rows, judging),
        protocol=judging.protocol,
        seed=judging.plan.seed,
    )
    if not len(halves):
        reason = {"ceiling": "no candidate has two seeds"}
        return replace(scored, unusable={**scored.unusable, **reason})
    return replace(scored, queries=pd.concat([scored.queries, halves], ignore_index=True))


def asked_about(runs: pd.DataFrame, catalogue: Catalogue, judging: Judging) -> pd.DataFrame:
    """The runs that an evaluation is about."""
    return runs if judging.with_same_source else without_same_source(runs, catalogue)


def evaluate_rows(
    rows: pd.DataFrame,
    catalogue: Catalogue,
    judging: Judging,
    *,
    progress: Progress | None = None,
) -> Scored:
    """Judge the ranker, the simple rules and the oracle on prepared rows; see `evaluate`."""
    folds = _folds(rows, judging)
    results = []
    for number, result in enumerate(_side_by_side(folds, catalogue, judging), start=1):
        results.append(result)
        if progress is not None:
            progress(f"{number}/{len(folds)} folds, {judging.protocol} out")
    queries = pd.concat([result[0] for result in results], ignore_index=True)
    offered = {name for fold in folds for name in fold.test["intermediate"].unique()}
    named = [name for name in ("mnli", DIRECT) if name in judging.rules]
    unusable = {
        name: f"no query has {name} among its candidates" for name in named if name not in offered
    }
    queries = queries[~queries["method"].isin(unusable)]
    return Scored(
        queries,
        pd.concat([result[1] for result in results], ignore_index=True),
        n_trials=sum(result[2] for result in results),
        n_pruned=sum(result[3] for result in results),
        unusable=unusable,
    )


def _side_by_side(
    folds: Sequence[OuterFold], catalogue: Catalogue, judging: Judging
) -> Iterator[_Judged]:
    """Results of the folds, in their order."""
    if judging.executor == "ray":
        with cluster() as ray:
            yield from carried(ray, _score_fold, [(fold, catalogue, judging) for fold in folds])
        return
    jobs = (joblib.delayed(_score_fold)(fold, catalogue, judging) for fold in folds)
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=min(judging.workers, len(folds)), return_as="generator")
        yield from parallel(jobs)


def default_workers() -> int:
    """Processes to use where none are named: the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _folds(rows: pd.DataFrame, judging: Judging) -> list[OuterFold]:
    """Outer folds that test queries with `direct` runs alone, if any has them.

    Only there is training directly a choice; the others still serve as training rows.
    """
    folds = outer_folds(rows, protocol=judging.protocol, seed=judging.plan.seed)
    if any(fold.test["absolute"].any() for fold in folds):
        folds = [replace(fold, test=fold.test[fold.test["absolute"]]) for fold in folds]
    if not judging.with_direct:
        folds = [replace(fold, test=_intermediates(fold.test)) for fold in folds]
    kept = [fold for fold in folds if len(fold.test)]
    if not kept:
        raise MetaselectError(
            f"Protocol {judging.protocol!r} leaves no query with two candidates to choose among: "
            "add runs of more intermediates, or `direct` runs."
        )
    return kept


def _intermediates(rows: pd.DataFrame) -> pd.DataFrame:
    """Queries without `direct`, where two candidates or more are left."""
    rows = rows[rows["intermediate"] != DIRECT]
    return rows[rows.groupby("query")["gain"].transform("size").to_numpy() > 1]


def _score_fold(fold: OuterFold, catalogue: Catalogue, judging: Judging) -> _Judged:
    predictor = fit_predictor(
        fold.train,
        catalogue=catalogue,
        groups=judging.groups,
        plan=judging.plan,
        level=judging.level,
    )
    expected = predictor.expected(fold.test)
    scores = {name: RULES[name](fold.train, fold.test, catalogue) for name in judging.rules}
    scores["ranker"] = expected
    scores["oracle"] = fold.test["gain"].to_numpy(dtype=np.float64)
    steps = grade_steps(fold.test)
    tables = [
        measured(fold.test, values, method=name, fold=fold.name, steps=steps)
        for name, values in scores.items()
    ]
    radius = np.nan if predictor.radius.radius is None else predictor.radius.radius
    columns = ["cluster", "query", "intermediate", "gain", "gain_se", "absolute"]
    candidates = fold.test[columns].assign(expected=expected, radius=radius, fold=fold.name)
    return pd.concat(tables), candidates, predictor.n_trials, predictor.n_pruned
