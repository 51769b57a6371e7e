"""`metaselect runs publish`: a folder to share, read back whole, that tells no places."""

import json
import re
import tomllib
from datetime import date

import pytest

from metaselect.files import read_manifest
from metaselect.runs.exchange import read_runs
from metaselect.runs.schema import table_hash
from tests.harness.conftest import data_folder, encoder_folder
from tests.harness.grids import run_tiny, tiny_config, tiny_grid

__all__ = ["data_folder", "encoder_folder"]


@pytest.fixture
def grid(encoder_folder, data_folder, tmp_path):
    run_tiny(tiny_config(encoder_folder, data_folder), tmp_path / "grid")
    return tmp_path / "grid"


def test_a_grid_is_published_with_all_that_its_scores_rest_on(call, grid, tmp_path):
    card = tmp_path / "card.md"
    card.write_text("# Data card\n")
    done = call("runs", "publish", grid, "--out", tmp_path / "shared", "--card", card, "--json")
    assert done.code == 0, done.err
    runs = read_runs(tmp_path / "shared" / "runs.csv.gz")
    assert len(runs) == done.json["rows"] == len(read_runs(grid / "runs.csv"))
    manifest = read_manifest(tmp_path / "shared", kind="runs", schema=1)
    (told,) = manifest.made_by["grids"]
    assert told["n_runs"] == len(runs)
    assert told["wall_s"] > 0
    assert told["hardware"]["cores"] >= 1
    assert len(told["hashes"]["data"]["mnli/train"]) == 64
    assert told["hashes"]["data"]["xnli/test.sw"] != told["hashes"]["data"]["xnli/test.en"]
    assert set(told["hashes"]["encoders"]) == {"tiny"}
    assert str(tmp_path) not in json.dumps(manifest.made_by)
    assert (tmp_path / "shared" / "README.md").read_text() == "# Data card\n"
    assert (tmp_path / "shared" / "trainings.csv.gz").is_file()


def test_a_published_table_is_described_and_what_only_the_author_knows_is_asked_for(
    call, grid, tmp_path
):
    table, described = tmp_path / "shared" / "runs.csv.gz", tmp_path / "shared" / "study.toml"
    done = call("runs", "publish", grid, "--out", table.parent)
    assert f"{described}: to share the runs, write what only you know in place of TODO" in done.err
    told = tomllib.loads(described.read_text())
    assert (told["studies"], told["runs_hash"]) == (["tiny"], table_hash(read_runs(table)))
    assert sorted(told["data"]) == ["mnli", "udpos", "xnli"]
    assert f"the last of {date.today()}" in described.read_text().splitlines()[0]
    done = call("runs", "validate", "--strict", table)
    assert (done.code, done.err) == (
        2,
        f"metaselect: {described}: write what only you know in place of TODO in citation, licence, "
        "source.\n",
    )
    text = described.read_text()
    for name, value in (("licence", "MIT"), ("source", "https://a.org"), ("citation", "Doe 2026")):
        text = re.sub(f'{name} = ".*"', f'{name} = "{value}"', text)
    described.write_text(text)
    assert call("runs", "validate", "--strict", table).code == 0
    assert read_manifest(table.parent, kind="runs", schema=1)
    assert call("runs", "publish", grid, "--out", table.parent).code == 0
    assert described.read_text() == text
    runs = (grid / "runs.csv").read_text().splitlines(keepends=True)
    (grid / "runs.csv").write_text("".join(runs[:-1]))
    done = call("runs", "publish", grid, "--out", table.parent)
    assert "is kept as it was but for the table's runs_hash" in done.err
    hashed = table_hash(read_runs(table))
    renewed = re.sub('runs_hash = ".*"', f'runs_hash = "{hashed}"', text)
    assert renewed != text
    assert described.read_text() == renewed


def test_the_same_results_give_the_same_bytes(call, grid, tmp_path):
    for name in "ab":
        assert call("runs", "publish", grid, "--out", tmp_path / name).code == 0
    for file in ("runs.csv.gz", "trainings.csv.gz"):
        first, second = ((tmp_path / name / file).read_bytes() for name in "ab")
        assert first == second, file


