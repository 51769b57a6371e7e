"""Nested evaluation: every method on queries that it never saw, tuned on what it may see."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.evaluation.folds import PARTITIONS, plan_folds
from metaselect.evaluation.judging import (
    Judging,
    Scored,
    asked_about,
    judged,
    scored_of,
    the_one,
)
from metaselect.runs.simulated import is_simulated

Progress = Callable[[str], None]

_ONE_SEED = "no candidate has two seeds"


def evaluate(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    judging: Judging,
    *,
    progress: Progress | None = None,
) -> Scored:
    """Judge the ranker and the simple rules on every query of a runs table.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Task cards.
        judging: Protocol, search and methods.
        progress: Called with a line after each fold.

    Raises:
        MetaselectError: The table has too few units, or no query with two candidates.
    """
    choices = (judging.with_direct,)
    (scored,) = evaluate_choices(runs, catalogue, judging, choices, progress=progress)
    return the_one(scored, judging)


def evaluate_choices(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    judging: Judging,
    choices: Sequence[bool],
    *,
    progress: Progress | None = None,
) -> list[Scored | None]:
    """As `evaluate`, for several values of `with_direct`: the same fits answer them all.

    Returns:
        What came out for each; None where no query leaves a choice.

    Raises:
        MetaselectError: The table has too few units.
    """
    runs = asked_about(runs, catalogue, judging)
    plan = plan_folds(
        runs,
        catalogue,
        protocol=judging.protocol,
        seed=judging.plan.seed,
        n_partitions=PARTITIONS,
    )
    folds = plan.distinct
    outcomes = []
    for outcome in judged([(fold, judging) for fold in folds], catalogue, choices):
        outcomes.append(outcome)
        if progress is not None:
            progress(f"{len(outcomes)}/{len(folds)} folds, {judging.protocol} out")
    found = [scored_of(outcomes, place, judging.rules, plan) for place in range(len(choices))]
    reason = {} if len(plan.crossed) else {"ceiling": _ONE_SEED}
    return [
        item and replace(item, simulated=is_simulated(runs), unusable={**item.unusable, **reason})
        for item in found
    ]
