"""Folders that things are kept in: caches, and the room on their disks."""

import os
import shutil
from pathlib import Path

from metaselect.catalogue.cache import cache_folder
from metaselect.diagnosis.findings import Finding

_LEAST_FREE = 10**9  # bytes: below this even a small grid's checkpoints do not fit


def check_caches() -> list[Finding]:
    """The cache of language vectors and tokens, and the hub's."""
    return [
        _cache("metaselect", cache_folder(), "METASELECT_CACHE"),
        _cache("hub", _hub_cache(), "HF_HOME"),
    ]


def check_disk() -> list[Finding]:
    """Room where commands write by default, and where the hub's files go."""
    folders = {"here": Path.cwd(), "hub cache": _existing(_hub_cache())}
    found = []
    for name, folder in folders.items():
        free = shutil.disk_usage(folder).free
        words = f"{free / 1e9:.1f} GB free at {folder}"
        if free < _LEAST_FREE:
            found.append(Finding("disk", name, "broken", words, "free some, or use another disk"))
        else:
            found.append(Finding("disk", name, "ok", words))
    return found


def _hub_cache() -> Path:
    """Where huggingface_hub keeps downloads, by its own variables; it may not be installed."""
    if named := os.environ.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    root = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME") or f"{root}/huggingface"
    return Path(home).expanduser() / "hub"


def _cache(name: str, folder: Path, variable: str) -> Finding:
    above = _existing(folder)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        advice = f"make it writable, or set {variable} to a folder that is"
        return Finding("caches", name, "broken", f"{folder} cannot be written", advice)
    if above != folder:
        return Finding("caches", name, "ok", f"{folder}, made on first use")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files)
    return Finding("caches", name, "ok", f"{folder}, {size / 1e6:,.1f} MB in {len(files):,} files")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    path = folder.absolute()
    return next(place for place in (path, *path.parents) if place.exists())
