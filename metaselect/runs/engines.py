"""The two kinds of database, SQLite in a file and PostgreSQL, and how their writers take turns.

Every fault becomes one line without a password. SQLite's writers wait by BEGIN IMMEDIATE,
PostgreSQL's by an advisory lock, which needs no rights beyond INSERT.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metaselect.errors import MetaselectError, MissingExtra, first_line

try:
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool
except ModuleNotFoundError as error:
    raise MissingExtra("A store of runs", "store") from error

_WAIT_S = 120  # for another import to end; a million rows take less
_RETRY_S = 0.02  # a new file is another process's for about as long
_CONNECT_S = 10  # a server that takes longer is not there
_LOCK = 0x6D6574617365  # "metase": our advisory lock in PostgreSQL


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
        text = first_line(cause).rstrip(". ")
        if engine.url.password:
            text = text.replace(str(engine.url.password), "***")
        raise MetaselectError(f"The store {shown_url(engine)} failed: {text}.") from error


def check_url(url: str) -> None:
    """Refuse what is no URL of a store, without touching any.

    Raises:
        MetaselectError: Not a database URL, or one of another kind of database.
    """
    engine_at(url, make=False)


def check_search_storage(url: str) -> None:
    """Refuse a database in which Optuna could not keep a search.

    Raises:
        MetaselectError: Not a database URL, no driver for it, or no such database.
    """
    try:
        parsed = sa.make_url(url)
        server = parsed.get_backend_name() == "postgresql"
        connect = {"connect_timeout": _CONNECT_S} if server else {}
        engine = sa.create_engine(parsed, poolclass=NullPool, connect_args=connect)
    except (SQLAlchemyError, ImportError, ValueError):  # its text may repeat a password
        raise MetaselectError(
            "Unusable --storage: allowed are a journal file, sqlite:///FILE and "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE (which needs the extra postgresql)."
        ) from None
    with transaction(engine, writes=False) as connection:
        sa.inspect(connection).get_table_names()


def shown_url(engine: sa.Engine) -> str:
    """The URL with `***` for a password."""
    return engine.url.render_as_string(hide_password=True)


def engine_at(url: str, *, make: bool) -> sa.Engine:
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
