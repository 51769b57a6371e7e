import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from metaselect.errors import MetaselectError
from metaselect.runs.faults import RunsTableError
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.runs.store import Imported, RunsStore

MakeRuns = Callable[..., pd.DataFrame]

KEY = ["study", "target", "language", "intermediate", "encoder", "adaptation", "metric", "seed"]

IMPORTER = """
import sys
from metaselect.errors import MetaselectError
from metaselect.runs.simulated import simulated_runs
from metaselect.runs.store import RunsStore
url, part, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
runs = simulated_runs(seed=seed, noise=0.01).iloc[:600]
starts = range(0, 600, 50)
added = 0
try:
    store = RunsStore(url)
    for start in starts if part == "forward" else reversed(starts):
        added += store.add(runs.iloc[start : start + 50]).added
    print(added)
except MetaselectError as error:
    print(str(error).splitlines()[0])
"""


def importers(url: str, *arguments: tuple[str, str]) -> list[str]:
    """What processes that import side by side print."""
    command = [sys.executable, "-c", IMPORTER, url]
    running = [
        subprocess.Popen([*command, *pair], stdout=subprocess.PIPE, text=True) for pair in arguments
    ]
    return [process.communicate(timeout=120)[0].strip() for process in running]


def test_what_goes_in_comes_out(store_url: str, make_runs: MakeRuns) -> None:
    table = check_runs(
        make_runs(("direct", 0, 0.1), ("mnli", 2**63 - 1, 0.30000000000000004), language="nan"),
        percent=False,
    )
    store = RunsStore(store_url)
    assert store.add(table) == Imported(added=2, already=0)
    pd.testing.assert_frame_equal(store.read(), table)
    pd.testing.assert_frame_equal(RunsStore(store_url).read(), table)


def test_the_same_rows_again_change_nothing(store_url: str, make_runs: MakeRuns) -> None:
    store = RunsStore(store_url)
    store.add(make_runs(("direct", 0, 0.5), ("mnli", 0, 0.6)))
    more = make_runs(("direct", 0, 0.5), ("mnli", 0, 0.6), ("rte", 0, 0.7), source="elsewhere")
    assert store.add(more) == Imported(added=1, already=2)
    assert store.read()["source"].tolist() == ["by hand", "by hand", "elsewhere"]


def test_a_contradiction_is_named_and_nothing_is_imported(
    store_url: str, make_runs: MakeRuns
) -> None:
    store = RunsStore(store_url)
    store.add(make_runs(("direct", 0, 0.5)))
    with pytest.raises(RunsTableError, match=r"(?s)Nothing.*0.25 for study ours.*0.5, as") as error:
        store.add(make_runs(("direct", 0, 0.25), ("mnli", 0, 0.6)))
    assert len(error.value.faults) == 1
    with pytest.raises(RunsTableError, match=r"f1 for study ours, target xnli.*accuracy, as"):
        store.add(make_runs(("mnli", 0, 0.6), metric="f1"))
    assert len(store.read()) == 1


def test_faulty_tables_are_refused_whole(store_url: str, make_runs: MakeRuns) -> None:
    store = RunsStore(store_url)
    with pytest.raises(RunsTableError, match="row 2, score"):
        store.add(make_runs(("direct", 0, 0.5), ("mnli", 0, 56.7)))
    with pytest.raises(MetaselectError, match="Row 2 has no form in JSON"):
        store.add(make_runs(("direct", 0, 0.5), ("mnli", 0, 0.6), note=[None, {1, 2}]))
    assert len(store.read()) == 0
    assert store.add(make_runs(("direct", 0, 0.5))).added == 1


def test_extra_columns_are_kept_where_they_are_known(store_url: str, make_runs: MakeRuns) -> None:
    store = RunsStore(store_url)
    store.add(make_runs(("direct", 0, 0.5)))
    store.add(make_runs(("mnli", 0, 0.5), elapsed_s=12.5, tags=[["a\x00", "\ud800"]]))
    found = store.read()
    assert found["elapsed_s"].tolist()[1] == 12.5
    assert found["tags"].tolist()[1] == ["a\x00", "\ud800"]
    assert found["elapsed_s"].isna().tolist() == [True, False]
    assert "elapsed_s" not in store.read(intermediate="direct")


