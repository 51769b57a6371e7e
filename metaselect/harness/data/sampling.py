"""The test rows that are scored: a sample with the classes in the shares that the whole set has.

It is the same in every run, since its seed is the data set's. A set whose rows are parallel over
languages gives the same rows in each, and so the same constant answer the same score in each:
`harness/score/majority.py` says which.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from metaselect.catalogue.tasks import TaskCard
from metaselect.harness.data.rows import Labelled, MultipleChoice, Question, Row, Tagged
from metaselect.harness.score.metrics import OUTSIDE


def sample_test_rows(
    rows: Sequence[Row], card: TaskCard, *, wanted: int | None, seed: int
) -> list[int]:
    """Sorted positions of a sample, stratified by what a constant answer would live on.

    Strata are the class, the place of the right choice, whether a question has an answer, or
    whether a sentence has an entity. Rows of other kinds (pairs, ratings, part-of-speech tags) are
    one stratum: a plain random sample.

    Args:
        rows: A whole test set.
        card: The task's.
        wanted: How many; None, or as many as there are, takes all.
        seed: The data set's.
    """
    if wanted is None or wanted >= len(rows):
        return list(range(len(rows)))
    outside = card.labels.index(OUTSIDE) if OUTSIDE in card.labels else None
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    members: dict[Hashable, list[int]] = {}
    for position in order:
        members.setdefault(_stratum(rows[position], outside), []).append(position)
    names = sorted(members, key=str)
    sizes = proportional([len(members[name]) for name in names], wanted)
    return sorted(
        position
        for name, size in zip(names, sizes, strict=True)
        for position in members[name][:size]
    )


def proportional(sizes: Sequence[int], wanted: int) -> list[int]:
    """How many to take of each stratum: its share, rounded by largest remainders.

    Example:
        >>> proportional([50, 30, 20], 9)
        [4, 3, 2]
    """
    exact = [size * wanted / sum(sizes) for size in sizes]
    taken = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (taken[i] - exact[i], i))
    for place in by_remainder[: wanted - sum(taken)]:
        taken[place] += 1
    return taken


def _stratum(row: Row, outside: int | None) -> Hashable:
    if isinstance(row, MultipleChoice):
        return row.label
    if isinstance(row, Labelled):
        return row.label if isinstance(row.label, int) else None
    if isinstance(row, Question):
        return bool(row.answers)
    if isinstance(row, Tagged) and outside is not None:
        return any(tag != outside for tag in row.tags)
    return None
