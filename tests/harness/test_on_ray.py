"""Grids on a Ray cluster: the table of the local executor, also when a node dies on the way."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from metaselect.harness.config import GridConfig
from metaselect.harness.grid.executors import Finished, GpuMemory
from metaselect.harness.grid.on_ray import GpuShares
from metaselect.harness.grid.runner import GridResult
from metaselect.runs.exchange import read_runs
from metaselect.runs.schema import COLUMNS, RUN_KEY, check_runs
from metaselect.runs.store import RunsStore
from tests.harness.commands import stages_done, start, wait_for_stages
from tests.harness.grids import run_tiny, tiny_config
from tests.harness.postgres_server import BINARIES, Server

needs_ray = pytest.mark.skipif(
    not (Path(sys.executable).parent / "ray").is_file(),
    reason="needs ray: pip install -c constraints.txt -e '.[cluster]'",
)


S3 = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"
}  # fmt: skip
SECRET = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 2}


class Nodes:
    """Ray nodes of this machine, each its own processes with one core; the first is the head."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.port = 0

    def add(self, *, n_cpus: int = 1, hide: Path | None = None, **environment: str) -> None:
        """Start another node and wait until it is there; it may see a folder empty."""
        command = [str(Path(sys.executable).parent / "ray"), "start", "--block",
                   f"--num-cpus={n_cpus}",
                   "--node-ip-address=127.0.0.1", "--object-store-memory=80000000",
                   "--disable-usage-stats"]  # fmt: skip
        if self._processes:
            command += [f"--address={self.address}"]
        else:
            self.port = _free_port()
            command += ["--head", f"--port={self.port}", "--include-dashboard=false",
                        f"--temp-dir={self._folder}"]  # fmt: skip
        if hide is not None:
            hidden = shlex.quote(str(hide))
            command = ["unshare", "--mount", "sh", "-c",
                       f"mount -t tmpfs none {hidden} && exec {shlex.join(command)}"]  # fmt: skip
        log = self._folder / f"node{len(self._processes)}.log"
        with log.open("wb") as out:
            self._processes.append(
                subprocess.Popen(
                    command,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                    env={**os.environ, **SECRET, **environment},
                )
            )
        _wait(lambda: b"Ray runtime started" in log.read_bytes(), 60)

    @property
    def folder(self) -> Path:
        """Where the nodes' own files are."""
        return self._folder

    @property
    def address(self) -> str:
        """Where a command finds the cluster."""
        return f"127.0.0.1:{self.port}"

    def kill(self, number: int) -> None:
        """End all of a node's processes at once."""
        process = self._processes[number]
        for pid in [*_descendants(process.pid), process.pid]:
            os.kill(pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End every node."""
        for process in self._processes:
            if process.poll() is None:
                self.kill(self._processes.index(process))


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(until: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _descendants(pid: int) -> list[int]:
    """Processes below one, deepest first."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in children for one in [*_descendants(int(child)), int(child)]]


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as short:  # sockets' paths are short
        found = Nodes(Path(short))
        try:
            yield found
        finally:
            found.close()


def start_on(
    nodes: Nodes, config: GridConfig, place: Path, *more: str, table_always: bool = False
) -> subprocess.Popen[str]:
    """The grid on the nodes, its results in `place/ray`."""
    return start(
        config, place, place / "ray", "--executor", "ray", *more, table_always=table_always,
        RAY_ADDRESS=nodes.address, **SECRET,
    )  # fmt: skip


def ended_like(
    local: GridResult, process: subprocess.Popen[str], place: Path
) -> tuple[dict[str, Any], str]:
    """What the grid printed and told, once it ended well with the local executor's table."""
    printed, progress = process.communicate(timeout=400)
    assert process.returncode == 0, (progress, printed)
    assert (place / "ray" / "runs.csv").read_bytes() == local.table.read_bytes()
    assert printed.startswith("{"), printed
    return json.loads(printed), progress


@pytest.fixture
def sixteen_runs(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> tuple[GridConfig, GridResult]:
    """A grid of 27 stages, and what the local executor makes of it."""
    config = tiny_config(
        encoder_folder, data_folder, targets=["udpos", "xnli", "xquad", "tatoeba"], seeds=[0, 1]
    )
    return config, run_tiny(config, tmp_path / "local")


@needs_ray
def test_a_cluster_gives_the_table_of_the_local_executor(
    nodes: Nodes, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder)
    local = run_tiny(config, tmp_path / "local")
    nodes.add()
    process = start_on(nodes, config, tmp_path)
    assert ended_like(local, process, tmp_path)[0]["done"] == 4


@needs_ray
@pytest.mark.slow
def test_a_node_killed_in_the_middle_loses_nothing(
    nodes: Nodes, sixteen_runs: tuple[GridConfig, GridResult], tmp_path: Path
) -> None:
    config, local = sixteen_runs
    nodes.add()
    nodes.add()
    process = start_on(nodes, config, tmp_path)
    wait_for_stages(tmp_path / "ray", 5, process)
    nodes.kill(1)
    assert ended_like(local, process, tmp_path)[0]["done"] == 16


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as short:
        found = Server(Path(short))
        yield found
        found.stop()


@needs_ray
@pytest.mark.skipif(BINARIES is None, reason="needs the programs of a PostgreSQL server")
@pytest.mark.slow
def test_a_store_that_stops_and_starts_in_the_middle_has_every_run_at_the_end(
    nodes: Nodes, server: Server, sixteen_runs: tuple[GridConfig, GridResult], tmp_path: Path
) -> None:
    config, local = sixteen_runs
    nodes.add()
    nodes.add()
    out = tmp_path / "ray"
    process = start_on(nodes, config, tmp_path, "--store", server.url, table_always=True)
    wait_for_stages(out, 8, process)
    before = len(RunsStore(server.url).read())
    server.stop()
    wait_for_stages(out, 20, process)
    server.start()
    printed, progress = ended_like(local, process, tmp_path)
    assert "scores wait: " in progress
    assert printed["store_fault"] is None
    names = [column.name for column in COLUMNS]
    stored = RunsStore(server.url).read()[names]
    made = check_runs(read_runs(out / "runs.csv"), percent=False)[names]
    assert 0 < before < len(stored)
    order = list(RUN_KEY)
    pd.testing.assert_frame_equal(
        stored.sort_values(order, ignore_index=True), made.sort_values(order, ignore_index=True)
    )


@needs_ray
@pytest.mark.slow
def test_ctrl_c_stops_the_cluster_and_the_same_command_goes_on(
    nodes: Nodes, sixteen_runs: tuple[GridConfig, GridResult], tmp_path: Path
) -> None:
    config, local = sixteen_runs
    nodes.add()
    out = tmp_path / "ray"
    process = start_on(nodes, config, tmp_path)
    wait_for_stages(out, 4, process)
    os.kill(process.pid, signal.SIGINT)
    _, progress = process.communicate(timeout=120)
    assert process.returncode == 130, progress
    assert 4 <= stages_done(out) < 27
    ended_like(local, start_on(nodes, config, tmp_path), tmp_path)


def _can_hide() -> bool:
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(tried, capture_output=True, check=False).returncode
    )


@pytest.fixture(params=["file", "s3"])
def elsewhere(
    request: pytest.FixtureRequest, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Path, str], str]]:
    """Puts a folder where every node reaches it, and says its URL."""
    if request.param == "file":

        def copy(folder: Path, name: str) -> str:
            shutil.copytree(folder, nodes.folder / name)
            return f"file://{nodes.folder / name}"

        yield copy
        return
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs")
    moto = pytest.importorskip("moto.server", reason="needs moto[s3], flask and flask-cors")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    settings = S3 | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    system = s3fs.S3FileSystem(skip_instance_cache=True)
    system.mkdir("lab")

    def put(folder: Path, name: str) -> str:
        system.put(f"{folder}/", f"lab/{name}/", recursive=True)
        return f"s3://lab/{name}"

    yield put
    server.stop()


