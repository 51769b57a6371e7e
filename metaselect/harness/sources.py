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
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from metaselect.catalogue.cache import cache_folder
from metaselect.errors import MetaselectError
from metaselect.files import is_inside, locked, replacing, write_json

HUB = "hub"
_INDEX = "index.json"
_TAGS: Final = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "mtime", "created", "crc")
"""What file systems of fsspec call that which changes with a file's content."""

_FAULTS = (OSError, ValueError, RuntimeError, LookupError, TypeError)
"""What the file systems raise; their libraries' own errors come as OSError from fsspec's."""


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
        except ImportError as error:
            raise MetaselectError(f"{_shown(url)}: {error}.") from error
        except _FAULTS as error:
            raise MetaselectError(f"{_shown(url)} cannot be read: {_first_line(error)}") from error


def _brought_up_to_date(url: str, folder: Path) -> Path:
    import fsspec

    system, root = fsspec.url_to_fs(url)
    there = _listing(system, str(root))
    if not there:
        raise MetaselectError(f"{_shown(url)} holds no files: is it the folder that you mean?")
    files = folder / "files"
    known = _known(folder)
    wanted = {
        name: entry
        for name, entry in there.items()
        if known.get(name) != _tag(entry) or not (files / name).is_file()
    }
    _check_room(url, folder, sum(entry["size"] or 0 for entry in wanted.values()))
    for name, entry in wanted.items():
        with replacing(files / name) as temp:
            system.get_file(entry["name"], str(temp))
            if entry["size"] not in (None, temp.stat().st_size):
                raise MetaselectError(
                    f"{_shown(url)}/{name} came with {temp.stat().st_size:,} bytes, not "
                    f"{entry['size']:,}: run the same command to fetch it again."
                )
        known[name] = _tag(entry)
        write_json(folder / _INDEX, known)
    for name in set(known) - set(there):
        (files / name).unlink(missing_ok=True)
    write_json(folder / _INDEX, {name: _tag(entry) for name, entry in there.items()})
    return files


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
    return [str(entry["size"]), *(str(entry[key]) for key in _TAGS if entry.get(key) is not None)]


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


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
