"""How an evaluation is made: outer folds judged side by side, and what comes out of them together.

Outer folds leave units out whole; the ranker's settings, its history, its scale and its intervals
come from the rest alone. Folds run in parallel processes, each with one thread.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import joblib
import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.folds import FoldPlan
from metaselect.evaluation.measured import grade_steps, measured
from metaselect.evaluation.protocols import OuterFold, without_same_source
from metaselect.features.base import Group
from metaselect.features.table import Unit
from metaselect.parallel import ExecutorName, cluster, run_all
from metaselect.ranking.baselines import RULES, sized_by_examples
from metaselect.ranking.measures import MEASURES
from metaselect.ranking.predictor import Predictor
from metaselect.ranking.tuning import Plan, fit_predictor


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


@dataclass(frozen=True, slots=True)
class Scored:
    """What came out of the outer folds.

    Attributes:
        queries: One row for each query, fold and method: cluster, query, fold, method, measures.
        halves: The same where methods learnt from one half of the seeds and were scored on the
            other, the noise ceiling among them; no rows where no candidate has two seeds.
        crossed: Whether `queries` are themselves `halves`.
        left_out: Units that each fold left out, by the fold's name.
        candidates: One row for each test candidate: query, intermediate, gain, expected,
            half_width, p_positive, by_examples (whether the rule `size` counts examples trained on
            in its query, and not the rows of cards).
        n_pruned: Trials that searches cut short, of n_trials in all.
        unusable: Methods that could not be applied, with the reason.
        simulated: Whether runs behind them are simulated.
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
        """Means over clusters of each method, in order of appearance."""
        return _over_clusters(self.clusters, [self.queries, self.halves])

    @property
    def methods_on_halves(self) -> pd.DataFrame:
        """As `methods`, learnt from one half of the seeds and scored on the other."""
        return _over_clusters(_by_cluster(self.halves), [self.halves])


def _by_cluster(queries: pd.DataFrame) -> pd.DataFrame:
    grouped = queries.groupby(["cluster", "method"], as_index=False)
    return grouped[list(MEASURES)].mean()


def _over_clusters(clusters: pd.DataFrame, appearances: Sequence[pd.DataFrame]) -> pd.DataFrame:
    order = dict.fromkeys(name for table in appearances if len(table) for name in table["method"])
    means = clusters.drop(columns="cluster").groupby("method").mean()
    return means.reindex(list(order))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outer fold: queries and candidates as `Scored` has them, for each way to choose.

    None stands where no query leaves a choice.
    """

    tables: list[tuple[pd.DataFrame, pd.DataFrame] | None]
    n_trials: int
    n_pruned: int


def asked_about(runs: pd.DataFrame, catalogue: Catalogue, judging: Judging) -> pd.DataFrame:
    """The runs of a table that an evaluation is about."""
    return runs if judging.with_same_source else without_same_source(runs, catalogue)


def judged(
    jobs: Sequence[tuple[OuterFold, Judging]], catalogue: Catalogue, choices: Sequence[bool]
) -> Iterator[Outcome]:
    """What comes out of folds, in their order; the first job says where all are judged.

    Args:
        jobs: Folds, and how each is judged.
        catalogue: Task cards.
        choices: Values of `with_direct` to judge with each fit.
    """
    if not jobs:
        return
    first = jobs[0][1]
    calls = ((fold, catalogue, judging, choices) for fold, judging in jobs)
    if first.executor == "ray":
        with cluster() as ray:
            yield from run_all(ray, _judge_fold, calls)
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=min(first.workers, len(jobs)), return_as="generator")
        yield from parallel(joblib.delayed(_judge_fold)(*call) for call in calls)


def scored_of(
    results: Sequence[Outcome], place: int, rules: Sequence[str], plan: FoldPlan
) -> Scored | None:
    """One choice of all folds together; None where no query leaves it.

    Args:
        results: Main folds first, then those that only cross seeds.
        place: Which choice.
        rules: Names of the simple rules that were judged.
        plan: The folds.
    """
    n_main, crossed = len(plan.main), plan.main is plan.crossed
    kept = [tables for item in results[:n_main] if (tables := item.tables[place]) is not None]
    if not kept:
        return None
    queries = pd.concat([tables[0] for tables in kept], ignore_index=True)
    candidates = pd.concat([tables[1] for tables in kept], ignore_index=True)
    beside = [tables[0] for item in results[n_main:] if (tables := item.tables[place]) is not None]
    halves = queries if crossed else pd.concat([queries.iloc[:0], *beside], ignore_index=True)
    offered = set(candidates["intermediate"])
    named = [name for name in ("mnli", DIRECT) if name in rules]
    unusable = {
        name: f"no query has {name} among its candidates" for name in named if name not in offered
    }
    return Scored(
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
    """Processes to use where none are named: the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def the_one(scored: Scored | None, judging: Judging) -> Scored:
    """What came out, if anything did.

    Raises:
        MetaselectError: No query left a choice.
    """
    if scored is None:
        raise no_choice(judging)
    return scored


