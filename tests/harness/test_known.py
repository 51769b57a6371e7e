"""A grid that goes on from a table: known cells are done, others made, none is mixed in."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from metaselect.errors import MetaselectError
from metaselect.harness.config import GridConfig
from metaselect.harness.grid.known import read_known, take_over
from metaselect.harness.grid.plan import GridPlan
from metaselect.harness.grid.runner import GridResult
from metaselect.harness.grid.session import OpenGrid
from metaselect.harness.grid.stages import ScoreStage, TrainStage
from metaselect.harness.grid.table import collect_tables
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.runs.exchange import read_runs
from tests.harness.grids import tiny_config, tiny_grid, toml_of
from tests.harness.test_command import APP

QUIET = lambda line: None  # noqa: E731 - what a report takes


def opened(config: GridConfig, out: Path, *known: Path) -> OpenGrid:
    return tiny_grid(config, out, known=known)


def carried_out(config: GridConfig, out: Path, *known: Path) -> tuple[GridResult, list[str]]:
    """The result of a grid and its lines."""
    lines: list[str] = []
    return opened(config, out, *known).run(lines.append), lines


@pytest.fixture
def config(encoder_folder: Path, data_folder: Path) -> GridConfig:
    return tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "mnli", "copa"],
        targets=["udpos", "tatoeba"],
    )  # fmt: skip


@pytest.fixture
def unbroken(config: GridConfig, tmp_path: Path) -> GridResult:
    """The whole grid in one go: 3 x 2 runs in 2 languages each."""
    result = opened(config, tmp_path / "unbroken").run(QUIET)
    assert result.done == 6
    return result


def part_of(result: GridResult, path: Path, *, intermediates: set[str]) -> Path:
    """A table with some of a grid's rows."""
    table = pd.read_csv(result.table, dtype=str, keep_default_na=False)
    table[table["intermediate"].isin(intermediates)].to_csv(path, index=False)
    return path


def test_known_cells_are_not_made_again_and_the_table_is_that_of_an_unbroken_grid(
    config: GridConfig, unbroken: GridResult, tmp_path: Path
) -> None:
    table = part_of(unbroken, tmp_path / "part.csv", intermediates={"direct", "mnli"})
    result, lines = carried_out(config, tmp_path / "out", table)
    assert (result.done, result.failed) == (6, 0)
    assert result.table.read_bytes() == unbroken.table.read_bytes()
    # mnli and UD-POS after it are spared; copa, UD-POS after copa and two scorings are made
    assert sorted(line.split()[1] for line in lines) == ["copa", "copa", "copa→udpos", "copa→udpos"]
    assert len(lines) == 4
    again, lines = carried_out(config, tmp_path / "out")
    assert (again.done, lines) == (6, [])  # without the table too
    assert again.table.read_bytes() == unbroken.table.read_bytes()


def test_trainings_beside_a_table_are_known_too_and_made_again_where_a_missing_cell_needs_them(
    config: GridConfig, unbroken: GridResult, tmp_path: Path
) -> None:
    folder = tmp_path / "collected"
    folder.mkdir()
    table = pd.read_csv(unbroken.table, dtype=str, keep_default_na=False)
    missing = (table["intermediate"] == "mnli") & (table["target"] == "tatoeba")
    table[~missing].to_csv(folder / "runs.csv", index=False)
    shutil.copy(unbroken.table.with_name("trainings.csv"), folder)
    result, lines = carried_out(config, tmp_path / "out", folder)
    assert sorted(line.split()[1:3] for line in lines) == [["mnli", "on"], ["mnli", "seed"]]
    for name in ("runs.csv", "trainings.csv"):
        sound = unbroken.table.with_name(name).read_bytes()
        assert result.table.with_name(name).read_bytes() == sound, name


def test_a_scoring_of_which_one_language_is_known_makes_the_others(
    config: GridConfig, unbroken: GridResult, tmp_path: Path
) -> None:
    table = pd.read_csv(unbroken.table, dtype=str, keep_default_na=False)
    table[table["language"] != "fi"].to_csv(tmp_path / "part.csv", index=False)
    grid = opened(config, tmp_path / "out", tmp_path / "part.csv")
    assert (grid.known.n_known, grid.known.n_cells) == (9, 12)  # UD-POS lacks Finnish three times
    result = grid.run(QUIET)
    assert result.table.read_bytes() == unbroken.table.read_bytes()


