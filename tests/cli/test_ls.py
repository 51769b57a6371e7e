"""`metaselect ls` with a word to look for."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metaselect.cli import app
from metaselect.runs.exchange import read_runs, write_runs

RUNNER = CliRunner()


@pytest.mark.parametrize(
    ("arguments", "there", "not_there"),
    [
        (["languages", "swahili"], "sw", "de"),
        (["languages", "Nan"], "nan", "sw"),
        (["tasks", "copa"], "xcopa", "mnli"),
        (["features", "grammatical distance"], "distance_syntactic", None),
    ],
)
def test_only_what_has_the_text_is_listed(arguments, there, not_there):
    result = RUNNER.invoke(app, ["ls", *arguments, "--json"])
    assert result.exit_code == 0
    names = [item.get("code", item.get("name")) for item in json.loads(result.stdout)["items"]]
    assert names
    assert not_there not in names
    whole = RUNNER.invoke(app, ["ls", arguments[0], "--json"])
    assert len(names) < len(json.loads(whole.stdout)["items"])
    if arguments[0] != "features":
        assert there in names


def test_a_text_that_nothing_has_lists_nothing():
    result = RUNNER.invoke(app, ["ls", "tasks", "no such task anywhere", "--json"])
    assert json.loads(result.stdout) == {"items": []}


def test_scores_that_look_like_slips_are_told_of_a_file_and_not_of_the_runs_that_ship(tmp_path):
    runs = read_runs(Path(__file__).parents[2] / "artifacts" / "runs" / "runs.csv.gz")
    row = runs.index[runs["target"] == "sib200"][0]
    runs.loc[row, "score"] /= 100
    write_runs(runs, tmp_path / "slip.csv")
    asked = ["ls", "studies", "--json"]
    told = RUNNER.invoke(app, [*asked, "--runs", str(tmp_path / "slip.csv")])
    assert "a hundred times below the others of the target" in told.stderr
    quiet = RUNNER.invoke(app, asked)
    assert quiet.stdout == told.stdout
    assert "a hundred times below" not in quiet.stderr
