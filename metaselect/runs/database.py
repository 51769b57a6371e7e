"""The store's tables, made and upgraded when it is opened."""

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from metaselect.errors import MetaselectError
from metaselect.runs.engines import engine_at, shown_url, transaction
from metaselect.runs.migrations import MIGRATIONS, REVISION_TABLE, newest, upgrade
from metaselect.runs.schema import COLUMNS

SCHEMA: Final = newest(MIGRATIONS)
"""Version of the tables below; an older store is upgraded, one with a newer version refused."""

ORDER: Final = (  # what readers ask for first leads the key
    *("study", "target", "language", "intermediate"),
    *("encoder", "adaptation", "metric", "seed"),
)
"""The columns of a run's key, as the primary key orders them."""

_METADATA = sa.MetaData()


class NoStore(MetaselectError):
    """A reader asked for a store that nobody has made."""


def _columns() -> list[sa.Column[Any]]:
    types: dict[str, TypeEngine[Any]] = {
        "text": sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),  # one order on both
        "number": sa.Double(),
        "whole number": sa.BigInteger(),
    }
    columns: list[sa.Column[Any]] = [
        sa.Column(column.name, types[column.type], nullable=False) for column in COLUMNS
    ]
    return [*columns, sa.Column("extra", sa.Text, nullable=True)]


_REVISION = sa.table(REVISION_TABLE, sa.column("version_num", sa.Text))
RUNS = sa.Table(
    "runs", _METADATA, *_columns(), sa.PrimaryKeyConstraint(*ORDER), sqlite_with_rowid=False
)
"""One row a run; `extra` is a JSON object of the columns beyond `COLUMNS`."""

INCOMING = sa.Table("incoming_runs", sa.MetaData(), *_columns(), prefixes=["TEMPORARY"])
"""Rows of one import, seen by its connection alone."""


def open_database(url: str, *, make: bool, migrations: Path = MIGRATIONS) -> sa.Engine:
    """An engine whose tables are there and of the newest schema.

    An older store is upgraded in one transaction while other writers wait, by whoever opens it
    first, readers too; a store that needs no change is not written to.

    Args:
        url: Of the database.
        make: Make what is missing; otherwise a store that is not there is refused.
        migrations: Folder of revisions; tests have their own.

    Raises:
        MetaselectError: A URL of another kind, a database that cannot be used, one without our
            tables, one whose tables are another program's or a newer metaselect's, or an older
            store that cannot be upgraded here.
    """
    engine = engine_at(url, make=make)
    if not make and engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists():
        raise NoStore(_no_store(engine))
    with transaction(engine, writes=False) as connection:
        version = _version(connection)
    if version is None and not make:
        raise NoStore(_no_store(engine))
    schema = newest(migrations)
    _refuse_newer(engine, version, schema)
    if version is None:
        _upgrade(engine, migrations)
    elif version < schema:
        try:
            _upgrade(engine, migrations)
        except MetaselectError as error:
            raise MetaselectError(
                f"The store has schema {version}, this metaselect needs {schema}, and it cannot be "
                f"upgraded here: {error} Open it once with the rights to change its tables."
            ) from error
    return engine


def _upgrade(engine: sa.Engine, migrations: Path) -> None:
    """Bring a store, or an empty database, to the newest schema; all of it or nothing."""
    schema = newest(migrations)
    with transaction(engine, writes=True) as connection:
        version = _version(connection)  # another process may have been faster
        _refuse_newer(engine, version, schema)
        if version != schema:
            upgrade(connection, migrations)


def _refuse_newer(engine: sa.Engine, version: int | None, schema: int) -> None:
    if version is not None and version > schema:
        raise MetaselectError(
            f"The store {shown_url(engine)} was made by a newer metaselect (schema {version}, this "
            f"one knows {schema}): update metaselect with pip install -U metaselect."
        )


def _no_store(engine: sa.Engine) -> str:
    return f"There is no store at {shown_url(engine)}: metaselect runs import makes one."


def _version(connection: sa.Connection) -> int | None:
    """The store's schema version; None where there is no store yet."""
    inspector = sa.inspect(connection)
    if inspector.has_table(REVISION_TABLE):
        revisions = connection.scalars(sa.select(_REVISION.c.version_num))
        return max(map(_number, revisions), default=None)
    if inspector.has_table(RUNS.name):
        raise MetaselectError(
            "This database has a table `runs` of another program: name another database."
        )
    return None


def _number(revision: str) -> int:
    if not revision.isdecimal():  # ours are numbers
        raise MetaselectError(
            f"The store has the revision {revision!r}, which this metaselect does not know: update "
            "metaselect with pip install -U metaselect."
        )
    return int(revision)