def test_rows_of_another_recipe_are_told_and_never_taken(
    config: GridConfig, unbroken: GridResult, tmp_path: Path
) -> None:
    other = config.model_copy(
        update={
            "training": config.training.model_copy(update={"steps": 5}),
            "targets": ["udpos", "tatoeba", "xnli"],
        }
    )
    table = pd.read_csv(unbroken.table, dtype=str, keep_default_na=False)
    table.loc[table["intermediate"] == "copa", "intermediate"] = "sst2"  # not in the grid
    table.loc[(table["target"] == "udpos") & (table["language"] == "fi"), "stage"] = ""
    table.to_csv(tmp_path / "other.csv", index=False)
    known = opened(other, tmp_path / "out", tmp_path / "other.csv").known
    # 12 rows. Tatoeba straight from the encoder (2) needs no training: it is the same. The 4 rows
    # said to be of sst2 are outside; UD-POS in Finnish, direct and after mnli (2), names no stage;
    # UD-POS in English, direct and after mnli (2), and Tatoeba after mnli (2) have another recipe.
    assert known.counts() == {
        "cells": 2, "of": 18, "other_identity": 4, "without_identity": 2, "outside": 4,
    }  # fmt: skip
    assert str(known) == (
        "known: 2 of 18 scores; 4 rows have another identity (recipe, data, encoder or version) "
        "and will be made again; 2 rows have no identity (no 'stage' column, or empty); 4 rows "
        "have no place in this grid"
    )
    assert len(known.scores) == 2


def test_other_data_are_another_identity(
    config: GridConfig, unbroken: GridResult, data_folder: Path, tmp_path: Path
) -> None:
    train = data_folder / "copa" / "train.jsonl"
    train.write_text(train.read_text() * 2)
    known = opened(config, tmp_path / "out", unbroken.table).known
    assert (known.n_known, known.n_other) == (8, 4)


def test_a_table_without_identities_is_told_and_not_taken(
    config: GridConfig, unbroken: GridResult, tmp_path: Path
) -> None:
    pd.read_csv(unbroken.table).drop(columns="stage").to_csv(tmp_path / "old.csv", index=False)
    known = opened(config, tmp_path / "out", tmp_path / "old.csv").known
    assert (known.n_known, known.n_unsaid) == (0, 12)


def test_two_tables_that_contradict_each_other_are_refused(
    config: GridConfig, unbroken: GridResult, tmp_path: Path
) -> None:
    table = pd.read_csv(unbroken.table)
    table.loc[0, "score"] = 0.123
    table.to_csv(tmp_path / "changed.csv", index=False)
    with pytest.raises(MetaselectError, match="one of them has been changed"):
        opened(config, tmp_path / "out", unbroken.table, tmp_path / "changed.csv")


def test_a_folder_whose_work_is_lost_goes_on_from_its_own_tables(
    config: GridConfig, unbroken: GridResult
) -> None:
    sound = unbroken.table.read_bytes()
    shutil.rmtree(unbroken.table.parent / "work")
    result, lines = carried_out(config, unbroken.table.parent)
    assert (result.done, lines) == (6, [])
    assert result.table.read_bytes() == sound


def test_a_dry_run_counts_what_is_known_and_writes_nothing_of_it(
    config: GridConfig, unbroken: GridResult, tmp_path: Path
) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(toml_of(config))
    out = tmp_path / "out"
    table = part_of(unbroken, tmp_path / "part.csv", intermediates={"direct", "mnli"})
    done = CliRunner().invoke(
        APP, [str(path), "--out", str(out), "--known", str(table), "--dry-run", "--json"]
    )
    assert done.exit_code == 0, done.output
    assert "known: 8 of 12 scores\n" in done.stderr
    told = json.loads(done.stdout)
    assert told["known"]["cells"] == 8
    assert sorted(stage["label"] for stage in told["stages"]) == [
        "copa", "copa on tatoeba", "copa→udpos", "copa→udpos on udpos",
    ]  # fmt: skip
    assert not (out / "work" / "stages").exists()


def test_every_row_says_the_scoring_that_made_it(config: GridConfig, unbroken: GridResult) -> None:
    plan = opened(config, unbroken.table.parent).plan
    table = read_runs(unbroken.table)
    assert len(table) == 12
    for row in table.itertuples():
        stage = plan.stages[str(row.stage)]
        assert isinstance(stage, ScoreStage)
        assert (stage.card.name, row.language in stage.languages) == (row.target, True)
    trained = pd.read_csv(unbroken.table.with_name("trainings.csv"))
    assert all(isinstance(plan.stages[key], TrainStage) for key in trained["stage"])


def test_keys_and_words_that_look_like_numbers_stay_what_they_are(
    config: GridConfig, unbroken: GridResult, tmp_path: Path
) -> None:
    plan = opened(config, tmp_path / "out").plan
    run, key = plan.runs[0], "1234567890123456789012e3"
    stage = replace(plan.stages[run.score_key], key=key)
    single = GridPlan((replace(run, score_key=key),), {key: stage})
    table = pd.read_csv(unbroken.table, dtype=str, keep_default_na=False)
    table = table[table["stage"] == run.score_key].assign(stage=key, note="1e999", flag="True")
    table.to_csv(tmp_path / "odd.csv", index=False)
    known = read_known([tmp_path / "odd.csv"], single)
    assert (known.n_known, known.n_cells) == (2, 2)
    take_over(known, single, WorkFolder(tmp_path / "work"))
    row = collect_tables(single, WorkFolder(tmp_path / "work")).runs.iloc[0]
    assert (row["note"], row["flag"], row["n_examples"], row["stage"]) == ("1e999", True, 8, key)
