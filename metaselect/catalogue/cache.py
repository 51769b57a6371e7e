"""Where files are kept that can be made again: one folder of the user's, never needed."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """METASELECT_CACHE, or the platform's cache folder; it may not exist."""
    import platformdirs

    named = os.environ.get("METASELECT_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("metaselect", False))


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Put a file whole into the cache; where that is not possible, go on without it."""
    from metaselect.files import replacing

    try:
        with replacing(path) as temp:
            write(temp)
    except OSError as error:
        log.debug("cannot keep a cache at %s: %s", path, error)