def test_a_folder_without_results_is_refused_and_nothing_is_made(call, tmp_path):
    done = call("runs", "publish", tmp_path, "--out", tmp_path / "shared")
    assert done.code == 2
    assert done.err.endswith(
        f"{tmp_path} holds no results of metaselect run: grid.json: No such file or directory.\n"
    )
    assert not (tmp_path / "shared").exists()


def test_two_grids_with_one_run_in_both_are_refused(call, grid, tmp_path):
    done = call("runs", "publish", grid, grid, "--out", tmp_path / "shared")
    assert done.code == 2
    assert not (tmp_path / "shared").exists()


def test_a_grid_that_has_only_begun_is_told_and_one_half_way_is_published(call, grid, tmp_path):
    whole = (grid / "runs.csv").read_text().splitlines(keepends=True)
    (grid / "runs.csv").write_text("".join(whole[:3]))  # as it stands while the grid runs
    done = call("runs", "publish", grid, "--out", tmp_path / "shared", "--json")
    assert (done.code, done.json["rows"]) == (0, 2), done.err
    (grid / "runs.csv").write_text("".join(whole))
    done = call("runs", "publish", grid, "--out", tmp_path / "shared", "--json")  # and again
    assert done.json["rows"] == len(whole) - 1
    (grid / "runs.csv").unlink()
    done = call("runs", "publish", grid, "--out", tmp_path / "early")
    assert done.code == 2
    assert "has no score yet" in done.err
    assert not (tmp_path / "early").exists()


def test_how_much_of_a_grid_is_published_is_told_and_kept(call, grid, tmp_path):
    # 2 intermediates x 2 targets x 2 languages each
    whole = read_runs(grid / "runs.csv")
    done = call("runs", "publish", grid, "--out", tmp_path / "whole")
    assert done.out.splitlines() == [
        f"{tmp_path}/whole: 8 scores of 1 grid", f"  {grid}: complete, 8 scores; 0 stages failed",
    ]  # fmt: skip
    kept = whole[~((whole["target"] == "xnli") & (whole["intermediate"] == "mnli"))]
    kept.to_csv(grid / "runs.csv", index=False)
    (grid / "failures.json").write_text('{"mnli→xnli (a)": "why", "mnli→xnli on xnli (b)": "why"}')
    done = call("runs", "publish", grid, "--out", tmp_path / "part")
    assert done.out.splitlines()[1] == (
        f"  {grid}: incomplete: 6 of 8 planned scores; complete targets: udpos (1 of 2); "
        "2 stages failed"
    )
    (told,) = read_manifest(tmp_path / "part", kind="runs", schema=1).made_by["grids"]
    state = {
        "n_planned_scores": 8, "n_scores": 6, "complete_targets": ["udpos"],
        "incomplete_targets": ["xnli"], "n_failed_stages": 2,
    }  # fmt: skip
    assert {name: told[name] for name in state} == state
    done = call("runs", "publish", grid, "--out", tmp_path / "part", "--json")
    assert done.json["grids"] == [state]


def test_a_grid_that_was_all_known_is_published_with_the_same_bytes_and_no_time(
    call, grid, encoder_folder, data_folder, tmp_path
):
    assert call("runs", "publish", grid, "--out", tmp_path / "first").code == 0
    config = tiny_config(encoder_folder, data_folder)
    result = tiny_grid(config, tmp_path / "other", known=[tmp_path / "first"]).run(
        lambda line: None
    )
    assert result.done == result.planned == 4
    done = call("runs", "publish", tmp_path / "other", "--out", tmp_path / "second")
    assert done.code == 0, done.err
    for file in ("runs.csv.gz", "trainings.csv.gz"):
        first, second = ((tmp_path / name / file).read_bytes() for name in ("first", "second"))
        assert first == second, file
    manifest = read_manifest(tmp_path / "second", kind="runs", schema=1)
    assert manifest.made_by["grids"][0]["wall_s"] == 0.0
