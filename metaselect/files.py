"""The one module that opens files for writing: whole files or none, and folders with a manifest.

A folder that a command made holds `manifest.json`, written last: if it is there, the folder is
whole. It lists every file's SHA-256, the folder's kind and schema version, and how it was made.
"""

import hashlib
import json
import os
import platform
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from filelock import FileLock

from metaselect.errors import MetaselectError

MANIFEST = "manifest.json"
BROKEN_JSON = (
    *(ValueError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, RecursionError),  # infinite numbers, thousands of nested brackets
)
"""What reading JSON of another shape than expected leads to."""

CARD = "README.md"
DESCRIPTION = "study.toml"
_EDITED = (CARD, DESCRIPTION)  # by people, as on the hub: the manifest does not hold them fast
_VERSIONED = ("metaselect", "lightgbm", "numpy", "optuna", "pandas", "scikit-learn", "scipy")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder is and how it was made.

    Attributes:
        kind: What the folder holds: `predictor`, `evaluation`, `runs`, ...
        schema: Version of that kind's format; readers refuse newer ones.
        made_by: The command, its settings, input hashes: whatever explains the content.
        hashes: SHA-256 by file name.
    """

    kind: str
    schema: int
    made_by: Mapping[str, Any]
    hashes: Mapping[str, str]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    Readers see the old file or the new, never half of one; an error leaves the old one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{uuid.uuid4().hex}")  # same disk, so replace is atomic
    try:
        yield temp
        with temp.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temp, path)
    finally:
        temp.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Replace path whole."""
    with replacing(path) as temp, temp.open("xb") as out:
        out.write(data)


def write_text(path: Path, text: str) -> None:
    """Replace path whole, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Replace path whole with indented JSON; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold a folder, made if need be, alone; the lock goes with the process, however that ends.

    Its file `lock` says nothing: a process that was killed may leave it.

    Raises:
        TimeoutError: Another process holds the folder, and `wait` is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock", blocking=wait):
        yield


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that can change a result."""
    versions = {"python": platform.python_version()}
    for name in _VERSIONED:
        versions[name] = metadata.version(name)
    return versions


def write_manifest(folder: Path, *, kind: str, schema: int, made_by: Mapping[str, Any]) -> None:
    """Seal a folder: hash every file in it but what people edit, and write the manifest last."""
    hashes = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in (MANIFEST, *_EDITED)
        and not path.name.startswith(".")
    }
    content = {"kind": kind, "schema": schema, "made_by": dict(made_by), "sha256": hashes}
    write_json(folder / MANIFEST, {**content, "versions": library_versions()})


@contextmanager
def sealed_folder(
    folder: Path, *, kind: str, schema: int, made_by: Mapping[str, Any]
) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `folder`, sealed, when the block ends well.

    Raises:
        MetaselectError: `folder` is a file, or holds something that no command of ours made.
    """
    if folder.exists() and not _replaceable(folder, kind):
        raise MetaselectError(
            f"{folder} is there already and is not a finished {kind} folder: choose another --out, "
            "or remove it."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    old = temp.with_suffix(".old")
    try:
        temp.mkdir()
        yield temp
        write_manifest(temp, kind=kind, schema=schema, made_by=made_by)
        if folder.exists():
            os.replace(folder, old)
        os.replace(temp, folder)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _replaceable(folder: Path, kind: str) -> bool:
    return folder.is_dir() and (folder_kind(folder) == kind or not any(folder.iterdir()))


def folder_kind(folder: Path) -> str | None:
    """The kind in a folder's manifest; None if it has no manifest of ours."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return str(content["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_manifest(folder: Path, *, kind: str, schema: int) -> Manifest:
    """Read and check a folder's manifest and the hash of every file that it lists.

    Raises:
        MetaselectError: No manifest (unfinished or not ours), another kind, a newer schema, or
            files that are missing or changed since the folder was sealed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise MetaselectError(f"{folder} has no {MANIFEST}: it is not a finished {kind} folder.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = Manifest(
            str(content["kind"]), int(content["schema"]), content["made_by"], content["sha256"]
        )
        named = all(isinstance(item, str) for pair in found.hashes.items() for item in pair)
    except BROKEN_JSON as error:
        raise MetaselectError(f"{path} is broken: {error}. Make the folder again.") from error
    if not named:
        raise MetaselectError(f"{path} is broken: hashes are texts by name. Make the folder again.")
    if found.kind != kind:
        raise MetaselectError(
            f"{folder} is of the kind {found.kind}; one of the kind {kind} is needed."
        )
    if found.schema > schema:
        raise MetaselectError(
            f"{folder} was made by a newer metaselect (schema {found.schema}, this one reads up "
            f"to {schema}): update with pip install -U metaselect."
        )
    _check_hashes(folder, found.hashes)
    return found


def is_inside(name: str) -> bool:
    """Whether a file's name, relative to its folder, stays in that folder on every system."""
    paths = (PurePosixPath(name), PureWindowsPath(name))
    return all(not path.anchor and ".." not in path.parts for path in paths)


def _check_hashes(folder: Path, hashes: Mapping[str, str]) -> None:
    for name, expected in hashes.items():
        path = folder / name  # may be a link, as in the hub's cache: its content is what is hashed
        if not is_inside(name):
            raise MetaselectError(f"{folder / MANIFEST} names a file outside its folder: {name}.")
        if not path.is_file():
            raise MetaselectError(f"{folder} is not whole: {name} is missing. Make it again.")
        if sha256_of(path) != expected:
            raise MetaselectError(f"{path} has changed since it was made. Make the folder again.")
