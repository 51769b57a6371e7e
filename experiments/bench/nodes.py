"""What a second node is worth: one grid on a Ray cluster of one node and of two, a core each.

    python experiments/bench/nodes.py --data DATA --encoder ENCODER [--rows 200]

Nodes are separate sets of Ray's processes on this machine; the grid is real fine-tuning, nine
trainings and eight scorings that depend on each other as in any grid. Prints seconds (the cluster
is up before the clock starts) and whether the tables are the same.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent
OPEN = {**os.environ, "RAY_AUTH_MODE": "disabled"}  # no token between processes of one machine
GRID = """
study = "nodes"
data = "{data}"
encoders = [{{ name = "encoder", path = "{encoder}" }}]
intermediates = ["direct", "rte"]
targets = ["sib200", "udpos", "panx", "masakhanews"]
seeds = [0]
device = "cpu"
inference_tokens = 2048
[training]
train_rows = {rows}
max_length = 64
validation_rows = 50
epochs = 2.0
batch_examples = 16
freeze_embeddings = true
[testing]
rows = 40
max_length = 64
[task_testing.sib200]
languages = ["en", "de", "sw", "th"]
[task_testing.udpos]
languages = ["en", "de", "ta", "th"]
[task_testing.panx]
languages = ["en", "de", "sw", "ta"]
"""


@contextmanager
def cluster(n_nodes: int, folder: Path) -> Iterator[str]:
    """Ray nodes with one core each, and where commands find them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    common = [str(BIN / "ray"), "start", "--block", "--num-cpus=1", "--disable-usage-stats",
              "--node-ip-address=127.0.0.1", "--object-store-memory=80000000"]  # fmt: skip
    head = ["--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false",
            f"--temp-dir={folder}"]  # fmt: skip
    started = []
    for number in range(n_nodes):
        command = [*common, *(head if number == 0 else [f"--address={address}"])]
        log = (folder / f"node{number}.log").open("w+")
        started.append(
            subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=OPEN)
        )
        while "Ray runtime started" not in Path(log.name).read_text():
            if started[-1].poll() is not None:
                raise SystemExit(Path(log.name).read_text())
            time.sleep(0.2)
    try:
        yield address
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def seconds(n_nodes: int, grid: Path, out: Path) -> float:
    """Wall time of the grid on so many nodes."""
    with (
        tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder,
        cluster(n_nodes, Path(folder)) as address,
    ):
        started = time.perf_counter()
        command = [str(BIN / "metaselect"), "run", str(grid), "--out", str(out)]
        environment = {**OPEN, "RAY_ADDRESS": address}
        subprocess.run(
            [*command, "--executor", "ray"],
            check=True, stdout=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        return time.perf_counter() - started


def main() -> None:
    """Run the grid on one node, on two, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grid = folder / "grid.toml"
        grid.write_text(
            GRID.format(data=given.data.resolve(), encoder=given.encoder.resolve(), rows=given.rows)
        )
        taken = {count: seconds(count, grid, folder / f"on{count}") for count in (1, 2)}
        tables = {(folder / f"on{count}" / "runs.csv").read_bytes() for count in taken}
    print(json.dumps({
        "seconds": {count: round(value, 1) for count, value in taken.items()},
        "two_over_one": round(taken[2] / taken[1], 3),
        "same_table": len(tables) == 1,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
