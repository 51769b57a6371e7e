"""The folds of an evaluation: which whole units are left out, and which seeds are learnt from.

Methods are tested on units that they have not seen. A gain is partly the luck of its seeds:
wherever a table has two, methods also learn from one half of the seeds and are scored on the
other, both ways round, and the gain of a choice is then free of the luck that led to it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.table import NEW, Unit, prepare, rankable
from metaselect.ranking.innerfolds import folds_of
from metaselect.runs.gains import candidate_runs, complete_queries, query_gains, split_seeds
from metaselect.seeding import derive_seed

PROTOCOLS: tuple[Unit, ...] = get_args(Unit)
SHARED_LUCK: frozenset[Unit] = frozenset({"family", "intermediate"})
"""Protocols whose training and test gains share trained models: one model is scored in many
languages, one `direct` baseline is behind every gain of a query. Scored on the seeds that were
learnt from, the luck of these models would count as skill."""

_WHAT = {
    "target": "clusters of targets that share English training data",
    "family": "language families",
    "intermediate": "intermediates that share no data",
    "encoder": "encoders",
}
_NUMBER = {2: "two", 3: "three"}
_INTERMEDIATE_FOLDS = 3  # enough candidates in each to choose among, enough left to learn from

PARTITIONS = 10
"""Of the intermediates in an evaluation: results of one partition hold for that one alone."""


@dataclass(frozen=True, slots=True)
class OuterFold:
    """Training rows and test rows; no unit is in both.

    Attributes:
        name: Tells it from the other folds of an evaluation.
        left_out: Units left out.
        train: Prepared rows with gains; `held_out` names the units to tune on.
        test: Prepared rows; `held_out` is emptied, since no history knows them.
        crossed: Whether the gains to learn from come from some seeds and those to score on from
            the others. Then `test` has a column gain_learnt: the gain by the seeds learnt from,
            which only the noise ceiling may look at.
    """

    name: str
    left_out: tuple[str, ...]
    train: pd.DataFrame
    test: pd.DataFrame
    crossed: bool = False


def outer_folds(
    rows: pd.DataFrame, *, protocol: Unit, seed: int, scored: pd.DataFrame | None = None
) -> list[OuterFold]:
    """The folds of a protocol, every query with at least two candidates tested.

    `target`, `family` and `encoder` leave out one unit at a time. `intermediate` leaves out a
    third of the intermediates; a query of its test is a choice among these, never seen, and
    `direct`.

    Args:
        rows: From `features.table.prepare` with `unit=protocol`.
        protocol: What is left out.
        seed: Of the partition of intermediates.
        scored: Rows like `rows` with the gains of other seeds, to be scored on; None scores on the
            gains of `rows`.

    Raises:
        MetaselectError: Too few units.
    """
    known = _units(rows, protocol)
    crossed = scored is not None
    tested = rows if scored is None else _with_learnt_gains(scored, rows)
    count = min(_INTERMEDIATE_FOLDS, len(known)) if protocol == "intermediate" else len(known)
    folds = []
    for away in folds_of(known, n_folds=count, seed=seed):
        in_test = np.isin(tested["held_out"].to_numpy(dtype=object), away)
        if protocol == "intermediate":
            in_test |= (tested["intermediate"] == DIRECT).to_numpy(dtype=bool)
        train = rows[~np.isin(rows["held_out"].to_numpy(dtype=object), away)]
        test = _rankable(tested[in_test]).assign(held_out=NEW)
        folds.append(OuterFold(" ".join(away), away, _learnable(train), test, crossed))
    return folds


def without_same_source(runs: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Runs without the cells whose intermediate shares data with the target.

    There transfer is training longer on the same data; what is left tells of other transfer.
    """
    pairs = runs[["intermediate", "target"]].drop_duplicates()
    shared = {
        (task, target)
        for task, target in pairs.itertuples(index=False)
        if _shares_data(str(task), str(target), catalogue)
    }
    kept = [pair not in shared for pair in zip(runs["intermediate"], runs["target"], strict=True)]
    return runs[kept].reset_index(drop=True)


