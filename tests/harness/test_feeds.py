"""Runs that go to a store while a grid makes them."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from metaselect.errors import MetaselectError
from metaselect.harness.grid import runner
from metaselect.harness.grid.runner import StoreFeed
from metaselect.runs.exchange import read_runs
from metaselect.runs.schema import COLUMNS, check_runs
from metaselect.runs.store import RunsStore
from tests.harness.grids import tiny_config, tiny_grid, toml_of
from tests.harness.test_command import APP


@pytest.fixture
def command(encoder_folder: Path, data_folder: Path, tmp_path: Path) -> Callable[..., object]:
    """`metaselect run` of a grid of two runs, into a store."""
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "copa"], targets=["udpos"]
    )
    (tmp_path / "grid.toml").write_text(toml_of(config))

    def call(url: str) -> object:
        return CliRunner().invoke(
            APP,
            [str(tmp_path / "grid.toml"), "--out", str(tmp_path / "out"), "--store", url, "--json"],
        )

    return call


def test_runs_are_in_the_store_once_however_often_the_command_runs(
    command: Callable[..., object], store_url: str, tmp_path: Path
) -> None:
    for _ in range(2):
        done = command(store_url)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["store_fault"] is None
    stored = RunsStore(store_url).read()
    made = check_runs(read_runs(tmp_path / "out" / "runs.csv"), percent=False)
    made = made.sort_values(["study", "target", "language", "intermediate"], ignore_index=True)
    names = [column.name for column in COLUMNS]
    pd.testing.assert_frame_equal(stored[names], made[names])
    assert stored["n_examples"].gt(0).all()


def test_a_store_with_other_scores_is_left_as_it_is(
    command: Callable[..., object], store_url: str, tmp_path: Path
) -> None:
    assert command("sqlite:///" + str(tmp_path / "first.db")).exit_code == 0
    other = read_runs(tmp_path / "out" / "runs.csv")
    other["score"] = 0.123
    RunsStore(store_url).add(other)
    done = command(store_url)
    assert done.exit_code == 1
    assert "0.123, as the store has it" in json.loads(done.stdout)["store_fault"]
    assert set(RunsStore(store_url).read()["score"]) == {0.123}


def test_a_store_that_cannot_be_used_ends_the_command_before_any_work(
    command: Callable[..., object], tmp_path: Path
) -> None:
    done = command("mysql://host/name")
    assert isinstance(done.exception, MetaselectError)
    assert not list((tmp_path / "out").rglob("manifest.json"))


def test_a_grid_goes_on_while_its_store_is_away(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    config = tiny_config(encoder_folder, data_folder, intermediates=["direct", "copa"])
    monkeypatch.setattr(runner, "TABLE_EVERY_S", 0.0)
    monkeypatch.setattr(runner, "_RARELY", 0)
    real, calls = RunsStore.add, []

    def away_at_first(store: RunsStore, runs: pd.DataFrame) -> object:
        calls.append(len(runs))
        if len(calls) <= 3:
            raise MetaselectError("The store failed: connection refused.")
        return real(store, runs)

    monkeypatch.setattr(RunsStore, "add", away_at_first)
    lines: list[str] = []
    result = tiny_grid(config, tmp_path / "out", store=url).run(lines.append)
    assert (result.done, result.store_fault) == (4, None)
    assert lines.count("scores wait: The store failed: connection refused.") == 3
    assert len(calls) > 4
    assert len(RunsStore(url).read()) == len(read_runs(result.table))


def test_a_feed_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    feed = StoreFeed(f"sqlite:///{tmp_path / 'runs.db'}")
    feed.feed(pd.DataFrame({"study": ["a"]}))
    assert feed.fault is not None
    assert "\n" not in feed.fault
