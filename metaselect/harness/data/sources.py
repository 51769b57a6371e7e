"""Where data and encoders come from: the hub, a folder, or a URL (`s3://bucket/pack`).

What fsspec opens at a URL becomes a copy in this machine's cache. The first use in a process brings
it up to date: what the other side lists with another size or tag than before is fetched again, what
it no longer lists is removed.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from metaselect.catalogue.cache import cache_folder
from metaselect.errors import MetaselectError, first_line
from metaselect.files import is_inside, locked, replacing, sha256_of, write_json

HUB = "hub"
_INDEX = "index.json"
_TAGS: Final = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "mtime", "created", "crc")
"""What file systems of fsspec call that which changes with a file's content."""

_AT_ONCE = 64  # files fetched side by side, where the file system can


def is_url(place: str) -> bool:
    """Whether a place is a URL, not a folder or an id of the hub."""
    return "://" in place


def absolute(place: str, base: Path = Path()) -> str:
    """The same place from any working folder; relative folders are relative to `base`."""
    return place if place == HUB or is_url(place) else str((base / place).resolve())


def absolute_if_folder(place: str, base: Path = Path()) -> str:
    """A folder from any working folder; what is none (a hub id, a URL) as it is."""
    folder = base / place
    return str(folder.resolve()) if folder.is_dir() else place


@lru_cache(maxsize=64)
def mirrored(url: str) -> Path:
    """A folder of this machine with the files of a URL.

    Args:
        url: As fsspec takes it; keys and regions come from its library's own settings.

    Raises:
        MetaselectError: No file system for such URLs, nothing there, too little disk, or a fault
            on the way.
    """
    name = hashlib.blake2b(url.encode(), digest_size=12).hexdigest()
    folder = cache_folder() / "mirrors" / name
    with locked(folder, wait=True):
        try:
            return _brought_up_to_date(url, folder)
        except MetaselectError:
            raise
        except ImportError as error:
            raise MetaselectError(f"{_shown(url)}: {error}.") from error
        except Exception as error:  # each file system's library has errors of its own
            raise MetaselectError(f"{_shown(url)} cannot be read: {first_line(error)}") from error


def version_of(url: str) -> str:
    """Names what this process's copy of a URL holds: the same on all machines that saw the same."""
    return sha256_of(mirrored(url).parent / _INDEX)


def _brought_up_to_date(url: str, folder: Path) -> Path:
    import fsspec

    system, root = fsspec.url_to_fs(url)
    there = _listing(system, str(root))
    if not there:
        raise MetaselectError(f"{_shown(url)} holds no files: is it the folder that you mean?")
    files = folder / "files"
    known = _known(folder)
    wanted = [
        name
        for name, entry in there.items()
        if known.get(name) != _tag(entry) or not (files / name).is_file()
    ]
    _check_room(url, folder, sum(there[name].get("size") or 0 for name in wanted))
    try:
        for start in range(0, len(wanted), _AT_ONCE):
            batch = wanted[start : start + _AT_ONCE]
            _fetch(system, {files / name: there[name] for name in batch}, url)
            known |= {name: _tag(there[name]) for name in batch}
        for name in set(known) - set(there):
            (files / name).unlink(missing_ok=True)
            del known[name]
    finally:
        write_json(folder / _INDEX, dict(sorted(known.items())))
    return files


def _fetch(system: Any, entries: Mapping[Path, Mapping[str, Any]], url: str) -> None:
    """Put files in place, each whole or not at all."""
    with ExitStack() as places:
        temps = [places.enter_context(replacing(path)) for path in entries]
        system.get([entry["name"] for entry in entries.values()], [str(temp) for temp in temps])
        for temp, entry in zip(temps, entries.values(), strict=True):
            if entry.get("size") not in (None, temp.stat().st_size):
                raise MetaselectError(
                    f"{entry['name']} of {_shown(url)} came with {temp.stat().st_size:,} bytes, "
                    f"not {entry['size']:,}: run the same command to fetch it again."
                )


def _listing(system: Any, root: str) -> dict[str, Mapping[str, Any]]:
    """What a folder holds, by path below it."""
    top = root.rstrip("/") + "/" if root else ""
    found = {}
    for path, entry in system.find(root, detail=True).items():
        name = str(path).removeprefix(top)
        if not is_inside(name) or not str(path).startswith(top):
            raise MetaselectError(f"{path} would lie outside its folder: rename it.")
        found[name] = entry
    return found


def _tag(entry: Mapping[str, Any]) -> list[str]:
    """What changes when a file does."""
    return [
        str(entry.get("size")),
        *(str(entry[key]) for key in _TAGS if entry.get(key) is not None),
    ]


def _known(folder: Path) -> dict[str, list[str]]:
    try:
        known = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _check_room(url: str, folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise MetaselectError(
            f"{_shown(url)} needs {n_bytes / 1e9:.3g} GB, and the cache's disk has "
            f"{free / 1e9:.3g}: set METASELECT_CACHE to a folder with more room."
        )


def _shown(url: str) -> str:
    """The URL without a user's name and password."""
    return re.sub(r"://[^/@]*@", "://***@", url)
