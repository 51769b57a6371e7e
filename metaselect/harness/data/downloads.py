"""Files from the hub, checked against what the hub says that they are.

The hub's client keeps each file in its cache under the name that the hub gave its content: the
SHA-256 of a large file, Git's hash of a small one. It does not look whether that is what arrived.
"""

import hashlib
from pathlib import Path
from typing import Literal

from metaselect.errors import MetaselectError
from metaselect.files import sha256_of

_KNOWN: set[tuple[str, int, int]] = set()


def check_downloads(repository: str, *, kind: Literal["model", "dataset"]) -> None:
    """Hash what the cache holds of a repository, each file once a process.

    Raises:
        MetaselectError: A file is not what the hub says; it has been removed.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=repository, repo_type=kind)
    for path in sorted((Path(constants.HF_HUB_CACHE) / name / "blobs").glob("*")):
        if path.suffix == ".incomplete" or not path.is_file():
            continue
        state = path.stat()
        seen = (str(path), state.st_size, state.st_mtime_ns)
        if seen in _KNOWN:
            continue
        if not _is_named(path):
            path.unlink()
            raise MetaselectError(
                f"A file of {repository} is not what the hub says it is (a fault on the way, or of "
                "the server); it was removed: run the same command to fetch it again."
            )
        _KNOWN.add(seen)


def _is_named(path: Path) -> bool:
    """Whether a blob's content has the hash that is its name; other names say nothing."""
    if len(path.name) == 64:
        return sha256_of(path) == path.name
    if len(path.name) == 40:
        content = path.read_bytes()
        blob = b"blob %d\0" % len(content) + content
        return hashlib.sha1(blob, usedforsecurity=False).hexdigest() == path.name
    return True