@needs_ray
@pytest.mark.slow
@pytest.mark.skipif(not _can_hide(), reason="needs the right to mount (root on Linux)")
def test_nodes_that_share_no_disk_get_and_give_back_stages(
    nodes: Nodes, elsewhere: Callable[[Path, str], str], encoder_folder: Path, data_folder: Path,
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    local = run_tiny(tiny_config(encoder_folder, data_folder), tmp_path / "local")
    config = tiny_config(
        encoder_folder, elsewhere(data_folder, "pack"),
        encoders=[{"name": "tiny", "path": elsewhere(encoder_folder, "tiny")}],
    )  # fmt: skip
    nodes.add(n_cpus=0)
    nodes.add(
        hide=tmp_path_factory.getbasetemp(), METASELECT_CACHE=str(nodes.folder / "cache of node 1")
    )
    process = start_on(nodes, config, tmp_path)
    assert ended_like(local, process, tmp_path)[0]["done"] == 4
    assert not list((tmp_path / "ray" / "work").glob(".*"))


@needs_ray
@pytest.mark.skipif(not _can_hide(), reason="needs the right to mount (root on Linux)")
@pytest.mark.slow
def test_a_node_that_sees_no_data_says_what_to_do(
    nodes: Nodes, encoder_folder: Path, data_folder: Path, tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    config = tiny_config(encoder_folder, data_folder, intermediates=["direct"], targets=["tatoeba"])
    nodes.add(n_cpus=0)
    nodes.add(hide=tmp_path_factory.getbasetemp())
    process = start_on(nodes, config, tmp_path)
    printed, progress = process.communicate(timeout=300)
    assert process.returncode == 1, progress
    (told,) = json.loads(printed)["failures"].values()
    assert told.startswith("a node does not see the data at ")
    assert "name a URL that all reach" in told


@needs_ray
def test_a_cluster_that_is_not_there_is_one_line(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder)
    process = start(
        config, tmp_path, tmp_path / "out", "--executor", "ray", RAY_ADDRESS="127.0.0.1:1"
    )
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert told.splitlines()[-1].startswith("error: No Ray cluster at 127.0.0.1:1 (")


def test_a_stage_takes_a_whole_gpu_until_one_of_its_kind_was_seen() -> None:
    shares = GpuShares()
    stage = SimpleNamespace(
        encoder=SimpleNamespace(name="xlmr"), cards=[SimpleNamespace(name="mnli")],
        teaching=SimpleNamespace(adaptation="finetune"),
    )  # fmt: skip
    assert shares.of(stage) == 1.0  # type: ignore[arg-type]
    seen = GpuMemory(peak_bytes=7_000_000_000, total_bytes=80_000_000_000)
    shares.learn(stage, Finished("k", None, {}, False, 1.0, seen))  # type: ignore[arg-type]
    assert shares.of(stage) == 0.15  # type: ignore[arg-type]  # 7.6 GB and a tenth, of 80
    full = GpuMemory(peak_bytes=79_900_000_000, total_bytes=80_000_000_000)
    shares.learn(stage, Finished("k", None, {}, False, 1.0, full))  # type: ignore[arg-type]
    assert shares.of(stage) == 1.0  # type: ignore[arg-type]
