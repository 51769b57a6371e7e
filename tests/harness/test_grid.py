"""Grids of some cells alone, and the grid that `metaselect plan` writes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from metaselect.cli.plan import plan_command
from metaselect.cli.run import run_command
from metaselect.runs.exchange import read_runs
from tests.harness.grids import run_tiny, tiny_config, tiny_grid, toml_of

CELLS = [["direct", "xnli"], ["mnli", "xnli"], ["copa", "udpos"]]


def _invoke(command: Callable[..., None], *arguments: object) -> Any:
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def test_cells_alone_are_planned_with_what_they_need(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, seeds=[0, 1], intermediates=["direct", "mnli", "copa", "sst2"],
        cells=CELLS,
    )  # fmt: skip
    plan = tiny_grid(config, tmp_path / "out").plan
    cells = [[run.intermediate, run.target] for run in plan.runs]
    assert cells == [cell for _ in range(2) for cell in CELLS]
    # a seed: mnli, which is xnli's own training too, mnli after mnli, copa, udpos after copa. sst2,
    # which no cell names, is not trained, nor is udpos directly.
    assert plan.n_trainings == 2 * 4
    assert plan.n_scorings == 2 * 3


def test_all_cells_are_the_whole_grid(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    whole = tiny_config(encoder_folder, data_folder)
    every = [[before, target] for before in whole.intermediates for target in whole.targets]
    listed = whole.model_copy(update={"cells": every})
    plans = [tiny_grid(config, tmp_path / "out").plan for config in (whole, listed)]
    assert plans[0] == plans[1]
    assert len(plans[0].runs) == 4


@pytest.fixture
def grown(encoder_folder: Path, data_folder: Path, tmp_path: Path) -> Path:
    """A finished grid's folder with its config beside it: one cell of the cross was left out."""
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "mnli"], targets=["xnli", "udpos"],
        cells=[["direct", "xnli"], ["direct", "udpos"], ["mnli", "xnli"]],
    )  # fmt: skip
    assert run_tiny(config, tmp_path / "out").failed == 0
    (tmp_path / "grid.toml").write_text(toml_of(config))
    return tmp_path


def test_a_plan_goes_on_in_the_folder_of_its_grid(grown: Path) -> None:
    planned = _invoke(
        plan_command, "--runs", grown / "out" / "runs.csv", "--budget", 1, "--json",
        "--costs", grown / "out", "--config", grown / "grid.toml", "--out", grown / "plan.toml",
        "--intermediates", "mnli,copa",
    )  # fmt: skip
    runs = json.loads(planned.stdout)["runs"]
    cells = {(run["intermediate"], run["target"]) for run in runs}
    assert cells == {("mnli", "udpos"), ("copa", "xnli"), ("copa", "udpos")}
    assert all(0 < run["hours"] < 0.1 for run in runs)  # four steps of a tiny encoder
    out = ("--out", grown / "out")
    dry = _invoke(run_command, grown / "plan.toml", *out, "--dry-run", "--json")
    told = json.loads(dry.stdout)
    assert told["planned"] == 3 + 3  # those that are done, and the new ones
    # copa, mnli and udpos after it, udpos after mnli, and the three scorings
    assert told["pending"] == 4 + 3
    done = _invoke(run_command, grown / "plan.toml", *out, "--json")
    assert json.loads(done.stdout)["done"] == 6
    table = read_runs(grown / "out" / "runs.csv")
    found = set(table[["intermediate", "target"]].itertuples(index=False, name=None))
    assert found == cells | {("direct", "xnli"), ("direct", "udpos"), ("mnli", "xnli")}


def test_a_plan_without_a_config_is_a_grid_of_its_own(
    grown: Path, encoder_folder: Path, data_folder: Path
) -> None:
    planned = _invoke(
        plan_command, "--runs", grown / "out" / "runs.csv", "--budget", 9, "--json",
        "--out", grown / "new.toml",
    )  # fmt: skip
    assert any("default budgets" in line for line in json.loads(planned.stdout)["warnings"])
    dry = _invoke(
        run_command, grown / "new.toml", "--out", grown / "elsewhere", "--dry-run", "--json",
        "--data", data_folder, "--encoder", encoder_folder,
    )  # fmt: skip
    assert json.loads(dry.stdout)["planned"] == 1
