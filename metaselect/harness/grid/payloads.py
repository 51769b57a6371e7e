"""Stages on machines that do not see the work folder: what they need is sent, and what they leave.

One process beside the planner, the keeper, gives and takes; a stage works in a folder of its node,
which is removed with the next stage there.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metaselect.catalogue.cache import cache_folder
from metaselect.errors import MetaselectError
from metaselect.files import MANIFEST, write_bytes
from metaselect.harness.grid.workfolder import WorkFolder


@dataclass(frozen=True, slots=True)
class Payload:
    """What a stage has on disk.

    Attributes:
        key: The stage.
        files: Those of its folder, by name.
        weights: Bytes of its weights; None where it has none.
    """

    key: str
    files: Mapping[str, bytes]
    weights: npt.NDArray[np.uint8] | None


def packed(work: WorkFolder, key: str) -> Payload:
    """A stage's files and weights; an empty payload where it has not begun."""
    folder, weights = work.stage(key), work.weights(key)
    return Payload(
        key,
        {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*"))},
        np.fromfile(weights, dtype=np.uint8) if weights.is_file() else None,
    )


def unpack(payload: Payload, work: WorkFolder) -> None:
    """Put a stage's files in place, the manifest last: it is whole or open, as it was."""
    if payload.weights is not None:
        write_bytes(work.weights(payload.key), payload.weights.data)
    for name in sorted(payload.files, key=lambda name: name == MANIFEST):
        write_bytes(work.stage(payload.key) / name, payload.files[name])


class Keeper:
    """The work folder, for nodes that do not see it."""

    def __init__(self, work: WorkFolder) -> None:
        self._work = work

    def give(self, key: str) -> Payload:
        """What a stage has.

        Raises:
            MetaselectError: The planner's own machine is no node of the cluster.
        """
        if not self._work.root.is_dir():
            raise MetaselectError(
                f"the cluster has no node that sees {self._work.root}: give the command on a "
                "machine of the cluster"
            )
        return packed(self._work, key)

    def take(self, payload: Payload) -> None:
        """What a node made of a stage."""
        unpack(payload, self._work)


def fresh_folder() -> WorkFolder:
    """An empty work folder of this process; tokens stay from stage to stage.

    Folders of processes that are gone are removed.
    """
    base = cache_folder() / "nodes"
    tokens = base / "tokens"
    tokens.mkdir(parents=True, exist_ok=True)
    for old in base.iterdir():
        if old.name.isdecimal() and (int(old.name) == os.getpid() or not _is_alive(int(old.name))):
            shutil.rmtree(old, ignore_errors=True)
    root = base / str(os.getpid())
    root.mkdir()
    (root / tokens.name).symlink_to(tokens)
    return WorkFolder(root)


def _is_alive(pid: int) -> bool:
    """Whether a process runs; so is taken every process of a system that does not tell."""
    processes = Path("/proc")
    return not processes.is_dir() or (processes / str(pid)).is_dir()
