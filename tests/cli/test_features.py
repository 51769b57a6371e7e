"""`metaselect features compute`: bad input in one line; a small table made, kept and joined."""

import pytest

from metaselect.catalogue.measured import read_measured
from tests.harness.conftest import data_folder, encoder_folder

__all__ = ["data_folder", "encoder_folder"]


@pytest.fixture
def command(data_folder, encoder_folder, tmp_path):
    return [
        "features", "compute", "--data", str(data_folder), "--encoder", f"tiny={encoder_folder}",
        "--out", str(tmp_path / "measured.csv"), "--workers", "1",
    ]  # fmt: skip


def test_a_table_is_made_joined_and_known_the_second_time(call, command, tmp_path, monkeypatch):
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "measured.csv"
    path.write_text(
        "measure,encoder,task,target,language,value,seconds\ndrift,old,mnli,,sw,0.5,1\n"
    )
    asked = [*command, "--intermediates", "mnli", "--targets", "udpos", "--languages", "sw,fi"]
    first = call(*asked, "--groups", "language", "--json")
    assert first.code == 0, first.err
    assert (first.json["known"], first.json["failed"]) == (0, 0)
    table = read_measured(path)
    assert table.of("drift", encoder="old", task="mnli", language="sw") == 0.5
    assert table.of("drift", encoder="tiny", task="mnli", language="sw") != 0.5
    assert table.of("target_doubt", encoder="tiny", task="udpos", language="fi") is not None
    again = call(*asked, "--groups", "language", "--json")
    assert again.json["known"] == again.json["jobs"] == first.json["jobs"]
    assert set(read_measured(path)) == set(table)


def test_a_language_without_text_fails_alone_with_exit_1(call, command, tmp_path, monkeypatch):
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path / "cache"))
    asked = [*command, "--intermediates", "mnli", "--targets", "udpos", "--languages", "sw,cy"]
    found = call(*asked, "--groups", "language", "--json")
    assert found.code == 1
    assert "No task has text of cy" in found.json["failures"]["language cy"]
    assert {item.language for item in read_measured(tmp_path / "measured.csv")} == {"sw"}


def test_what_it_would_cost_is_said_without_measuring(call, command, tmp_path):
    found = call(*command, "--dry-run", "--json")
    assert found.code == 0
    assert found.json["jobs"] > 20
    assert found.json["seconds"] > 60
    assert not (tmp_path / "measured.csv").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (["--groups", "size"], "--groups is one of difficulty, affinity, language, not 'size'."),
        (["--data", "nowhere"], "--data nowhere is no folder"),
        (["--precision", "half"], "say float32 or bfloat16"),
        (["--intermediates", "mnlii"], "Unknown task 'mnlii'"),
        (["--languages", "swahili"], "Languages go by codes"),
    ],
)
def test_bad_input_is_one_line(call, command, changes, reason):
    found = call(*command, *changes)
    assert found.code == 2
    assert reason in found.err
    assert found.err.count("\n") == 1
