"""The grid that `rank --data --out` writes is one that `run` takes."""

import json

from tests.cli.conftest import call_main
from tests.harness.conftest import nli_rows, write_rows


def test_a_grid_of_own_rows_passes_a_dry_run(encoder_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "data" / "mine" / "train.jsonl", nli_rows(24))
    write_rows(tmp_path / "data" / "mine" / "test.sw.jsonl", nli_rows(6, foreign=True))
    write_rows(tmp_path / "data" / "mnli" / "train.jsonl", nli_rows(24))
    asked = ("--data", "data/mine", "--language", "sw", "--candidates", "mnli")
    ranked = call_main("rank", *asked, "--out", "plan.toml", "--json")
    assert ranked.code == 0, ranked.err
    assert json.loads(ranked.out)["grid"] == "plan.toml"
    assert "a run still needs" not in ranked.err
    encoder = f"multilingual-e5-small={encoder_folder}"
    done = call_main(
        *("run", "plan.toml", "--tasks", "plan.tasks.toml", "--encoder", encoder),
        *("--dry-run", "--json"),
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["planned"] == 4  # direct and mnli, two seeds each
