"""The store's tables and its two kinds of database: SQLite in a file, and PostgreSQL.

Every fault of a database becomes one line without a password, and writers take turns: SQLite by
BEGIN IMMEDIATE, PostgreSQL by an advisory lock, which needs no rights beyond INSERT.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from metaselect.errors import MetaselectError, MissingExtra
from metaselect.runs.schema import COLUMNS

SCHEMA: Final = 1
"""Version of the tables below; a store with a newer one is refused."""

ORDER: Final = (  # what readers ask for first leads the key
    *("study", "target", "language", "intermediate"),
    *("encoder", "adaptation", "metric", "seed"),
)
"""The columns of a run's key, as the primary key orders them."""

_WAIT_S = 120  # for another import to end; a million rows take less
_CONNECT_S = 10  # a server that takes longer is not there
_LOCK = 0x6D6574617365  # "metase": our advisory lock in PostgreSQL
_METADATA = sa.MetaData()


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


VERSION = sa.Table("runs_schema", _METADATA, sa.Column("version", sa.Integer, nullable=False))
RUNS = sa.Table(
    "runs", _METADATA, *_columns(), sa.PrimaryKeyConstraint(*ORDER), sqlite_with_rowid=False
)
"""One row a run; `extra` is a JSON object of the columns beyond `COLUMNS`."""

INCOMING = sa.Table("incoming_runs", sa.MetaData(), *_columns(), prefixes=["TEMPORARY"])
"""Rows of one import, seen by its connection alone."""


def open_database(url: str, *, make: bool) -> sa.Engine:
    """An engine whose tables are there.

    Args:
        url: Of the database.
        make: Make what is missing; otherwise a store that is not there is refused.

    Raises:
        MetaselectError: A URL of another kind, a database that cannot be used, one without our
            tables, or one whose tables are another program's or a newer metaselect's.
    """
    engine = _engine(url)
    if not make and engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists():
        raise MetaselectError(_no_store(engine))
    with transaction(engine, writes=False) as connection:
        version = _version(connection)
    if version is None and not make:
        raise MetaselectError(_no_store(engine))
    if version is None:
        with transaction(engine, writes=True) as connection:
            if _version(connection) is None:  # another process may have been faster
                _METADATA.create_all(connection, checkfirst=False)
                connection.execute(sa.insert(VERSION), {"version": SCHEMA})
    elif version > SCHEMA:
        raise MetaselectError(
            f"The store {shown_url(engine)} was made by a newer metaselect (schema {version}, this "
            f"one knows {SCHEMA}): update metaselect with pip install -U metaselect."
        )
    return engine


def _no_store(engine: sa.Engine) -> str:
    return f"There is no store at {shown_url(engine)}: metaselect runs import makes one."


@contextmanager
def transaction(engine: sa.Engine, *, writes: bool) -> Iterator[sa.Connection]:
    """A connection whose work is kept at the end, or undone on any error.

    Args:
        engine: From `open_database`.
        writes: Whether to wait for other writers and keep them waiting.

    Raises:
        MetaselectError: The database fails.
    """
    try:
        with engine.connect() as plain:
            connection = plain.execution_options(writes=writes)
            with connection.begin():
                if writes and connection.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                yield connection
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        text = (str(cause).splitlines() or [type(cause).__name__])[0].rstrip(". ")
        if engine.url.password:
            text = text.replace(str(engine.url.password), "***")
        raise MetaselectError(f"The store {shown_url(engine)} failed: {text}.") from error


def shown_url(engine: sa.Engine) -> str:
    """The URL with `***` for a password."""
    return engine.url.render_as_string(hide_password=True)


def _engine(url: str) -> sa.Engine:
    """An engine for one of the two kinds of database; errors do not repeat the URL."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise MetaselectError(_url_rule("this is not a database URL")) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql_engine(parsed.set(drivername="postgresql+psycopg"))
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise MetaselectError(_url_rule(f"{parsed.drivername} is not supported"))
    if parsed.database in (None, "", ":memory:"):
        raise MetaselectError(_url_rule("SQLite needs a file"))
    return _sqlite_engine(parsed)


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(
            url, poolclass=NullPool, connect_args={"connect_timeout": _CONNECT_S}
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MissingExtra("A PostgreSQL store", "postgresql") from error


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    try:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MetaselectError(f"Cannot make the folder of {url.database}: {error}.") from error
    engine = sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": _WAIT_S})
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _url_rule(fault: str) -> str:
    return (
        f"Unusable store: {fault}; allowed are sqlite:///FILE and "
        "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."
    )


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    connection.execute("PRAGMA journal_mode=WAL")  # readers go on while one writes
    connection.execute("PRAGMA synchronous=NORMAL")  # with WAL, a crash breaks nothing


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _version(connection: sa.Connection) -> int | None:
    """The store's schema version; None where there is no store yet."""
    inspector = sa.inspect(connection)
    if inspector.has_table(VERSION.name):
        return int(connection.execute(sa.select(VERSION.c.version)).scalar_one())
    if inspector.has_table(RUNS.name):
        raise MetaselectError(
            "This database has a table `runs` of another program: name another database."
        )
    return None
