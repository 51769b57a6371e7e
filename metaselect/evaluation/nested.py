"""Nested evaluation: every method on queries that it never saw, tuned on what it may see."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.evaluation.ceiling import noise_ceiling
from metaselect.evaluation.judging import (
    Judging,
    Scored,
    asked_about,
    judged,
    offered_folds,
    scored_of,
    tested_folds,
    the_one,
)
from metaselect.evaluation.protocols import OuterFold
from metaselect.features.table import prepare, rankable
from metaselect.runs.gains import query_gains
from metaselect.runs.simulated import is_simulated

Progress = Callable[[str], None]


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
    choices = (judging.with_direct,)
    (scored,) = evaluate_choices(
        runs, catalogue, judging, choices, ceiling=ceiling, progress=progress
    )
    return the_one(scored, judging)


def evaluate_choices(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    judging: Judging,
    choices: Sequence[bool],
    *,
    ceiling: bool,
    progress: Progress | None = None,
) -> list[Scored | None]:
    """As `evaluate`, for several values of `with_direct`: the same fits answer them all.

    Returns:
        What came out for each; None where no query leaves a choice.

    Raises:
        MetaselectError: The table has too few units.
    """
    runs = asked_about(runs, catalogue, judging)
    rows = rankable(prepare(query_gains(runs), catalogue, unit=judging.protocol))
    folds = tested_folds(rows, judging)
    outcomes = []
    for outcome in judged([(fold, judging) for fold in folds], catalogue, choices):
        outcomes.append(outcome)
        if progress is not None:
            progress(f"{len(outcomes)}/{len(folds)} folds, {judging.protocol} out")
    found = [scored_of(outcomes, place, judging) for place in range(len(choices))]
    found = [item and replace(item, simulated=is_simulated(runs)) for item in found]
    if not ceiling:
        return found
    return [
        item
        and _with_ceiling(
            item, runs, catalogue, judging, offered_folds(folds, with_direct=with_direct)
        )
        for item, with_direct in zip(found, choices, strict=True)
    ]


def _with_ceiling(
    scored: Scored,
    runs: pd.DataFrame,
    catalogue: Catalogue,
    judging: Judging,
    folds: Sequence[OuterFold],
) -> Scored:
    halves = noise_ceiling(
        runs, catalogue, folds, protocol=judging.protocol, seed=judging.plan.seed
    )
    if not len(halves):
        reason = {"ceiling": "no candidate has two seeds"}
        return replace(scored, unusable={**scored.unusable, **reason})
    return replace(scored, queries=pd.concat([scored.queries, halves], ignore_index=True))