def no_choice(judging: Judging) -> MetaselectError:
    """What is told where no query leaves a choice."""
    return MetaselectError(
        f"Protocol {judging.protocol!r} leaves no query with two candidates to choose among: "
        "add runs of more intermediates, or `direct` runs."
    )


def offered_folds(folds: Sequence[OuterFold], *, with_direct: bool) -> list[OuterFold]:
    """Folds with the test rows that leave a choice; those without any are left out."""
    offered = [replace(fold, test=_offered(fold.test, with_direct=with_direct)) for fold in folds]
    return [fold for fold in offered if len(fold.test)]


def _offered(rows: pd.DataFrame, *, with_direct: bool) -> pd.DataFrame:
    """Candidates of queries with two or more of them."""
    if with_direct:
        return rows
    rows = rows[rows["intermediate"] != DIRECT]
    return rows[rows.groupby("query")["gain"].transform("size").to_numpy() > 1]


def _judge_fold(
    fold: OuterFold, catalogue: Catalogue, judging: Judging, choices: Sequence[bool]
) -> Outcome:
    predictor = fit_predictor(
        fold.train,
        catalogue=catalogue,
        groups=judging.groups,
        plan=judging.plan,
        level=judging.level,
    )
    tables = []
    for with_direct in choices:
        offered = offered_folds([fold], with_direct=with_direct)
        tables.append(
            _measured_test(predictor, offered[0], catalogue, judging) if offered else None
        )
    return Outcome(tables, predictor.n_trials, predictor.n_pruned)


def _measured_test(
    predictor: Predictor, fold: OuterFold, catalogue: Catalogue, judging: Judging
) -> tuple[pd.DataFrame, pd.DataFrame]:
    expected = predictor.expected(fold.test)
    scores = {name: RULES[name](fold.train, fold.test, catalogue) for name in judging.rules}
    scores["ranker"] = expected
    scores["oracle"] = fold.test["gain"].to_numpy(dtype=np.float64)
    if fold.crossed:  # what the seeds that were learnt from have not told of comes last
        scores["ceiling"] = fold.test["gain_learnt"].fillna(-np.inf).to_numpy(dtype=np.float64)
    steps = grade_steps(fold.test)
    queries = [
        measured(fold.test, values, method=name, fold=fold.name, steps=steps)
        for name, values in scores.items()
    ]
    columns = ["cluster", "query", "intermediate", "gain", "gain_se", "absolute"]
    candidates = fold.test[columns].assign(
        expected=expected,
        half_width=predictor.half_widths(fold.test),
        p_positive=predictor.p_positive(fold.test),
        by_examples=sized_by_examples(fold.test),
        fold=fold.name,
    )
    return pd.concat(queries), candidates
