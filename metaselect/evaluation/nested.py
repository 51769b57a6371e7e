"""Nested evaluation: every method is tuned on training queries and tested on unseen ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.evaluation.fold_evaluation import (
    EvaluationConfig,
    EvaluationResult,
    combine_folds,
    evaluate_folds,
    require_result,
    runs_to_evaluate,
)
from metaselect.evaluation.folds import PARTITIONS, plan_folds
from metaselect.runs.simulated import is_simulated

Progress = Callable[[str], None]

_ONE_SEED = "no candidate has two seeds"


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
        progress: Called with a line after each fold.

    Raises:
        MetaselectError: The table has too few units, or no query with two candidates.
    """
    choices = (config.with_direct,)
    (result,) = evaluate_choices(runs, catalogue, config, choices, progress=progress)
    return require_result(result, config)


def evaluate_choices(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    config: EvaluationConfig,
    choices: Sequence[bool],
    *,
    progress: Progress | None = None,
) -> list[EvaluationResult | None]:
    """As `evaluate`, for several values of `with_direct` that share the same fits.

    Returns:
        One result for each value; None where no query has two candidates.

    Raises:
        MetaselectError: The table has too few units.
    """
    runs = runs_to_evaluate(runs, catalogue, config)
    plan = plan_folds(
        runs,
        catalogue,
        protocol=config.protocol,
        seed=config.search.seed,
        n_partitions=PARTITIONS,
    )
    folds = plan.distinct
    fold_results = []
    for fold_result in evaluate_folds([(fold, config) for fold in folds], catalogue, choices):
        fold_results.append(fold_result)
        if progress is not None:
            progress(f"{len(fold_results)}/{len(folds)} folds, {config.protocol} out")
    found = [
        combine_folds(fold_results, choice, config.rules, plan) for choice in range(len(choices))
    ]
    reason = {} if len(plan.crossed) else {"ceiling": _ONE_SEED}
    return [
        item and replace(item, simulated=is_simulated(runs), unusable={**item.unusable, **reason})
        for item in found
    ]