def test_filters_are_names_or_lists_of_them(store_url: str) -> None:
    runs = check_runs(simulated_runs(seed=1, noise=0.01), percent=False)
    store = RunsStore(store_url)
    store.add(runs)
    pd.testing.assert_frame_equal(store.read(), runs.sort_values(KEY, ignore_index=True))
    found = store.read(study="simulated/encoder-base", target=["xnli", "xcopa"], language="sw")
    # 2 queries of 13 candidates with 3 seeds
    assert len(found) == 2 * 13 * 3
    assert len(store.read(encoder="encoder-small", intermediate="direct")) == 48 * 3
    assert len(store.read(study="nowhere")) == 0
    assert list(store.read(study=[]).columns) == list(runs.columns)


def test_studies_are_counted(store_url: str, make_runs: MakeRuns) -> None:
    store = RunsStore(store_url)
    assert len(store.studies()) == 0
    runs = [("direct", 0, 0.5), ("direct+", 0, 0.5), ("mnli", 0, 0.5), ("mnli", 1, 0.5)]
    store.add(make_runs(*runs, study="a"))
    store.add(make_runs(("direct", 0, 0.5), study="b"))
    columns = ["study", "n_runs", "n_intermediates", "n_targets", "n_languages", "n_seeds"]
    assert store.studies()[columns].to_numpy().tolist() == [
        ["a", 4, 1, 1, 1, 2],  # direct and direct+ are no intermediates
        ["b", 1, 0, 1, 1, 1],
    ]


def test_importers_side_by_side_lose_and_double_nothing(store_url: str) -> None:
    counts = importers(store_url, ("forward", "1"), ("backward", "1"))
    assert sum(int(count) for count in counts) == 600
    expected = check_runs(simulated_runs(seed=1, noise=0.01).iloc[:600], percent=False)
    found = RunsStore(store_url).read()
    pd.testing.assert_frame_equal(found, expected.sort_values(KEY, ignore_index=True))


def test_importers_that_contradict_each_other_cannot_both_succeed(store_url: str) -> None:
    said = importers(store_url, ("forward", "1"), ("forward", "2"))
    assert sorted(line == "600" for line in said) == [False, True]
    assert any("Nothing was imported" in line for line in said)
    assert len(RunsStore(store_url).read()) == 600


def test_a_newer_store_asks_for_an_update(store_url: str) -> None:
    RunsStore(store_url)
    engine = sa.create_engine(store_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE runs_revision SET version_num = '0099'"))
    with pytest.raises(MetaselectError, match="update metaselect"):
        RunsStore(store_url)


def test_a_database_of_another_program_is_left_alone(store_url: str) -> None:
    engine = sa.create_engine(store_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE runs (id INTEGER)"))
    with pytest.raises(MetaselectError, match="of another program"):
        RunsStore(store_url)


def test_a_file_that_is_not_sqlite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_text("study,encoder\n" * 100)
    with pytest.raises(MetaselectError, match="not a database"):
        RunsStore(f"sqlite:///{path}")
    with pytest.raises(MetaselectError, match="unable to open"):
        RunsStore(f"sqlite:///{tmp_path}")


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    maker = sqlite3.connect(tmp_path / "runs.db", isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")  # SQLite's own wait does not cover the switch to WAL
    done = threading.Timer(0.3, maker.rollback)
    done.start()
    store = RunsStore(f"sqlite:///{tmp_path / 'runs.db'}")
    done.join()
    assert store.read().empty


def test_a_busy_reader_does_not_stop_an_import(tmp_path: Path, make_runs: MakeRuns) -> None:
    store = RunsStore(f"sqlite:///{tmp_path / 'new' / 'runs.db'}")
    store.add(make_runs(("direct", 0, 0.5)))
    reader = sqlite3.connect(tmp_path / "new" / "runs.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM runs").fetchone()
    assert store.add(make_runs(("mnli", 0, 0.5))).added == 1
    reader.close()


@pytest.mark.parametrize(
    "url",
    ["", "runs.db", "mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "p://secret@:x/"],
)
def test_other_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(MetaselectError, match="allowed are sqlite:///FILE") as error:
        RunsStore(url)
    assert "secret" not in str(error.value)


def test_a_server_that_is_not_there_is_one_line_without_the_password() -> None:
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is optional")
    with pytest.raises(MetaselectError, match=r"postgresql\+psycopg://me:\*\*\*@127") as error:
        RunsStore("postgresql://me:sesame@127.0.0.1:1/runs")
    assert "sesame" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MetaselectError, match=r"pip install .* '\.\[postgresql\]'"):
        RunsStore("postgresql+psycopg://127.0.0.1:1/runs")


def test_the_password_of_a_store_is_not_shown(postgres_url: str) -> None:
    with_password = sa.make_url(postgres_url).set(password="sesame")
    store = RunsStore(with_password.render_as_string(hide_password=False))
    assert "sesame" not in str(store)
    assert "***" in str(store)
