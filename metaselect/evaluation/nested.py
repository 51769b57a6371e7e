"""Nested evaluation: every method is tuned on training queries and tested on unseen ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.evaluation.fold_evaluation import (
    EvaluationConfig,
    EvaluationResult,
    check_choice,
    combine_folds,
    evaluate_folds,
    runs_to_evaluate,
)
from metaselect.evaluation.folds import PARTITIONS, FoldPlan, OuterFold, plan_folds
from metaselect.evaluation.progress import Progress, ProgressMeter
from metaselect.runs.simulated import is_simulated

_ONE_SEED = {"ceiling": "no candidate has two seeds"}


@dataclass(frozen=True, slots=True)
class Fits:
    """The fits of an evaluation or an ablation, planned but not made.

    Attributes:
        plan: The folds.
        jobs: Folds with their configuration: every fold of the plan, arm after arm.
        arms: Names of the ranker's variants.
        simulated: Whether the runs are simulated.
        unusable: Methods that cannot be applied, with the reason.
    """

    plan: FoldPlan
    jobs: Sequence[tuple[OuterFold, EvaluationConfig]]
    arms: Sequence[str]
    simulated: bool
    unusable: Mapping[str, str] = field(default_factory=dict)


def evaluate(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    config: EvaluationConfig,
    *,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Evaluate the ranker and the simple rules on every query of a runs table.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Task cards.
        config: Protocol, search and methods.
        progress: Called with a line at most every 15 seconds, and after the last fit.

    Raises:
        MetaselectError: The table has too few units, or no query with two candidates.
    """
    fits = plan_evaluation(runs, catalogue, config)
    return run_one(fits, catalogue, config, label="evaluation", progress=progress)


def plan_evaluation(runs: pd.DataFrame, catalogue: Catalogue, config: EvaluationConfig) -> Fits:
    """The fits of `evaluate`.

    Raises:
        MetaselectError: The table has too few units, or no query with two candidates.
    """
    runs = runs_to_evaluate(runs, catalogue, config)
    plan = plan_folds(
        runs,
        catalogue,
        protocol=config.protocol,
        seed=config.search.seed,
        n_partitions=PARTITIONS,
    )
    check_choice(plan, config)
    return Fits(
        plan,
        jobs=[(fold, config) for fold in plan.distinct],
        arms=("ranker",),
        simulated=is_simulated(runs),
        unusable={} if plan.crossed else _ONE_SEED,
    )


def run_one(
    fits: Fits,
    catalogue: Catalogue,
    config: EvaluationConfig,
    *,
    label: str,
    progress: Progress | None,
) -> EvaluationResult:
    """Make planned fits for the configuration's value of `with_direct` alone."""
    meter = ProgressMeter(len(fits.jobs), len(fits.jobs), progress)
    values = (config.with_direct,)
    return run_fits(fits, catalogue, values, step=lambda: meter.step(label, 1))[values[0]]


def run_fits(
    fits: Fits, catalogue: Catalogue, with_direct: Sequence[bool], *, step: Callable[[], None]
) -> dict[bool, EvaluationResult]:
    """Make planned fits.

    Args:
        fits: From `plan_evaluation` or `plan_ablation`.
        catalogue: Task cards.
        with_direct: Values to evaluate with each fit.
        step: Called after each fit.

    Returns:
        By the value of `with_direct`, those that leave a main fold a query with two candidates;
        rows of the ranker have the arm's name as their method.
    """
    done = []
    for fold_result in evaluate_folds(fits.jobs, catalogue, with_direct):
        done.append(fold_result)
        step()
    n_folds = len(fits.plan.distinct)
    by_arm = [done[start : start + n_folds] for start in range(0, len(done), n_folds)]
    rules = fits.jobs[0][1].rules
    return {
        value: _join_arms([combine_folds(own, value, rules, fits.plan) for own in by_arm], fits)
        for value in with_direct
        if any(value in found.tables for found in done[: len(fits.plan.main)])
    }


def _join_arms(results: Sequence[EvaluationResult], fits: Fits) -> EvaluationResult:
    """All arms as one result, with what is not the ranker's from the first."""
    first = results[0]
    named = list(zip(fits.arms, results, strict=True))
    return replace(
        first,
        queries=_rename_rankers({arm: item.queries for arm, item in named}),
        halves=_rename_rankers({arm: item.halves for arm, item in named}),
        n_trials=sum(item.n_trials for item in results),
        n_pruned=sum(item.n_pruned for item in results),
        unusable={**first.unusable, **fits.unusable},
        simulated=fits.simulated,
    )


def _rename_rankers(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The arms' tables as one: the first whole, of the others the ranker's rows."""
    first, *others = (
        table.assign(method=table["method"].replace("ranker", arm)) for arm, table in tables.items()
    )
    rows = [own[own["method"] == arm] for arm, own in zip(list(tables)[1:], others, strict=True)]
    return pd.concat([first, *rows], ignore_index=True)
