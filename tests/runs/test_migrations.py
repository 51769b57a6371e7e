"""A store's schema: made by revisions, upgraded whole or not at all, refused where it is newer."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from metaselect.errors import MetaselectError
from metaselect.runs import database
from metaselect.runs.database import RUNS, SCHEMA, open_database
from metaselect.runs.migrations import MIGRATIONS, REVISION_TABLE, newest
from metaselect.runs.schema import check_runs
from metaselect.runs.store import RunsStore

MakeRuns = Callable[..., pd.DataFrame]

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("runs", sa.Column("note", sa.Text(), nullable=False, server_default="none"))
    op.create_table("notes", sa.Column("words", sa.Text()))
    op.execute("INSERT INTO notes VALUES ('once')")
"""

OPENER = """
import sys
from pathlib import Path
from metaselect.runs.database import open_database
sys.stdin.readline()
open_database(sys.argv[1], make=False, migrations=Path(sys.argv[2]))
print("opened")
"""


@pytest.fixture
def old_store(store_url: str, make_runs: MakeRuns) -> str:
    """The URL of a store of schema 1 with two runs."""
    table = check_runs(make_runs(("direct", 0, 0.5), ("mnli", 0, 0.75)), percent=False)
    RunsStore(store_url).add(table)
    return store_url


@pytest.fixture
def with_second(tmp_path: Path) -> Path:
    """Our revisions and a made-up one behind them."""
    return _revisions(tmp_path / "revisions", SECOND)


def _revisions(folder: Path, second: str) -> Path:
    folder.mkdir()
    shutil.copy(MIGRATIONS / "revision_0001.py", folder)
    (folder / "revision_0002.py").write_text(second, encoding="utf-8")
    return folder


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.NullPool)


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    with _engine(url).begin() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def _tables(url: str) -> set[str]:
    return set(sa.inspect(_engine(url)).get_table_names())


def test_the_revisions_lead_to_the_tables_that_the_code_names(store_url: str) -> None:
    RunsStore(store_url)
    with _engine(store_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": REVISION_TABLE})
        assert compare_metadata(context, RUNS.metadata) == []
        assert context.get_current_revision() == f"{SCHEMA:04d}"
        orders = sa.inspect(connection).get_pk_constraint("runs")["constrained_columns"]
    assert orders == list(database.ORDER)


@pytest.mark.parametrize("make", [True, False])
def test_an_older_store_is_upgraded_and_keeps_every_row(
    old_store: str, with_second: Path, make: bool
) -> None:
    before = _rows(old_store, "SELECT * FROM runs ORDER BY score")
    open_database(old_store, make=make, migrations=with_second)
    after = _rows(old_store, "SELECT * FROM runs ORDER BY score")
    assert after == [(*row, "none") for row in before]
    assert _rows(old_store, f"SELECT * FROM {REVISION_TABLE}") == [("0002",)]


def test_an_upgraded_store_is_not_upgraded_again(old_store: str, with_second: Path) -> None:
    for _ in range(2):  # the second time there is nothing to do
        open_database(old_store, make=True, migrations=with_second)
    assert _rows(old_store, "SELECT * FROM notes") == [("once",)]


def test_a_new_store_goes_through_every_revision(store_url: str, with_second: Path) -> None:
    open_database(store_url, make=True, migrations=with_second)
    assert _rows(store_url, f"SELECT * FROM {REVISION_TABLE}") == [("0002",)]
    assert "notes" in _tables(store_url)


def test_a_store_of_a_later_revision_is_refused(store_url: str, with_second: Path) -> None:
    open_database(store_url, make=True, migrations=with_second)
    line = r"newer metaselect \(schema 2, this one knows 1\): update metaselect"
    for make in (True, False):
        with pytest.raises(MetaselectError, match=line) as error:
            RunsStore(store_url, make=make)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("revision", ["0099", "f00d"])
def test_a_made_up_revision_is_refused(store_url: str, revision: str) -> None:
    RunsStore(store_url)
    with _engine(store_url).begin() as connection:
        connection.exec_driver_sql(f"UPDATE {REVISION_TABLE} SET version_num = '{revision}'")
    with pytest.raises(MetaselectError, match="update metaselect") as error:
        RunsStore(store_url)
    assert "\n" not in str(error.value)


def test_processes_that_upgrade_at_once_do_it_once(old_store: str, with_second: Path) -> None:
    command = [sys.executable, "-c", OPENER, old_store, str(with_second)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    said = [process.stdin.write("go\n") or process.stdin.flush() for process in running]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert said == ["opened\n"] * 3
    assert _rows(old_store, "SELECT * FROM notes") == [("once",)]
    assert len(_rows(old_store, "SELECT note FROM runs")) == 2


@pytest.mark.parametrize(
    ("fault", "raised", "line"),
    [
        ("raise KeyError('half-way')", KeyError, "half-way"),
        (
            "op.execute('SELECT * FROM nowhere')",
            MetaselectError,
            r"schema 1, this metaselect needs 2, and it cannot be upgraded here.*nowhere.*rights",
        ),
    ],
)
def test_an_upgrade_that_fails_half_way_leaves_the_store_as_it_was(
    old_store: str, tmp_path: Path, fault: str, raised: type[Exception], line: str
) -> None:
    broken = _revisions(tmp_path / "broken", f"{SECOND}    {fault}\n")
    before = _rows(old_store, "SELECT * FROM runs ORDER BY score")
    with pytest.raises(raised, match=line) as error:
        open_database(old_store, make=False, migrations=broken)
    assert "\n" not in str(error.value)
    assert _tables(old_store) == {"runs", REVISION_TABLE}
    assert _rows(old_store, "SELECT * FROM runs ORDER BY score") == before
    assert len(RunsStore(old_store, make=False).read()) == 2


def test_a_failed_first_opening_leaves_an_empty_database(store_url: str, tmp_path: Path) -> None:
    broken = _revisions(tmp_path / "broken", f"{SECOND}    raise KeyError('half-way')\n")
    with pytest.raises(KeyError, match="half-way"):
        open_database(store_url, make=True, migrations=broken)
    assert _tables(store_url) == set()


def test_alembic_is_imported_only_where_a_store_changes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    RunsStore(url)
    script = (
        "import sys; from metaselect.runs.store import RunsStore;"
        f"RunsStore({url!r}); assert 'sqlalchemy' in sys.modules; print('alembic' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout == "False\n", found.stderr


def test_the_folder_of_revisions_is_met(with_second: Path) -> None:
    assert newest(MIGRATIONS) == SCHEMA == len(list(MIGRATIONS.glob("revision_*.py")))
    assert newest(with_second) == 2
