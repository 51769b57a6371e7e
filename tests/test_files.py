import json
import os

import pytest

from metaselect.errors import MetaselectError
from metaselect.files import (
    MANIFEST,
    is_inside,
    library_versions,
    read_manifest,
    replacing,
    sha256_of,
    write_bytes,
    write_json,
    write_manifest,
    write_text,
)


@pytest.fixture
def sealed(tmp_path):
    """A finished folder of two files, one in a folder below."""
    folder = tmp_path / "made"
    write_text(folder / "a.txt", "alpha\n")
    write_json(folder / "deep" / "b.json", {"b": 1})
    write_manifest(folder, kind="runs", schema=2, made_by={"command": "by hand"})
    return folder


def _read(folder, *, kind="runs", schema=2):
    return read_manifest(folder, kind=kind, schema=schema)


def _edit(folder, **changes):
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    write_json(folder / MANIFEST, content | changes)


def _write_half(path):
    with replacing(path) as temp:
        temp.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt("stopped")


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_text(path, "one é\n")
    write_text(path, "two\n")
    assert path.read_bytes() == b"two\n"
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [item.name for item in path.parent.iterdir()] == ["file.txt"]


def test_an_error_half_way_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        _write_half(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file.txt"]


def test_json_is_readable_and_has_no_nan(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"name": "Türkçe", "score": 0.5})
    assert path.read_text(encoding="utf-8") == '{\n "name": "Türkçe",\n "score": 0.5\n}\n'
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"score": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8"))["score"] == 0.5


def test_the_hash_is_sha_256(tmp_path):
    write_bytes(tmp_path / "abc", b"abc")
    # the standard's own example, FIPS 180-2
    assert sha256_of(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_sealed_folder_tells_what_it_is(sealed):
    found = _read(sealed)
    assert (found.kind, found.schema, found.made_by) == ("runs", 2, {"command": "by hand"})
    assert set(found.hashes) == {"a.txt", "deep/b.json"}
    written = json.loads((sealed / MANIFEST).read_text(encoding="utf-8"))
    assert written["versions"] == library_versions()


def test_older_schemas_are_read(sealed):
    assert _read(sealed, schema=5).schema == 2


def test_files_that_are_not_listed_do_not_matter(sealed):
    write_text(sealed / "notes.md", "mine")
    assert "notes.md" not in _read(sealed).hashes


def test_a_folder_of_links_is_read_as_the_hubs_cache_has_them(sealed, tmp_path):
    # the hub's cache keeps contents in blobs/ and links to them from snapshots/REVISION/
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1a2b"
    blobs.mkdir()
    for number, path in enumerate(sorted(item for item in sealed.rglob("*") if item.is_file())):
        os.replace(path, blobs / str(number))
        link = snapshot / path.relative_to(sealed)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blobs / str(number))
    assert set(_read(snapshot).hashes) == {"a.txt", "deep/b.json"}
    write_text(blobs / "0", "other")
    with pytest.raises(MetaselectError, match="has changed since it was made"):
        _read(snapshot)


@pytest.mark.parametrize("name", ["a.txt", "deep/b.json"])
def test_a_changed_byte_is_found(sealed, name):
    content = bytearray((sealed / name).read_bytes())
    content[0] ^= 1
    write_bytes(sealed / name, bytes(content))
    with pytest.raises(MetaselectError, match=f"{name} has changed since it was made"):
        _read(sealed)


def test_a_missing_file_is_found(sealed):
    (sealed / "deep" / "b.json").unlink()
    with pytest.raises(MetaselectError, match=r"not whole: deep/b\.json is missing"):
        _read(sealed)


def test_an_unfinished_folder_is_refused(sealed):
    (sealed / MANIFEST).unlink()
    with pytest.raises(MetaselectError, match="is not a finished runs folder"):
        _read(sealed)


def test_a_newer_schema_says_to_update(sealed):
    with pytest.raises(MetaselectError, match=r"newer metaselect \(schema 2, this one reads up"):
        _read(sealed, schema=1)


def test_another_kind_is_named(sealed):
    with pytest.raises(
        MetaselectError, match="is of the kind runs; one of the kind predictor is needed"
    ):
        _read(sealed, kind="predictor")


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"kind": "runs"}', '{"kind": "runs", "schema": "x"}', "\x00", "1"),
        *('{"kind": "runs", "schema": Infinity}', "[" * 100_000),
    ],
)
def test_a_broken_manifest_is_one_clear_error(sealed, text):
    write_text(sealed / MANIFEST, text)
    with pytest.raises(MetaselectError, match=r"manifest\.json is broken"):
        _read(sealed)


@pytest.mark.parametrize("hashes", [[], {"a.txt": 3}, None])
def test_hashes_that_are_none_are_one_clear_error(sealed, hashes):
    _edit(sealed, sha256=hashes)
    with pytest.raises(MetaselectError, match=r"manifest\.json is broken"):
        _read(sealed)


@pytest.mark.parametrize("name", ["../a.txt", "/etc/hostname", "deep/../../x", "..\\x", "C:\\x"])
def test_a_manifest_cannot_reach_outside_its_folder(sealed, name):
    _edit(sealed, sha256={name: "0" * 64})
    with pytest.raises(MetaselectError, match="names a file outside its folder"):
        _read(sealed)
    assert not is_inside(name)
