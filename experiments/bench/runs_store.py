"""Seconds and peak memory of the runs layer on 10 thousand to a million simulated rows.

    python experiments/bench/runs_store.py [ROWS ...]

Each size runs in a process of its own. SQLite is measured in a temporary folder; PostgreSQL too
where METASELECT_TEST_POSTGRES names a database, in a schema that is dropped afterwards.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from metaselect.runs.exchange import read_runs, write_runs
from metaselect.runs.gains import query_gains, split_seeds
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.runs.store import RunsStore

SIZES = (10_000, 100_000, 1_000_000)
NAMES = {"database": 12, "rows": 11, "step": 20, "seconds": 9, "peak_mb": 9}


def main() -> None:
    if len(sys.argv) > 1 and "://" in sys.argv[1]:
        measure(sys.argv[1], int(sys.argv[2]))
        return
    print("".join(f"{name:>{width}}" for name, width in NAMES.items()), flush=True)
    for rows in [int(text) for text in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            apart(f"sqlite:///{folder}/runs.db", rows)
        if "METASELECT_TEST_POSTGRES" in os.environ:
            on_postgresql(os.environ["METASELECT_TEST_POSTGRES"], rows)


def apart(url: str, rows: int) -> None:
    subprocess.run([sys.executable, __file__, url, str(rows)], check=True)


def on_postgresql(url: str, rows: int) -> None:
    import sqlalchemy as sa

    schema = f"bench_{uuid.uuid4().hex}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
        found = engine.url.update_query_dict({"options": f"-csearch_path={schema}"})
        apart(found.render_as_string(hide_password=False), rows)
        connection.execute(sa.schema.DropSchema(schema, cascade=True))


def measure(url: str, rows: int) -> None:
    """Print one line for each step; peak memory is the process's so far."""
    table = made_up(rows)
    step = Steps(url.split(":")[0].split("+")[0], rows)
    step("make rows", lambda: None)
    step("check", lambda: check_runs(table, percent=False))
    if url.startswith("sqlite"):
        with tempfile.TemporaryDirectory() as folder:
            for suffix in ("csv", "parquet", "jsonl"):
                path = Path(folder) / f"runs.{suffix}"
                step(f"write {suffix}", lambda path=path: write_runs(table, path))
                step(f"read {suffix}", lambda path=path: read_runs(path))
    step("gains", lambda: query_gains(table))
    step("halves of seeds", lambda: split_seeds(table, seed=1))
    store = RunsStore(url)
    step("import", lambda: store.add(table))
    step("import again", lambda: store.add(table))
    first = table.iloc[0]
    where = {name: first[name] for name in ("study", "target", "language")}
    step("read one query", lambda: store.read(**where))
    step("count studies", store.studies)
    step("read all", store.read)


class Steps:
    """Runs steps and prints their time."""

    def __init__(self, database: str, rows: int) -> None:
        self._head = f"{database:>12}{rows:>11,}"

    def __call__(self, name: str, work: Callable[[], Any]) -> None:
        """Run one step and print what it took."""
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # KiB on Linux
        print(f"{self._head}{name:>20}{seconds:>9.2f}{peak_mb:>9,}", flush=True)


def made_up(rows: int) -> pd.DataFrame:
    """The simulated study again and again, under other names of the study."""
    once = simulated_runs(seed=1, noise=0.01)
    copies = range(-(-rows // len(once)))
    tables = [once.assign(study=once["study"] + f"/{copy}") for copy in copies]
    return check_runs(pd.concat(tables).iloc[:rows], percent=False)


if __name__ == "__main__":
    main()
