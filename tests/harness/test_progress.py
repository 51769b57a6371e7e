"""Lines about stages under way, for logs that nobody watches on a terminal."""

import json
import time
from pathlib import Path

import pytest

from metaselect.harness.grid import heartbeat, runner
from metaselect.harness.grid.executors import Finished
from metaselect.harness.grid.heartbeat import Beat, Heartbeat, read_beat, repeating
from metaselect.harness.grid.progress import Progress
from metaselect.harness.grid.stages import ScoreStage, TrainStage
from metaselect.harness.grid.workfolder import WorkFolder
from tests.harness.commands import start
from tests.harness.grids import tiny_config, tiny_grid


def test_a_beat_tells_speed_and_time_left_without_the_first_step() -> None:
    beat = Beat(done=30, n_steps=100, since=10, elapsed_s=40.0)
    assert beat.s_per_step == 2.0  # 20 steps in 40 s
    assert beat.left_s == 140.0


def test_beats_are_written_now_and_then_and_gone_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "running" / "stage.json"
    heart = Heartbeat(path)
    for step in range(1, 50):
        heart.after(step, 50)
    assert not path.exists()  # ten seconds have not gone by
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.0)
    heart.after(50, 50)
    found = read_beat(path)
    assert found is not None
    assert (found.done, found.n_steps, found.since) == (50, 50, 1)
    path.write_text("{")
    assert read_beat(path) is None
    heart.end()
    assert not path.exists()


def test_a_disk_that_takes_no_beats_stops_no_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.0)
    (tmp_path / "running").write_text("a file where the folder should be")
    heart = Heartbeat(tmp_path / "running" / "stage.json")
    heart.after(1, 2)
    heart.after(2, 2)
    heart.end()
    assert read_beat(tmp_path / "running" / "stage.json") is None


def test_stages_under_way_are_told_with_their_speed_and_the_grid_with_its_time_left(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["udpos"],
        testing={"rows": 5, "max_length": 32, "stride": 8},
    )  # fmt: skip
    plan = tiny_grid(config, tmp_path / "out").plan
    training, scoring = plan.stages.values()
    assert isinstance(training, TrainStage)
    assert isinstance(scoring, ScoreStage)
    now = [0.0]
    work = WorkFolder(tmp_path / "out" / "work")
    progress = Progress([training, scoring], 1, plan, probed_s={}, clock=lambda: now[0])
    progress.begin(training)
    now[0] = 30.0
    assert progress.lines_under_way(work) == [
        "  udpos seed 0  under way for 30s",
        "0/2 stages  30s",
    ]
    # 100 steps of 8 examples in 20 s are 40 examples a second; 900 more take 180 s.
    beat = {"done": 110, "n_steps": 1010, "since": 10, "elapsed_s": 20.0}
    work.write(work.beat(training.key), beat)
    work.beat(training.key).write_text(json.dumps(beat))
    first, whole = progress.lines_under_way(work)
    assert first == "  udpos seed 0  step 110/1010, 40.0 examples/s, 3m00s left"
    # The training promises 210 s in all, 208 of them for 4 steps of 8 texts of up to 32 tokens; the
    # scoring's 2 languages of 5 texts are .3 x 320 / 1,024 of that: 180 + 2 + 208 x .09375 = 201.5
    assert whole == "0/2 stages  30s, 3m22s left"
    work.write(work.stage(training.key) / "result.json", {"english_dev": None})
    now[0] = 210.0
    line = progress.line(training, Finished(training.key, None, {}, False, 210.0), [], work)
    assert line == "1/2 udpos seed 0    3m30s, 22s left"
    progress.begin(scoring)
    work.beat(scoring.key).write_text(
        json.dumps({"done": 1, "n_steps": 2, "since": 0, "elapsed_s": 4.0})
    )
    assert progress.lines_under_way(work)[0] == (
        "  udpos on udpos  language 1/2, 1.2 examples/s, 4s left"
    )


def test_a_failed_stage_takes_those_that_need_it_off_the_count_and_teaches_no_speed(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    grid = tiny_grid(tiny_config(encoder_folder, data_folder), tmp_path / "out")
    (data_folder / "mnli" / "train.jsonl").write_text("{")  # it breaks after the check
    grid.run(lines.append)
    # Of 8 stages all but UD-POS trained directly and its scoring rest on the broken file: mnli, the
    # scoring of XNLI on it, mnli and udpos after it with theirs.
    assert len(lines) == 3
    assert lines[0].startswith("6/8 mnli seed 0  FAILED: ")
    assert "; left out because they need it: 5 stages" in lines[0]
    assert lines[-1].startswith("8/8 udpos on udpos")


def test_something_is_called_again_and_again_beside_a_block() -> None:
    calls: list[float] = []
    with repeating(0.01, lambda: calls.append(time.monotonic())):
        time.sleep(0.2)
    count = len(calls)
    assert count >= 3
    time.sleep(0.05)
    assert len(calls) == count


WATCH = """
from metaselect.harness.grid import heartbeat, runner
heartbeat.EVERY_S = 0.1
runner.WATCH_EVERY_S = 0.2
"""


def test_without_a_terminal_the_log_tells_of_the_stage_under_way(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runner.WATCH_EVERY_S == 60.0
    monkeypatch.setattr("tests.harness.commands.ALWAYS", WATCH)
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["udpos"],
        task_training={"udpos": {"steps": 300}},
    )  # fmt: skip
    process = start(config, tmp_path, tmp_path / "out", table_always=True)
    _, progress = process.communicate(timeout=300)
    assert process.returncode == 0, progress
    lines = progress.splitlines()
    under_way = [line for line in lines if line.startswith("  udpos seed 0  step ")]
    assert len(under_way) >= 2, progress
    assert all("/300, " in line and " examples/s, " in line for line in under_way), under_way
    assert any(line.startswith("0/2 stages  ") and line.endswith(" left") for line in lines)
    assert not list((tmp_path / "out" / "work" / "running").glob("*"))


def test_a_full_disk_is_told_with_what_to_do() -> None:
    from metaselect.harness.score.scoring import failure_record

    met = RuntimeError("I/O error: No space left on device (os error 28)")
    assert failure_record("copa", met)["reason"] == (
        "the disk is full: make room, name another --out, or bound the weights by disk_gb; the "
        "same command goes on from what is done"
    )
    assert failure_record("copa", RuntimeError("odd"))["reason"] == "RuntimeError: odd"