def _units(rows: pd.DataFrame, protocol: Unit) -> list[str]:
    candidates = (rows["intermediate"] != DIRECT).to_numpy(dtype=bool)
    known = sorted(set(rows["held_out"].to_numpy(dtype=object)[candidates]))
    needed = 3 if protocol == "target" else 2  # two targets are left to tune on
    if len(known) < needed:
        raise MetaselectError(
            f"Protocol {protocol!r} needs runs of at least {_NUMBER[needed]} {_WHAT[protocol]}, "
            f"got {len(known)}: choose another --protocol or add runs."
        )
    return known


def _with_learnt_gains(scored: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows to score on with the gain of the same candidate by the seeds learnt from, if any."""
    key = ["query", "intermediate"]
    learnt = rows.set_index(key)["gain"].rename("gain_learnt")
    return scored.join(learnt, on=key)


def _shares_data(task: str, target: str, catalogue: Catalogue) -> bool:
    source = catalogue.training_source(target)
    return catalogue.share_source(task, target) or catalogue.share_source(task, source)


def _learnable(rows: pd.DataFrame) -> pd.DataFrame:
    """Training rows; where one unit alone is left, targets' clusters are the units to tune on."""
    units = rows.loc[rows["intermediate"] != DIRECT, "held_out"]
    return rows if units.nunique() > 1 else rows.assign(held_out=rows["cluster"])


def _rankable(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of queries that have at least two candidates."""
    sizes = rows.groupby("query")["intermediate"].transform("size")
    return rows[sizes.to_numpy() > 1]


@dataclass(frozen=True, slots=True)
class FoldPlan:
    """The folds of one evaluation.

    Attributes:
        main: Folds that every measure comes from.
        crossed: Folds that learn from one half of the seeds and score on the other; the same as
            `main` where main folds cross seeds, empty where no candidate has two seeds.
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
    cross_all: bool = False,
) -> FoldPlan:
    """The folds of a protocol on a runs table.

    `intermediate` averages several partitions of the intermediates, each with halves of its own.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Task cards.
        protocol: What is left out.
        seed: Of partitions and halves.
        n_partitions: Of the intermediates; other units are left out one at a time.
        cross_all: Whether main folds cross seeds under every protocol that can, not only where
            training and test gains share trained models.

    Raises:
        MetaselectError: Too few units, or nothing to rank.
    """
    partitions = _partitions(protocol, seed, n_partitions)
    gains = query_gains(runs)
    complete = complete_queries(gains)
    crossed = tuple(_crossed(runs, catalogue, partitions, protocol=protocol, complete=complete))
    if crossed and (cross_all or protocol in SHARED_LUCK):
        return FoldPlan(crossed, crossed)
    rows = rankable(prepare(gains, catalogue, unit=protocol))
    main = [
        _named(fold, number)
        for number, own in partitions
        for fold in outer_folds(rows, protocol=protocol, seed=own)
    ]
    return FoldPlan(tuple(_tested(main, complete)), crossed)


def _crossed(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    partitions: Sequence[tuple[int, int]],
    *,
    protocol: Unit,
    complete: Collection[str],
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
            yield from (_named(fold, number, place) for fold in _tested(folds, complete))


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


def _tested(folds: Sequence[OuterFold], complete: Collection[str]) -> list[OuterFold]:
    """Folds whose test holds the queries to be judged; all others still serve as training rows.

    These are complete queries, and where any of them has `direct` runs, those that have: only
    there is training directly a choice.
    """
    folds = [
        replace(fold, test=fold.test[fold.test["query"].isin(complete).to_numpy()])
        for fold in folds
    ]
    if any(fold.test["absolute"].any() for fold in folds):
        folds = [replace(fold, test=fold.test[fold.test["absolute"]]) for fold in folds]
    return [fold for fold in folds if len(fold.test)]
