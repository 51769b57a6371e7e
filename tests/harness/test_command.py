"""`metaselect run` as its users see it: a plan, an estimate, results, exit codes, trackers."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from metaselect.cli.run import run_command
from metaselect.errors import MetaselectError, MissingExtra
from metaselect.harness.grid.trackers import open_trackers
from metaselect.wording import short_time
from tests.harness.grids import run_tiny, tiny_config, tiny_grid, toml_of

APP = typer.Typer()
APP.command()(run_command)


def config_file(folder: Path, encoder: Path, data: Path, **changes: Any) -> Path:
    path = folder / "grid.toml"
    values = {"intermediates": ["direct", "copa"], "targets": ["udpos"], **changes}
    config = tiny_config(encoder, data, **values)
    path.write_text(toml_of(config))
    return path


def test_a_dry_run_tells_the_plan_and_its_time_and_trains_nothing(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    path = config_file(tmp_path, encoder_folder, data_folder)
    done = CliRunner().invoke(APP, [str(path), "--out", str(tmp_path / "out"), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(
        "2 runs: 3 trainings and 2 scorings\ntargets:\n  udpos  2 languages: en, fi\nstages:\n"
    )
    assert "  train  copa→udpos, seed 0\n" in done.stdout
    assert "  score  copa→udpos on udpos, seed 0\n" in done.stdout
    assert "with 1 worker" in done.stdout
    assert "probe 2/2: 4 steps of copa\n" in done.stderr
    assert not list((tmp_path / "out").rglob("*.safetensors"))
    told = CliRunner().invoke(
        APP, [str(path), "--out", str(tmp_path / "out"), "--dry-run", "--json"]
    )
    value = json.loads(told.stdout)
    assert (value["planned"], value["trainings"], value["scorings"]) == (2, 3, 2)
    assert value["seconds"] > 0
    assert [stage["seed"] for stage in value["stages"]] == [0] * 5
    assert value["targets"] == {"udpos": ["en", "fi"]}


def test_a_dry_run_tells_what_weights_take_and_whether_disk_gb_is_enough(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    def dry(*more: str, **changes: Any) -> Any:
        path = config_file(tmp_path, encoder_folder, data_folder, **changes)
        return CliRunner().invoke(APP, [str(path), "--out", str(tmp_path / "out"), *more]).stdout

    def needed(**changes: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(dry("--dry-run", "--json", **changes))["disk"]
        return found

    everything = needed()
    assert everything["fits_disk_gb"]
    assert "GB on disk in the end; disk_gb bounds" in dry("--dry-run")
    short = needed(disk_gb=everything["weights_gb"] / 10)
    assert not short["fits_disk_gb"]
    assert f"set disk_gb to {short['enough_disk_gb']:g} or more" in dry(
        "--dry-run", disk_gb=everything["weights_gb"] / 10
    )
    enough = {"disk_gb": short["enough_disk_gb"]}
    assert needed(**enough)["fits_disk_gb"]
    assert "which disk_gb = " in dry("--dry-run", **enough)
    assert json.loads(dry("--json", **enough))["failed"] == 0  # it was enough
    shutil.rmtree(tmp_path / "out")
    dry("--json")
    kept = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.safetensors"))
    assert everything["weights_gb"] == pytest.approx(kept / 1e9, rel=0.1)


def test_a_repeated_dry_run_keeps_its_times_until_something_or_the_machine_changes(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    def dry(**changes: Any) -> tuple[float, list[str]]:
        path = config_file(tmp_path, encoder_folder, data_folder, **changes)
        done = CliRunner().invoke(
            APP, [str(path), "--out", str(tmp_path / "out"), "--dry-run", "--json"]
        )
        first, *lines = done.stderr.splitlines()
        assert first.startswith("precision: float32")
        return json.loads(done.stdout)["seconds"], lines

    first, lines = dry(targets=["tatoeba", "udpos"])
    assert [line.split(": ")[0] for line in lines] == ["probe 1/2", "probe 2/2"]
    again, lines = dry(targets=["tatoeba", "udpos"])
    kept = tmp_path / "out" / "work" / "probed_s.json"
    assert lines == [f"probe: times are an earlier dry run's; delete {kept} to measure again"]
    assert again == first
    assert dry(targets=["udpos"])[1] == lines  # a part of what was timed
    assert dry(targets=["udpos"], task_training={"copa": {"epochs": 1.0}})[1] != lines
    assert dry(targets=["udpos"], threads=2)[1] != lines


def test_a_part_of_a_grid_is_named_by_its_axes(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    path = config_file(tmp_path, encoder_folder, data_folder)
    asked = [str(path), "--out", str(tmp_path / "out"), "--dry-run", "--json", "--seeds", "0"]
    done = CliRunner().invoke(APP, [*asked, "--intermediates", "copa"])
    assert done.exit_code == 0, done.output
    value = json.loads(done.stdout)
    assert (value["planned"], value["trainings"], value["scorings"]) == (1, 2, 1)
    for option, name in (("--targets", "xnli"), ("--seeds", "7"), ("--intermediates", "mnli")):
        with pytest.raises(MetaselectError, match=f"{option} is one of .*, not '{name}'"):
            CliRunner().invoke(APP, [*asked, option, name], catch_exceptions=False)


def test_results_go_to_stdout_and_progress_to_stderr(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    path = config_file(tmp_path, encoder_folder, data_folder)
    done = CliRunner().invoke(APP, [str(path), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    value = json.loads(done.stdout)
    assert {key: value[key] for key in ("planned", "done", "failed", "pending")} == {
        "planned": 2, "done": 2, "failed": 0, "pending": 0,
    }  # fmt: skip
    lines = done.stderr.splitlines()
    assert len(lines) == 1 + 5
    assert lines[0].startswith("precision: float32")
    settings = json.loads((tmp_path / "out" / "grid.json").read_text())
    flags = Path("/proc/cpuinfo")
    if flags.is_file():
        has_amx = "amx_bf16" in flags.read_text()
        assert ("AMX" in settings["hardware"]["processor"]) == has_amx
    assert settings["grid"]["targets"] == ["udpos"]
    assert {"torch", "transformers", "metaselect"} <= set(settings["versions"])


def test_a_failed_part_exits_with_1_and_names_it(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    frozen = {"copa": {"freeze_layers": 2}}
    path = config_file(tmp_path, encoder_folder, data_folder, task_training=frozen)
    done = CliRunner().invoke(APP, [str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "1 of 2 runs done, 1 failed" in done.stdout
    assert "leaves nothing to train of 2 layers" in done.stdout


def test_an_unknown_task_and_a_folder_that_is_no_encoder_are_told_before_anything_runs(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(MetaselectError, match="Unknown task 'xnlo'"):
        tiny_grid(tiny_config(encoder_folder, data_folder, targets=["xnlo"]), tmp_path)
    with pytest.raises(MetaselectError, match="is no encoder: it has no"):
        tiny_grid(tiny_config(data_folder, data_folder), tmp_path)


def test_an_encoder_may_be_cut_to_its_first_layers(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    folder = str(encoder_folder)
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["tatoeba"],
        encoders=[
            {"name": "whole", "path": folder}, {"name": "first", "path": folder, "n_layers": 1},
            {"name": "random", "path": folder, "random_weights": True},
        ],
    )  # fmt: skip
    result = run_tiny(config, tmp_path / "out")
    assert result.done == 3
    scores = {line.split(",")[1]: line for line in result.table.read_text().splitlines()[1:]}
    assert set(scores) == {"whole", "first", "random"}
    deep = tiny_config(
        encoder_folder, data_folder, targets=["udpos"], intermediates=["direct"],
        encoders=[{"name": "deep", "path": folder, "n_layers": 3}],
    )  # fmt: skip
    failed = run_tiny(deep, tmp_path / "deep")
    assert any("n_layers = 3, but" in why for why in failed.failures.values())


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_tracker_whose_library_is_missing_says_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("torch.utils.tensorboard", "tensorboard", "mlflow"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"pip install .* '\.\[tracking\]'"):
        open_trackers([name], tmp_path, "study")  # type: ignore[list-item]


def test_times_are_short() -> None:
    assert [short_time(s) for s in (0.4, 59.6, 3599, 3600)] == ["0s", "1m00s", "59m59s", "1h00m"]


def test_finished_stages_go_to_tensorboard_where_asked(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra 'tracking'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["udpos"],
        log_to=["tensorboard"],
    )  # fmt: skip
    run_tiny(config, tmp_path / "out")
    folders = sorted((tmp_path / "out" / "tensorboard").iterdir())
    assert [folder.name.split("-")[0] for folder in folders] == ["udpos", "udpos_on_udpos"]
    events = EventAccumulator(str(folders[0])).Reload()
    assert len(events.Scalars("loss")) == 4
