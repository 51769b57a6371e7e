"""Faults, counted: what was broken on purpose, and what was lost, doubled or silently wrong after.

Each run prints its tally. The slow part kills at least fifty times:
`python -m pytest tests/harness/test_faults.py -m 'slow or not slow'`.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from metaselect.errors import MetaselectError
from metaselect.files import MANIFEST, read_manifest
from metaselect.harness.grid import runner
from metaselect.runs.exchange import read_runs, write_runs
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.runs.store import RunsStore
from metaselect.selector import TaskSelector
from metaselect.selector.provenance import Provenance
from tests.cli.conftest import call_main
from tests.harness.commands import stages_done, start, wait_for_stages
from tests.harness.grids import run_tiny, tiny_config, tiny_grid, toml_of
from tests.harness.hub_server import Fault, serving
from tests.harness.test_hub import on_the_hub, run_command

KEY = ["study", "target", "language", "intermediate", "encoder", "adaptation", "metric", "seed"]


@dataclass(slots=True)
class Count:
    """Faults of one kind and what came of them."""

    tried: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0


Tally = dict[str, Count]


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts by kind of fault, printed at the end."""
    counts: Tally = defaultdict(Count)
    yield counts
    told = request.config.pluginmanager.get_plugin("terminalreporter")
    assert told is not None
    told.write_line("")
    told.write_line(f"{'fault':<34}{'tried':>7}{'lost':>7}{'doubled':>9}{'silently wrong':>16}")
    for name, count in counts.items():
        told.write_line(
            f"{name:<34}{count.tried:>7}{count.lost:>7}{count.doubled:>9}{count.wrong:>16}"
        )


