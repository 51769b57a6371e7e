"""What feature groups add: the ladder, each group alone and dropped, and shuffled languages.

Every arm is the same ranker with the same settings, folds and seeds; only its features differ, so
arms are compared query by query. An arm without `history` has no prior from it either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.evaluation.nested import Judging, Scored, asked_about, evaluate_rows
from metaselect.features.base import DEFAULT_GROUPS, GROUPS, Group
from metaselect.features.table import prepare, rankable
from metaselect.runs.gains import query_gains
from metaselect.runs.simulated import is_simulated
from metaselect.seeding import derive_seed

Progress = Callable[[str], None]

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


def arms() -> list[Arm]:
    """The ladder, each group alone, each group dropped, and the control."""
    ladder = [Arm(name, groups) for name, groups in LADDER.items()]
    alone = [Arm(f"{group} alone", (group,)) for group in DEFAULT_GROUPS]
    dropped = [
        Arm(f"without {group}", tuple(other for other in DEFAULT_GROUPS if other != group))
        for group in DEFAULT_GROUPS
    ]
    return [*ladder, *alone, *dropped, Arm(SHUFFLED, DEFAULT_GROUPS, shuffled=True)]


def ablate(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    judging: Judging,
    *,
    progress: Progress | None = None,
) -> Scored:
    """Judge every arm; the method of each row in the result is the arm's name.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Task cards.
        judging: Protocol and search; its groups and rules are ignored.
        progress: Called with a line after each arm.
    """
    runs = asked_about(runs, catalogue, judging)
    rows = rankable(prepare(query_gains(runs), catalogue, unit=judging.protocol))
    shuffled = shuffled_languages(rows, seed=judging.plan.seed)
    plans = arms()
    found: list[Scored] = []
    for number, arm in enumerate(plans, start=1):
        scored = evaluate_rows(
            shuffled if arm.shuffled else rows,
            catalogue,
            replace(judging, groups=arm.groups, rules=("random",)),
        )
        found.append(replace(scored, queries=_named(scored.queries, arm.name, first=number == 1)))
        if progress is not None:
            progress(f"{number}/{len(plans)} arms: {arm.name}")
    return replace(
        found[0],
        queries=pd.concat([item.queries for item in found], ignore_index=True),
        n_trials=sum(item.n_trials for item in found),
        n_pruned=sum(item.n_pruned for item in found),
        simulated=is_simulated(runs),
    )


def shuffled_languages(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Rows whose languages' features are another's: a derangement where there are two or more."""
    codes = sorted(rows["language"].unique())
    order = sorted(codes, key=lambda code: derive_seed(seed, "shuffled", code))
    other = dict(zip(order, np.roll(order, 1), strict=True))
    return rows.assign(language=rows["language"].map(other))


def _named(queries: pd.DataFrame, arm: str, *, first: bool) -> pd.DataFrame:
    """The ranker's rows under the arm's name, with random and the oracle once."""
    kept = {"ranker", "random", "oracle"} if first else {"ranker"}
    own = queries[queries["method"].isin(kept)]
    return own.assign(method=own["method"].replace("ranker", arm))
