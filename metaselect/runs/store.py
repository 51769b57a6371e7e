"""The database of transfer runs; one transaction an import.

Importers may run side by side: they take turns, and the primary key on the run keeps each score
once. SQLAlchemy takes long to import: import this module where a store is opened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.errors import MissingExtra

try:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite
except ModuleNotFoundError as error:
    raise MissingExtra("A store of runs", "store") from error

from metaselect.runs.database import INCOMING, ORDER, RUNS, open_database
from metaselect.runs.engines import shown_url, transaction
from metaselect.runs.faults import Fault, RunsTableError
from metaselect.runs.jsonrows import json_rows, table_of_json
from metaselect.runs.schema import COLUMNS, RUN_KEY, check_runs

Names = str | Sequence[str] | None
"""One name, several, or None for all."""

_BATCH = 20_000  # rows on their way at a time: speed stops growing there
_NAMES = tuple(column.name for column in COLUMNS)
_SAME_RUN = sa.and_(*(RUNS.c[name] == INCOMING.c[name] for name in RUN_KEY))


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: rows added, and rows that were there with the same score."""

    added: int
    already: int


class RunsStore:
    """Runs in a database, whose tables are made on first use.

    Args:
        url: `sqlite:///runs.db` (a relative path; four slashes for an absolute one), or
            `postgresql+psycopg://user:password@host/database`.
        make: Make the store where there is none; readers leave it be.

    Raises:
        MetaselectError: A URL of another kind, a server or file that cannot be used, or a store
            made by a newer metaselect. A password is never shown.
    """

    def __init__(self, url: str, *, make: bool = True) -> None:
        self._engine = open_database(url, make=make)

    def __str__(self) -> str:
        return shown_url(self._engine)

    def add(self, table: pd.DataFrame) -> Imported:
        """Import a whole table or, on any fault, nothing of it.

        A run that is there with the same score counts as already there; its source and extra
        columns stay as they were.

        Args:
            table: A runs table, checked here by `check_runs`; extra columns are kept as JSON.

        Raises:
            RunsTableError: Faults of the table, runs that the store has with another score, or
                targets that it has with another metric.
            MetaselectError: The database fails.
        """
        checked = check_runs(table, percent=False)
        with transaction(self._engine, writes=True) as connection:
            INCOMING.create(connection)
            for batch in _batches(checked):
                connection.execute(sa.insert(INCOMING), batch)
            added = _insert_new(connection)
            faults = [*_other_scores(connection), *_other_metrics(connection)]
            if faults:
                raise RunsTableError(faults, hint="Nothing was imported.")
            INCOMING.drop(connection)
        return Imported(added=added, already=len(checked) - added)

    def read(
        self,
        *,
        study: Names = None,
        encoder: Names = None,
        intermediate: Names = None,
        target: Names = None,
        language: Names = None,
    ) -> pd.DataFrame:
        """The runs that fit every filter, ordered by their key; without filters, all.

        Returns:
            A runs table as `check_runs` gives, with the extra columns that any of its rows has;
            no rows where nothing fits.
        """
        wanted = {
            **{"study": study, "encoder": encoder, "intermediate": intermediate},
            **{"target": target, "language": language},
        }
        query = sa.select(RUNS).order_by(*(RUNS.c[name] for name in ORDER))
        for name, names in wanted.items():
            if names is not None:
                values = [names] if isinstance(names, str) else list(names)
                query = query.where(RUNS.c[name].in_(values))
        with transaction(self._engine, writes=False) as connection:
            rows = connection.execution_options(yield_per=_BATCH).execute(query)
            parts = [_frame(part) for part in rows.partitions()]
        return pd.concat(parts, ignore_index=True) if parts else _frame([])

    def studies(self) -> pd.DataFrame:
        """Each study, encoder and adaptation, with counts of what it holds.

        `n_runs` counts scores, and `n_intermediates` leaves out `direct` and `direct+`.
        """
        group = [RUNS.c[name] for name in ("study", "encoder", "adaptation")]
        tried = RUNS.c["intermediate"].not_in((DIRECT, DIRECT_PLUS))
        counted = {
            "intermediate": sa.case((tried, RUNS.c["intermediate"])),  # else null: not counted
            **{name: RUNS.c[name] for name in ("target", "language", "seed")},
        }
        counts = [
            sa.func.count(sa.distinct(values)).label(f"n_{name}s")
            for name, values in counted.items()
        ]
        query = sa.select(*group, sa.func.count().label("n_runs"), *counts)
        with transaction(self._engine, writes=False) as connection:
            found = connection.execute(query.group_by(*group).order_by(*group))
            return pd.DataFrame(found.all(), columns=list(found.keys()))


def _batches(table: pd.DataFrame) -> Iterator[list[dict[str, Any]]]:
    extras = table.drop(columns=list(_NAMES))
    for start in range(0, len(table), _BATCH):
        part = table.iloc[start : start + _BATCH]
        cells = [part[name].tolist() for name in _NAMES]
        texts: Any = [None] * len(part)
        if len(extras.columns):
            texts = json_rows(extras.iloc[start : start + _BATCH], nulls=False)
        keys = (*_NAMES, "extra")
        yield [dict(zip(keys, row, strict=True)) for row in zip(*cells, texts, strict=True)]


def _insert_new(connection: sa.Connection) -> int:
    """Copy the incoming rows whose run is new; how many they were."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = sa.select(INCOMING).where(sa.true()).order_by(*(INCOMING.c[name] for name in ORDER))
    copy = insert(RUNS).from_select(list(RUNS.c.keys()), rows).on_conflict_do_nothing()
    return connection.execute(copy, execution_options={"preserve_rowcount": True}).rowcount


def _other_scores(connection: sa.Connection) -> list[Fault]:
    """Incoming runs that the store has with another score."""
    pairs = sa.select(INCOMING, RUNS.c.score.label("stored")).join(RUNS, _SAME_RUN)
    return [
        Fault(
            None,
            "score",
            f"{row.score!r} for " + ", ".join(f"{name} {getattr(row, name)}" for name in RUN_KEY),
            f"{row.stored!r}, as the store has it",
        )
        for row in connection.execute(pairs.where(RUNS.c.score != INCOMING.c.score))
    ]


def _other_metrics(connection: sa.Connection) -> list[Fault]:
    """Studies' targets that the store has with another metric."""
    columns = [INCOMING.c[name] for name in ("study", "target", "metric")]
    given = sa.select(*columns).distinct().subquery()
    same = sa.and_(*(RUNS.c[name] == given.c[name] for name in ("study", "target")))
    pairs = sa.select(given, RUNS.c.metric.label("stored")).join(RUNS, same)
    return [
        Fault(
            None,
            "metric",
            f"{row.metric} for study {row.study}, target {row.target}",
            f"{row.stored}, as the store has it",
        )
        for row in connection.execute(pairs.where(RUNS.c.metric != given.c.metric).distinct())
    ]


def _frame(rows: Sequence[Any]) -> pd.DataFrame:
    """Typed columns from rows of the runs table, extra columns spread out."""
    cells = list(zip(*rows, strict=True)) or [()] * (len(_NAMES) + 1)
    types = {"text": "str", "number": "float64", "whole number": "int64"}
    columns = {
        column.name: pd.Series(list(values), dtype=types[column.type])
        for column, values in zip(COLUMNS, cells[:-1], strict=True)
    }
    if not any(text is not None for text in cells[-1]):
        return pd.DataFrame(columns)
    extras = table_of_json(text or "{}" for text in cells[-1])
    return pd.concat([pd.DataFrame(columns), extras], axis=1)