def compared(count: Count, found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Book what differs between a store and what was completed into it."""
    keyed = found.set_index(KEY)["score"]
    wanted = expected.set_index(KEY)["score"]
    count.lost += len(wanted.index.difference(keyed.index))
    count.doubled += int(keyed.index.duplicated().sum())
    shared = wanted.index.intersection(keyed.index.unique())
    first = keyed[~keyed.index.duplicated()]
    count.wrong += int((first[shared] != wanted[shared]).sum())
    assert (count.lost, count.doubled, count.wrong) == (0, 0, 0)


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """Many rows, so that an import takes a while."""
    tables = [
        simulated_runs(seed=number, noise=0.01).assign(study=f"study{number}")
        for number in range(4)
    ]
    return check_runs(pd.concat(tables, ignore_index=True), percent=False)


IMPORT = "from metaselect.cli import main; main()"


def start_import(path: Path, url: str) -> subprocess.Popen[bytes]:
    code = f"import sys; sys.argv = ['m', 'runs', 'import', {str(path)!r}, '--store', {url!r}]; "
    return subprocess.Popen(
        [sys.executable, "-c", code + IMPORT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize("n_kills", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_importers_killed_at_random_moments(
    n_kills: int, store_url: str, runs: pd.DataFrame, tally: Tally, tmp_path: Path
) -> None:
    count, rng = tally[f"SIGKILL, import, {store_url.partition(':')[0]}"], random.Random(n_kills)
    complete: list[pd.DataFrame] = []
    parts = [rows for _, rows in runs.groupby("study")]
    started = time.monotonic()
    store = RunsStore(store_url)
    for number in range(n_kills):
        part = parts[number % len(parts)]
        path = tmp_path / f"{number}.csv"
        write_runs(part.assign(study=f"{part['study'].iloc[0]}/{number}"), path)
        process = start_import(path, store_url)
        if number == 0:  # one runs to its end, and says how long that takes
            assert process.wait(timeout=240) == 0
            whole_s = time.monotonic() - started
            complete.append(read_runs(path))
            continue
        time.sleep(rng.uniform(0.3, 1.0) * whole_s)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:  # it had ended before
            complete.append(read_runs(path))
        count.tried += 1
        there = store.read(study=f"{part['study'].iloc[0]}/{number}")
        assert len(there) in (0, len(part))  # a table goes in whole or not at all
        if len(there):
            complete.append(read_runs(path))
    expected = pd.concat(complete).drop_duplicates(KEY)
    found = store.read()
    compared(count, found, expected)
    assert len(found) == len(expected)


def test_two_importers_of_one_table_at_once(
    store_url: str, runs: pd.DataFrame, tally: Tally, tmp_path: Path
) -> None:
    count = tally[f"two importers, {store_url.partition(':')[0]}"]
    path = tmp_path / "runs.csv"
    write_runs(runs, path)
    both = [start_import(path, store_url) for _ in range(2)]
    assert [process.wait(timeout=240) for process in both] == [0, 0]
    count.tried += 2
    found = RunsStore(store_url).read()
    compared(count, found, runs)
    assert len(found) == len(runs)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished folder of every kind that commands make."""
    place = tmp_path_factory.mktemp("made")
    table = simulated_runs(seed=0, noise=0.01)
    kept = (
        (table["encoder"] == "encoder-base") & (table["seed"] < 2)
        & table["target"].isin(["xnli", "xquad", "udpos"])
        & table["intermediate"].isin(["direct", "mnli", "squad", "qqp", "boolq"])
        & table["language"].isin(["sw", "vi", "de", "ar", "el", "fi", "yo"])
    )  # fmt: skip
    runs = check_runs(table[kept].reset_index(drop=True), percent=False)
    for suffix in ("csv.gz", "jsonl.gz", "parquet"):
        write_runs(runs, place / f"runs.{suffix}")
    selector = TaskSelector(n_trials=1, n_folds=2).fit(runs)
    selector.provenance = Provenance()
    selector.save_pretrained(place / "predictor")
    one = ["--runs", str(place / "runs.parquet"), "--trials", "1", "--workers", "1"]
    for command in ("evaluate", "ablate"):
        assert call_main(command, *one, "--out", str(place / command)).code == 0
    made = ["--runs", str(place / "runs.parquet"), "--predictor", str(place / "predictor")]
    assert call_main("report", *made, "--out", str(place / "report")).code == 0
    return {path.name: path for path in place.iterdir()}


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Content with one bit flipped, or cut off."""
    if rng.random() < 0.5:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("kind", ["predictor", "evaluate", "ablate", "report"])
def test_torn_and_flipped_files_of_a_folder_are_refused(
    kind: str, folders: dict[str, Path], tally: Tally, tmp_path: Path
) -> None:
    rng, count = random.Random(kind), tally[f"torn or flipped, {kind} folder"]
    names = {"predictor": "predictor", "evaluate": "evaluation", "ablate": "ablation",
             "report": "report"}  # fmt: skip
    schema = 99
    sealed = read_manifest(folders[kind], kind=names[kind], schema=schema)
    for number in range(30):
        folder = tmp_path / f"{number}"
        shutil.copytree(folders[kind], folder)
        path = folder / rng.choice([*sealed.hashes, MANIFEST])
        content = path.read_bytes()
        path.write_bytes(damaged(content, rng))
        count.tried += 1
        try:
            found = read_manifest(folder, kind=names[kind], schema=schema)
        except MetaselectError:
            continue
        count.wrong += found.hashes != sealed.hashes  # a note in the manifest may differ
    assert count.wrong == 0


@pytest.mark.parametrize("name", ["runs.csv.gz", "runs.jsonl.gz", "runs.parquet"])
def test_torn_and_flipped_tables_are_refused_or_right(
    name: str, folders: dict[str, Path], tally: Tally, tmp_path: Path
) -> None:
    rng, count = random.Random(name), tally[f"torn or flipped, {name}"]
    sound, content = read_runs(folders[name]), folders[name].read_bytes()
    for number in range(60):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(damaged(content, rng))
        count.tried += 1
        try:
            found = read_runs(path)
        except MetaselectError:
            continue
        count.lost += len(sound) - len(found)
        count.wrong += not found.equals(sound)
    assert (count.lost, count.wrong) == (0, 0)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of a given size, where this process may mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("may not mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Take all of a disk."""
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as out:
        while out.write(bytes(1000)):
            pass


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
def test_a_full_disk_leaves_what_was_there(
    folders: dict[str, Path], runs: pd.DataFrame, tally: Tally, tmp_path: Path
) -> None:
    count = tally["disk full"]
    write_runs(runs, tmp_path / "many.csv")
    with small_disk(tmp_path / "disk", "800k") as disk:
        store = f"sqlite:///{disk}/runs.db"
        write_runs(read_runs(folders["runs.parquet"]), disk / "kept.csv")
        assert call_main("runs", "import", str(disk / "kept.csv"), "--store", store).code == 0
        small = RunsStore(store).read()
        before = (disk / "kept.csv").read_bytes()
        for command in (
            ["runs", "import", tmp_path / "many.csv", "--store", store],
            ["runs", "export", disk / "kept.csv", "--store", f"sqlite:///{tmp_path}/many.db"],
            ["train", "--runs", folders["runs.parquet"], "--trials", "1", "--out", disk / "p"],
        ):
            if "export" in command:
                RunsStore(f"sqlite:///{tmp_path}/many.db").add(runs)
            if "train" in command:
                fill(disk)
            done = call_main(*command)
            count.tried += 1
            assert done.code in (1, 2), command
            assert len(done.faults) == 1
        assert (disk / "kept.csv").read_bytes() == before
        assert not (disk / "p").exists()
        (disk / "filler").unlink()
        compared(count, RunsStore(store).read(), small)


def test_a_clock_that_jumps_changes_nothing(
    store_url: str, runs: pd.DataFrame, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, true_time, count = random.Random(1), time.time, tally["clock jumps"]

    def jumping() -> float:
        count.tried += 1
        return true_time() + rng.uniform(-1e9, 1e9)

    monkeypatch.setattr(time, "time", jumping)
    store = RunsStore(store_url)
    for _, part in runs.groupby("study"):
        store.add(part)
    compared(count, store.read(), runs)


class Proxy:
    """A way to a server that can be cut and opened again."""

    def __init__(self, host: str, port: int) -> None:
        self._target, self.open = (host, port), True
        self._pairs: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self.open = False
        for end in self._pairs:
            with_shutdown(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            server = self._to_server()
            self._pairs += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    def _to_server(self) -> socket.socket:
        host, port = self._target
        if not host.startswith("/"):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def close(self) -> None:
        """No way any more."""
        self.cut()
        self._listener.close()


def with_shutdown(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    with_shutdown(sink)


@pytest.fixture
def cuttable(postgres_url: str) -> Iterator[tuple[Proxy, str, RunsStore]]:
    """A way to the server that can be cut, the URL through it, and the store without it."""
    url = sa.make_url(postgres_url)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        info = connection.connection.dbapi_connection.info  # type: ignore[union-attr]
        proxy = Proxy(info.host, info.port)
    engine.dispose()
    through = url.difference_update_query(["host", "port"]).set(host="127.0.0.1", port=proxy.port)
    yield proxy, through.render_as_string(hide_password=False), RunsStore(postgres_url)
    proxy.close()


def test_a_database_that_goes_and_comes_back(
    cuttable: tuple[Proxy, str, RunsStore], runs: pd.DataFrame, tally: Tally, tmp_path: Path
) -> None:
    count, rng = tally["database gone and back"], random.Random(5)
    proxy, through, store = cuttable
    write_runs(runs, tmp_path / "runs.csv")
    for _ in range(8):
        timer = threading.Timer(rng.uniform(0.0, 1.5), proxy.cut)
        timer.start()
        done = call_main("runs", "import", str(tmp_path / "runs.csv"), "--store", through)
        timer.cancel()
        count.tried += 1
        assert done.code in (0, 2)
        assert len(done.faults) == (done.code == 2)
        assert len(store.read()) in (0, len(runs))
        proxy.open = True
    done = call_main("runs", "import", str(tmp_path / "runs.csv"), "--store", through)
    assert done.code == 0
    compared(count, store.read(), runs)


def test_a_grid_whose_database_goes_and_comes_back(
    cuttable: tuple[Proxy, str, RunsStore], tally: Tally, encoder_folder: Path, data_folder: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    count = tally["database gone, grid under way"]
    proxy, through, store = cuttable
    config = tiny_config(encoder_folder, data_folder, targets=["udpos", "xnli", "tatoeba"])
    monkeypatch.setattr(runner, "TABLE_EVERY_S", 0.0)
    monkeypatch.setattr(runner, "_RARELY", 0)
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) % 4 == 2:
            proxy.cut()
            count.tried += 1
        elif len(lines) % 4 == 0:
            proxy.open = True

    result = tiny_grid(config, tmp_path / "out", store=through).run(report)
    proxy.open = True
    result = tiny_grid(config, tmp_path / "out", store=through).run(report)
    assert (result.done, result.store_fault) == (6, None)
    assert any(line.startswith("scores wait: ") for line in lines)
    compared(count, store.read(), read_runs(result.table))


@pytest.mark.slow
@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "*.parquet"])
@pytest.mark.parametrize("fault", ["slow", "gone", "reset", "wrong"])
def test_a_hub_with_faults_gives_the_right_table_or_none(
    fault: Fault, file: str, tally: Tally, encoder_folder: Path, tmp_path: Path
) -> None:
    count, rng = tally[f"hub, {fault}"], random.Random(f"{fault} {file}")
    config, repositories = on_the_hub(encoder_folder, tmp_path / "hub")

    def spoilt(path: Path) -> Fault | None:
        return fault if path.match(file) and rng.random() < 0.7 else None

    with serving(repositories, []) as endpoint:
        sound = run_command(toml_of(config), endpoint, tmp_path / "sound")
    assert sound.returncode == 0, sound.stderr
    expected = read_runs(tmp_path / "sound" / "out" / "runs.csv")
    with serving(repositories, [], spoilt) as endpoint:
        for _ in range(4):
            count.tried += 1
            done = run_command(toml_of(config), endpoint, tmp_path / "ours")
            assert "Traceback" not in done.stderr
            if done.returncode == 0:
                break
            assert done.returncode == 1
    with serving(repositories, []) as endpoint:
        done = run_command(toml_of(config), endpoint, tmp_path / "ours")
    assert done.returncode == 0, done.stderr
    compared(count, read_runs(tmp_path / "ours" / "out" / "runs.csv"), expected)


@pytest.mark.slow
def test_grids_killed_at_random_moments(
    tally: Tally, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    count, rng = tally["SIGKILL, grid"], random.Random(3)
    config = tiny_config(
        encoder_folder, data_folder, targets=["udpos", "xnli", "xquad", "tatoeba"], seeds=[0, 1],
        workers=2,
    )  # fmt: skip
    unbroken = run_tiny(config.model_copy(update={"workers": 1}), tmp_path / "unbroken")
    out = tmp_path / "killed"
    while count.tried < 20:
        process = start(config, tmp_path, out)
        if stages_done(out) < 25:
            wait_for_stages(out, stages_done(out) + rng.randint(0, 1), process)
        time.sleep(rng.uniform(0, 0.4))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        count.tried += 1
        if stages_done(out) >= 25:
            shutil.rmtree(out)
    process = start(config, tmp_path, out)
    _, progress = process.communicate(timeout=600)
    assert process.returncode == 0, progress
    compared(count, read_runs(out / "runs.csv"), read_runs(unbroken.table))
    assert (out / "runs.csv").read_bytes() == unbroken.table.read_bytes()
