"""What feature groups add: the ladder, each group alone and dropped, and shuffled languages.

Every arm is the same ranker with the same settings, folds and seeds, and without trees; only its
features differ, so arms are compared query by query. An arm without `history` has no prior from it
either. Wherever a table has two seeds, arms learn from one half of them and are scored on the
other, so that the luck of a shared training cannot count as skill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.evaluation.fold_evaluation import (
    EvaluationConfig,
    EvaluationResult,
    check_choice,
    runs_to_evaluate,
)
from metaselect.evaluation.folds import OuterFold, plan_folds
from metaselect.evaluation.nested import Fits, run_one
from metaselect.evaluation.progress import Progress
from metaselect.features.base import DEFAULT_GROUPS, GROUPS, Group
from metaselect.runs.simulated import is_simulated
from metaselect.seeding import derive_seed

ARM_PARTITIONS = 3
"""Of the intermediates: arms share partitions, so that fewer tell them apart."""

LADDER: Mapping[str, tuple[Group, ...]] = {
    "size": ("size",),
    "history": ("size", "history"),
    "+difficulty": ("size", "history", "difficulty"),
    "+language": ("size", "history", "language", "diversity"),
    "+both": ("size", "history", "difficulty", "language", "diversity"),
    "all": DEFAULT_GROUPS,
    "+measured": GROUPS,
}
"""Arms of the ladder by name; random stands below them and the oracle above."""

SHUFFLED = "shuffled languages"
"""All features, but each language has another's values: language features must beat this."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm: its feature groups, and whether languages are shuffled."""

    name: str
    groups: tuple[Group, ...]
    shuffled: bool = False


def ladder_arms() -> list[Arm]:
    """The ladder, and the control."""
    ladder = [Arm(name, groups) for name, groups in LADDER.items()]
    return [*ladder, Arm(SHUFFLED, DEFAULT_GROUPS, shuffled=True)]


def all_arms() -> list[Arm]:
    """The ladder, each group alone, each group dropped, and the control."""
    alone = [Arm(f"{group} alone", (group,)) for group in DEFAULT_GROUPS]
    dropped = [
        Arm(f"without {group}", tuple(other for other in DEFAULT_GROUPS if other != group))
        for group in DEFAULT_GROUPS
    ]
    *ladder, control = ladder_arms()
    return [*ladder, *alone, *dropped, control]


def ablate(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    config: EvaluationConfig,
    *,
    arms: Sequence[Arm] | None = None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Evaluate every arm; the method of each row in the result is the arm's name.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Task cards.
        config: Protocol and search; its groups and rules are ignored.
        arms: What is evaluated; None takes `all_arms`.
        progress: Called with a line at most every 15 seconds, and after the last fit.

    Raises:
        MetaselectError: The table has too few units, or no query with two candidates.
    """
    fits = plan_ablation(runs, catalogue, config, arms=all_arms() if arms is None else arms)
    return run_one(fits, catalogue, config, label="ablation", progress=progress)


def plan_ablation(
    runs: pd.DataFrame, catalogue: Catalogue, config: EvaluationConfig, *, arms: Sequence[Arm]
) -> Fits:
    """The fits of `ablate` for given arms.

    Raises:
        MetaselectError: The table has too few units, or no query with two candidates.
    """
    runs = runs_to_evaluate(runs, catalogue, config)
    plan = plan_folds(
        runs,
        catalogue,
        protocol=config.protocol,
        seed=config.search.seed,
        n_partitions=ARM_PARTITIONS,
        cross_all=True,
    )
    check_choice(plan, config)
    other = shuffled_languages(runs["language"], seed=config.search.seed)
    folds = {
        False: plan.distinct,
        True: [_shuffle_languages(fold, other) for fold in plan.distinct],
    }
    own = replace(config, rules=("random",), search=replace(config.search, trees=False))
    return Fits(
        plan,
        [(fold, replace(own, groups=arm.groups)) for arm in arms for fold in folds[arm.shuffled]],
        arms=[arm.name for arm in arms],
        simulated=is_simulated(runs),
    )


def shuffled_languages(codes: pd.Series, *, seed: int) -> dict[str, str]:
    """Another language for each: a derangement where there are two or more."""
    names = sorted(codes.unique())
    order = sorted(names, key=lambda code: derive_seed(seed, "shuffled", code))
    return dict(zip(order, [*order[-1:], *order[:-1]], strict=True))


def _shuffle_languages(fold: OuterFold, other: Mapping[str, str]) -> OuterFold:
    """A fold whose rows have the features of another language."""
    train, test = (
        rows.assign(language=rows["language"].map(other)) for rows in (fold.train, fold.test)
    )
    return replace(fold, train=train, test=test)
