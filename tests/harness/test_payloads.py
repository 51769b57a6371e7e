"""Stages sent to machines that do not see the work folder, and back."""

import os
from pathlib import Path

import pytest

from metaselect.errors import MetaselectError
from metaselect.files import MANIFEST, write_bytes
from metaselect.harness.grid.payloads import Keeper, fresh_folder, packed, unpack
from metaselect.harness.grid.workfolder import WorkFolder


@pytest.fixture
def done(tmp_path: Path) -> WorkFolder:
    """A work folder with one finished training."""
    work = WorkFolder(tmp_path / "work")
    work.write(work.stage("k1") / "result.json", {"loss": 0.5})
    write_bytes(work.weights("k1"), bytes(range(200)))
    work.seal("k1", {"label": "mnli"})
    return work


def test_a_finished_stage_arrives_whole(done: WorkFolder, tmp_path: Path) -> None:
    other = WorkFolder(tmp_path / "other")
    unpack(packed(done, "k1"), other)
    assert other.is_whole("k1")
    assert other.checked_weights("k1").read_bytes() == bytes(range(200))
    assert other.read(other.stage("k1") / "result.json") == {"loss": 0.5}


def test_a_stage_that_has_not_begun_is_an_empty_payload(done: WorkFolder, tmp_path: Path) -> None:
    payload = packed(done, "k2")
    assert (payload.files, payload.weights) == ({}, None)
    unpack(payload, other := WorkFolder(tmp_path / "other"))
    assert not other.is_done("k2")


def test_a_stage_cut_off_on_its_way_is_open(
    done: WorkFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = WorkFolder(tmp_path / "other")
    written: list[str] = []

    def breaks(path: Path, data: bytes) -> None:
        if path.name == MANIFEST:
            raise OSError("no space left on device")
        written.append(path.name)

    monkeypatch.setattr("metaselect.harness.grid.payloads.write_bytes", breaks)
    with pytest.raises(OSError, match="no space"):
        unpack(packed(done, "k1"), other)
    assert written == ["k1.safetensors", "result.json"]
    assert not other.is_done("k1")


def test_a_keeper_gives_and_takes(done: WorkFolder, tmp_path: Path) -> None:
    mine = Keeper(WorkFolder(tmp_path / "work"))
    payload = mine.give("k1")
    Keeper(other := WorkFolder(tmp_path / "other")).take(payload)
    assert other.is_whole("k1")
    with pytest.raises(MetaselectError, match="has no node that sees"):
        Keeper(WorkFolder(tmp_path / "nowhere")).give("k1")


def test_a_node_s_folder_is_empty_and_those_of_dead_processes_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path))
    mine = tmp_path / "nodes" / str(os.getpid()) / "weights"
    dead = tmp_path / "nodes" / "4194305"  # above Linux's highest process number
    living = tmp_path / "nodes" / "1"
    for folder in (mine, dead, living):
        folder.mkdir(parents=True)
        (folder / "left.safetensors").write_bytes(b"left")
    work = fresh_folder()
    assert work.root == tmp_path / "nodes" / str(os.getpid())
    assert [path.name for path in work.root.iterdir()] == ["tokens"]
    assert not dead.exists()
    assert (living / "left.safetensors").is_file()
    write_bytes(work.tokens("t1"), b"tokens")
    assert fresh_folder().tokens("t1").read_bytes() == b"tokens"
