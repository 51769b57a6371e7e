"""Data and encoders at URLs: copies in the cache that follow what is there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaselect.errors import MetaselectError
from metaselect.harness.data import sources
from metaselect.harness.data.sources import (
    absolute,
    absolute_if_folder,
    is_url,
    mirrored,
    version_of,
)
from tests.harness.grids import run_tiny, tiny_config

fsspec = pytest.importorskip("fsspec", reason="needs fsspec: pip install 'metaselect[harness]'")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the other side, and an empty cache on this one."""
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path / "cache"))
    there = tmp_path / "there"
    (there / "mnli").mkdir(parents=True)
    (there / "mnli" / "train.jsonl").write_text("one\n")
    (there / "mnli" / "validation.jsonl").write_text("two\n")
    yield there
    mirrored.cache_clear()


def again(url: str) -> Path:
    """As in a new process."""
    mirrored.cache_clear()
    return mirrored(url)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_copy_has_the_files_and_follows_them(place: Path) -> None:
    url = f"file://{place}"
    folder = mirrored(url)
    assert contents(folder) == {"mnli/train.jsonl": "one\n", "mnli/validation.jsonl": "two\n"}
    (place / "mnli" / "train.jsonl").write_text("changed\n")
    (place / "mnli" / "validation.jsonl").unlink()
    (place / "xnli").mkdir()
    (place / "xnli" / "test.sw.jsonl").write_text("new\n")
    assert again(url) == folder
    assert contents(folder) == {"mnli/train.jsonl": "changed\n", "xnli/test.sw.jsonl": "new\n"}


def test_what_has_not_changed_is_not_fetched_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{place}"
    folder = mirrored(url)
    fetched: list[str] = []
    local = type(fsspec.url_to_fs(url)[0])
    real = local.get_file

    def counted(self: object, remote: str, path: str, **options: object) -> None:
        fetched.append(remote.rpartition("/")[2])
        real(self, remote, path, **options)

    monkeypatch.setattr(local, "get_file", counted)
    again(url)
    assert fetched == []
    (folder / "mnli" / "train.jsonl").unlink()  # someone cleaned the cache
    again(url)
    assert fetched == ["train.jsonl"]
    assert contents(folder)["mnli/train.jsonl"] == "one\n"


def test_a_file_cut_short_on_the_way_is_no_copy(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{place}"
    local = type(fsspec.url_to_fs(url)[0])
    real = local.get_file

    def torn(self: object, remote: str, path: str, **options: object) -> None:
        Path(path).write_text("t")

    monkeypatch.setattr(local, "get_file", torn)
    with pytest.raises(MetaselectError, match="came with 1 bytes, not 4: run the same command"):
        mirrored(url)
    monkeypatch.setattr(local, "get_file", real)
    assert contents(again(url)) == {"mnli/train.jsonl": "one\n", "mnli/validation.jsonl": "two\n"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("file:///nowhere/at/all", "holds no files"),
        ("nosuch://bucket/pack", "Protocol not known: nosuch"),
        ("abfs://key:secret@account/pack", r"^abfs://\*\*\*@account/pack: .*[Ii]nstall adlfs"),
    ],
)
def test_a_url_that_cannot_be_read_is_one_line(url: str, told: str) -> None:
    with pytest.raises(MetaselectError, match=told) as found:
        mirrored(url)
    assert "\n" not in str(found.value)
    assert "secret" not in str(found.value)


def test_machines_that_see_the_same_have_the_same_version(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{place}"
    here = version_of(url)
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path / "another machine"))
    mirrored.cache_clear()
    assert version_of(url) == here
    (place / "mnli" / "train.jsonl").write_text("changed\n")
    mirrored.cache_clear()
    assert version_of(url) != here


def test_an_error_of_a_file_system_s_own_library_is_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoCredentials(Exception):
        pass

    def refuse(self: object, path: str, **options: object) -> None:
        raise NoCredentials("Unable to locate credentials\nand more")

    monkeypatch.setattr(type(fsspec.url_to_fs(f"file://{place}")[0]), "find", refuse)
    with pytest.raises(MetaselectError, match=r"cannot be read: Unable to locate credentials$"):
        mirrored(f"file://{place}")


def test_a_copy_that_does_not_fit_is_not_begun(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(place)._replace(free=5)
    monkeypatch.setattr(sources.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(MetaselectError, match="set METASELECT_CACHE to a folder with more room"):
        mirrored(f"file://{place}")


def test_names_that_lead_outside_are_refused() -> None:
    class Hostile:
        def find(self, root: str, *, detail: bool) -> dict[str, dict[str, object]]:
            return {"bucket/pack/../../etc/passwd": {"size": 1}}

    with pytest.raises(MetaselectError, match="would lie outside its folder"):
        sources._listing(Hostile(), "bucket/pack")


def test_what_is_a_url_and_what_a_folder(tmp_path: Path) -> None:
    assert is_url("s3://bucket/pack")
    assert not is_url("../pack")
    assert absolute("hub") == "hub"
    assert absolute("s3://bucket/pack", tmp_path) == "s3://bucket/pack"
    assert absolute("pack", tmp_path) == str(tmp_path / "pack")
    assert absolute_if_folder("there", tmp_path) == str(tmp_path / "there")
    assert absolute_if_folder("FacebookAI/xlm-roberta-base", tmp_path) == (
        "FacebookAI/xlm-roberta-base"
    )


def test_a_grid_on_copies_gives_the_same_table(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    here = tiny_config(encoder_folder, data_folder, targets=["udpos"])
    there = tiny_config(
        encoder_folder, f"file://{data_folder}", targets=["udpos"],
        encoders=[{"name": "tiny", "path": f"file://{encoder_folder}"}],
    )  # fmt: skip
    local = run_tiny(here, tmp_path / "local")
    copied = run_tiny(there, tmp_path / "copied")
    assert copied.done == 2
    assert copied.table.read_bytes() == local.table.read_bytes()
    keys = [{path.name for path in (tmp_path / name / "work" / "stages").iterdir()}
            for name in ("local", "copied")]  # fmt: skip
    assert keys[0] == keys[1]  # a grid may move from a folder to a URL and go on
