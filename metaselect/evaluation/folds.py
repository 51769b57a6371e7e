"""The folds of an evaluation: which units are left out, and which seeds are learnt from.

A gain is partly the luck of its seeds. Wherever a table has two seeds, methods also learn from one
half of the seeds and are scored on the other, both ways round: the gain of a choice is then free
of the luck that led to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.protocols import SHARED_LUCK, OuterFold, outer_folds
from metaselect.features.table import Unit, prepare, rankable
from metaselect.runs.gains import candidate_runs, query_gains, split_seeds
from metaselect.seeding import derive_seed

PARTITIONS = 10
"""Of the intermediates: results of one partition hold for that one alone."""


@dataclass(frozen=True, slots=True)
class FoldPlan:
    """The folds of one evaluation.

    Attributes:
        main: Folds that every measure comes from.
        crossed: Folds that learn from one half of the seeds and score on the other; the same as
            `main` where training and test gains share trained models, empty where no candidate
            has two seeds.
    """

    main: tuple[OuterFold, ...]
    crossed: tuple[OuterFold, ...]

    @property
    def distinct(self) -> list[OuterFold]:
        """Every fold once."""
        return list(self.main) if self.main is self.crossed else [*self.main, *self.crossed]


def plan_folds(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    *,
    protocol: Unit,
    seed: int,
    n_partitions: int,
) -> FoldPlan:
    """The folds of a protocol on a runs table.

    `intermediate` averages ten partitions of the intermediates, each with halves of its own.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Task cards.
        protocol: What is left out.
        seed: Of partitions and halves.
        n_partitions: Of the intermediates; other units are left out one at a time.

    Raises:
        MetaselectError: Too few units, or nothing to rank.
    """
    partitions = _partitions(protocol, seed, n_partitions)
    crossed = tuple(_crossed(runs, catalogue, partitions, protocol=protocol))
    if crossed and protocol in SHARED_LUCK:
        return FoldPlan(crossed, crossed)
    rows = rankable(prepare(query_gains(runs), catalogue, unit=protocol))
    main = [
        _named(fold, number)
        for number, own in partitions
        for fold in outer_folds(rows, protocol=protocol, seed=own)
    ]
    return FoldPlan(tuple(_with_direct_runs(main)), crossed)


def _crossed(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    partitions: Sequence[tuple[int, int]],
    *,
    protocol: Unit,
) -> Iterator[OuterFold]:
    """Folds that learn from one half of the seeds and score on the other, both ways round."""
    if not has_two_seeds(runs):
        return
    for number, own in partitions:
        halves = [
            prepare(query_gains(half), catalogue, unit=protocol)
            for half in split_seeds(runs, seed=own)
        ]
        for place, (learnt, scored) in enumerate((halves, halves[::-1]), start=1):
            try:
                folds = outer_folds(
                    rankable(learnt), protocol=protocol, seed=own, scored=rankable(scored)
                )
            except MetaselectError:
                return  # half of the seeds are too few for this protocol
            yield from (_named(fold, number, place) for fold in _with_direct_runs(folds))


def has_two_seeds(runs: pd.DataFrame) -> bool:
    """Whether any intermediate has two seeds in one query."""
    cell = ["study", "encoder", "adaptation", "intermediate", "target", "language"]
    rows = candidate_runs(runs)
    rows = rows[rows["intermediate"] != DIRECT]
    return bool((rows.groupby(cell)["seed"].nunique() > 1).any())


def _partitions(protocol: Unit, seed: int, n_partitions: int) -> list[tuple[int, int]]:
    """Numbers and seeds of the partitions of units; only intermediates are left out in parts."""
    count = n_partitions if protocol == "intermediate" else 1
    return [
        (number, seed if number == 0 else derive_seed(seed, "partition", str(number)))
        for number in range(count)
    ]


def _named(fold: OuterFold, partition: int, half: int = 0) -> OuterFold:
    """A fold whose name tells it from those of other partitions and halves; 0 is all seeds."""
    return replace(fold, name=f"{partition}.{half} {fold.name}")


def _with_direct_runs(folds: list[OuterFold]) -> list[OuterFold]:
    """Folds that test queries with `direct` runs alone, if any has them.

    Only there is training directly a choice; the others still serve as training rows.
    """
    if any(fold.test["absolute"].any() for fold in folds):
        folds = [replace(fold, test=fold.test[fold.test["absolute"]]) for fold in folds]
    return [fold for fold in folds if len(fold.test)]
