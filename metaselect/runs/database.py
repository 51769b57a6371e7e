"""The store's tables and its two kinds of database: SQLite in a file, and PostgreSQL.

Every fault of a database becomes one line without a password, and writers take turns: SQLite by
BEGIN IMMEDIATE, PostgreSQL by an advisory lock, which needs no rights beyond INSERT.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from metaselect.errors import MetaselectError, MissingExtra
from metaselect.runs.migrations import MIGRATIONS, REVISION_TABLE, newest, upgrade
from metaselect.runs.schema import COLUMNS

SCHEMA: Final = newest(MIGRATIONS)
"""Version of the tables below; an older store is upgraded, one with a newer version refused."""

ORDER: Final = (  # what readers ask for first leads the key
    *("study", "target", "language", "intermediate"),
    *("encoder", "adaptation", "metric", "seed"),
)
"""The columns of a run's key, as the primary key orders them."""

_WAIT_S = 120  # for another import to end; a million rows take less
_RETRY_S = 0.02  # a new file is another process's for about as long
_CONNECT_S = 10  # a server that takes longer is not there
_LOCK = 0x6D6574617365  # "metase": our advisory lock in PostgreSQL
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


VERSION = sa.Table("runs_schema", _METADATA, sa.Column("version", sa.Integer, nullable=False))
"""The schema, kept beside Alembic's table: all that metaselect read before it had revisions."""

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
    engine = _engine(url, make=make)
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
            upgrade(connection, migrations, current=version)
            connection.execute(sa.update(VERSION), {"version": schema})


def _refuse_newer(engine: sa.Engine, version: int | None, schema: int) -> None:
    if version is not None and version > schema:
        raise MetaselectError(
            f"The store {shown_url(engine)} was made by a newer metaselect (schema {version}, this "
            f"one knows {schema}): update metaselect with pip install -U metaselect."
        )


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


def check_url(url: str) -> None:
    """Refuse what is no URL of a store, without touching any.

    Raises:
        MetaselectError: Not a database URL, or one of another kind of database.
    """
    _engine(url, make=False)


def shown_url(engine: sa.Engine) -> str:
    """The URL with `***` for a password."""
    return engine.url.render_as_string(hide_password=True)


def _engine(url: str, *, make: bool) -> sa.Engine:
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
    return _sqlite_engine(parsed, make=make)


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(
            url, poolclass=NullPool, connect_args={"connect_timeout": _CONNECT_S}
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MissingExtra("A PostgreSQL store", "postgresql") from error


def _sqlite_engine(url: sa.URL, *, make: bool) -> sa.Engine:
    try:
        if make:
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
    _keep_wal(connection)  # readers go on while one writes
    connection.execute("PRAGMA synchronous=NORMAL")  # with WAL, a crash breaks nothing


def _keep_wal(connection: sqlite3.Connection) -> None:
    """Write ahead; while another process makes the file, SQLite refuses this without waiting."""
    end = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_RETRY_S)


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _version(connection: sa.Connection) -> int | None:
    """The store's schema version; None where there is no store yet."""
    inspector = sa.inspect(connection)
    if inspector.has_table(VERSION.name):
        versions = [int(connection.execute(sa.select(VERSION.c.version)).scalar_one())]
        if inspector.has_table(REVISION_TABLE):  # a store made before it has none
            versions += map(_number, connection.scalars(sa.select(_REVISION.c.version_num)))
        return max(versions)
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
