"""What a grid survives: SIGKILL at any moment, Ctrl-C, a worker that dies; all as a command."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from metaselect.errors import MetaselectError
from metaselect.files import locked
from tests.harness.commands import stages_done, start, wait_for_stages
from tests.harness.grids import run_tiny, tiny_config


@pytest.mark.parametrize("n_kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_at_random_moments_the_same_command_gives_the_table_of_an_unbroken_run(
    n_kills: int, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, targets=["udpos", "xnli", "xquad", "tatoeba"],
        seeds=[0, 1, 2, 3, 4] if n_kills > 3 else [0, 1],  # more than is done between the kills
        workers=2 if n_kills > 3 else 1,
    )  # fmt: skip
    n_runs = 8 * len(config.seeds)
    unbroken = run_tiny(config.model_copy(update={"workers": 1}), tmp_path / "unbroken")
    assert unbroken.done == n_runs
    out = tmp_path / "killed"
    rng = random.Random(7)
    for _ in range(n_kills):
        process = start(config, tmp_path, out)
        wait_for_stages(out, stages_done(out) + rng.randint(0, 2), process)
        time.sleep(rng.uniform(0, 0.4))  # anywhere inside a stage
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    n_before = stages_done(out)
    process = start(config, tmp_path, out)
    printed, progress = process.communicate(timeout=300)
    assert process.returncode == 0, progress
    assert json.loads(printed)["done"] == n_runs
    assert (out / "runs.csv").read_bytes() == unbroken.table.read_bytes()
    assert len(progress.splitlines()) >= 1
    assert stages_done(out) > n_before > 0
    assert not [path for path in (out / "work").rglob(".*") if path.is_file()]


def test_ctrl_c_stops_between_steps_and_the_same_command_goes_on(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, targets=["udpos"],
        task_training={"udpos": {"steps": 100000}},
    )  # fmt: skip
    out = tmp_path / "out"
    process = start(config, tmp_path, out)
    wait_for_stages(out, 0, process)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    printed, progress = process.communicate(timeout=60)
    assert process.returncode == 130, progress
    assert progress.count("Stopping: finished stages are kept") == 1
    summary = json.loads(printed)
    assert summary["interrupted"]
    assert summary["failed"] == 0
    assert not list((out / "work").glob("failures/*"))
    short = tiny_config(encoder_folder, data_folder, targets=["udpos"])
    assert run_tiny(short, out).done == 2


def test_a_worker_that_dies_takes_one_stage_with_it(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["udpos", "xnli"],
        workers=2, task_training={"udpos": {"steps": 100000}},
    )  # fmt: skip
    out = tmp_path / "out"
    killer = threading.Thread(target=kill_busiest_child, args=(out,))
    killer.start()
    result = run_tiny(config, out)
    killer.join()
    assert (result.planned, result.done, result.failed) == (2, 1, 1)
    assert any(
        "the worker process died (exit code -9); out of memory?" in why
        for why in result.failures.values()
    )


def test_a_worker_that_cannot_start_ends_the_grid_and_no_stage_counts_as_failed(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["udpos"], workers=2
    )
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "torch.py").write_text("raise ImportError('not this torch')")
    monkeypatch.syspath_prepend(str(broken))  # processes that start now meet it, this one does not
    with pytest.raises(MetaselectError, match=r"A worker process cannot start \(exit code 1\)"):
        run_tiny(config, tmp_path / "out")
    assert not list((tmp_path / "out" / "work").glob("failures/*"))
    monkeypatch.undo()
    assert run_tiny(config, tmp_path / "out").done == 1


def test_idle_workers_end_without_a_word(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["tatoeba"], workers=3
    )
    process = start(config, tmp_path, tmp_path / "out")
    printed, progress = process.communicate(timeout=300)
    assert (process.returncode, json.loads(printed)["done"]) == (0, 1)
    assert "Traceback" not in progress
    assert "Error" not in progress


def cpu_ticks(pid: int | None) -> int:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def kill_busiest_child(out: Path) -> None:
    """Once XNLI is trained and scored, kill the worker that trains UD-POS for ever."""
    while stages_done(out) < 2:
        time.sleep(0.05)
    workers = [  # other tests may have left processes of joblib's
        child.pid for child in multiprocessing.active_children() if "Spawn" in child.name
    ]
    before = {pid: cpu_ticks(pid) for pid in workers}
    time.sleep(1)
    times = {pid: cpu_ticks(pid) - before[pid] for pid in workers}
    busiest = max(times, key=lambda pid: times[pid])
    assert busiest is not None
    os.kill(busiest, signal.SIGKILL)


def test_two_commands_do_not_work_in_one_folder(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    hold = (
        "import sys; from pathlib import Path; from metaselect.files import locked\n"
        "with locked(Path(sys.argv[1]), wait=True): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(out / "work")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as holder:  # type: ignore[call-overload]
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(MetaselectError, match="Another process works in"):
            run_tiny(tiny_config(encoder_folder, data_folder), out)
        holder.kill()  # the lock goes with it
    with locked(out / "work", wait=False):
        pass
