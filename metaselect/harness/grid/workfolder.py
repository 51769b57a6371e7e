"""The work folder of a grid: finished stages, weights, tokens, failures.

stages/<key>/       a finished stage, sealed by a manifest; a scoring has one file a language
weights/<key>.safetensors   a cache: dropped when no stage needs it, made again if one does
tokens/<key>.npz    a cache of tokenised rows
failures/<key>.json why a stage failed the last time
running/<key>.json  how far a stage under way is
probed_s.json       seconds by stage and bytes of weights, as a dry run's probe found them, and on
                    which machine
sound_files.json    files whose every row was found to be as its task's card says
lock                held by the process that works here

Nothing is taken on trust: a manifest holds the hashes of a stage's files and weights, and what has
changed since (a bad disk, a careless hand) counts as not there, and is made again.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaselect.errors import MetaselectError
from metaselect.files import (
    MANIFEST,
    locked,
    read_manifest,
    sha256_of,
    write_json,
    write_manifest,
)
from metaselect.harness.grid.stages import STAGE_SCHEMA

KIND = "stage"
PROBE = "probed_s.json"
KNOWN = "known"
"""Marks what a runs table told and no stage of this folder made."""
_WEIGHTS_HASH = "weights_sha256"
_OWN_HASH = "hash"


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """Paths and states of a grid's stages.

    Attributes:
        root: The folder; made when first written to.
    """

    root: Path

    def anywhere(self) -> "WorkFolder":
        """The same from any working folder."""
        return WorkFolder(self.root.resolve())

    def stage(self, key: str) -> Path:
        """Folder of a stage."""
        return self.root / "stages" / key

    def weights(self, key: str) -> Path:
        """Weights file of a training."""
        return self.root / "weights" / f"{key}.safetensors"

    def tokens(self, key: str) -> Path:
        """Cached tokens."""
        return self.root / "tokens" / f"{key}.npz"

    def beat(self, key: str) -> Path:
        """How far a stage under way is."""
        return self.root / "running" / f"{key}.json"

    def is_done(self, key: str) -> bool:
        """Whether a stage is finished; its weights may be gone all the same."""
        return (self.stage(key) / MANIFEST).is_file()

    def is_whole(self, key: str) -> bool:
        """Whether a stage is finished and its files are what they were when it was sealed."""
        try:
            read_manifest(self.stage(key), kind=KIND, schema=STAGE_SCHEMA)
        except MetaselectError:
            return False
        return True

    def is_known(self, key: str) -> bool:
        """Whether a finished stage was taken over from a table."""
        try:
            content = json.loads((self.stage(key) / MANIFEST).read_text(encoding="utf-8"))
            return KNOWN in content["made_by"]
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def checked_weights(self, key: str) -> Path:
        """Weights file of a finished training.

        Raises:
            MetaselectError: It has changed since it was made, and has been removed.
        """
        path = self.weights(key)
        made_by = read_manifest(self.stage(key), kind=KIND, schema=STAGE_SCHEMA).made_by
        if made_by.get(_WEIGHTS_HASH, "") not in ("", sha256_of(path)):
            self.drop_weights(key)
            raise MetaselectError(
                f"{path} has changed since it was made: run the same command again to train "
                f"{made_by.get('label', key)} again."
            )
        return path

    def seal(self, key: str, made_by: Mapping[str, Any]) -> None:
        """Write a stage's manifest, last, and forget an earlier failure."""
        if self.weights(key).is_file():
            made_by = {**made_by, _WEIGHTS_HASH: sha256_of(self.weights(key))}
        write_manifest(self.stage(key), kind=KIND, schema=STAGE_SCHEMA, made_by=made_by)
        self._failure(key).unlink(missing_ok=True)

    def unseal(self, key: str) -> None:
        """Open a stage again before it is done anew."""
        (self.stage(key) / MANIFEST).unlink(missing_ok=True)

    def language_file(self, key: str, language: str) -> Path:
        """Scores of one language in a scoring."""
        return self.stage(key) / f"{language}.json"

    def write(self, path: Path, value: Mapping[str, Any]) -> None:
        """Write a JSON file of a stage that is not sealed yet, with its own hash."""
        write_json(path, {**value, _OWN_HASH: _hash_of(value)})

    def read(self, path: Path) -> dict[str, Any]:
        """A JSON file of a stage.

        Raises:
            MetaselectError: It is none, or has changed since it was written.
        """
        try:
            value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            expected = value.pop(_OWN_HASH, None)
        except (ValueError, AttributeError) as error:
            raise MetaselectError(f"{path} is broken: {error}. Remove it.") from error
        if expected not in (None, _hash_of(value)):
            raise MetaselectError(f"{path} has changed since it was written. Remove it.")
        return value

    def discard_changed(self, key: str) -> None:
        """Remove a stage's files that are not what they were when they were written."""
        folder = self.stage(key)
        try:
            hashes = (
                json.loads((folder / MANIFEST).read_text("utf-8"))["sha256"]
                if self.is_done(key)
                else {}
            )
        except (OSError, ValueError, KeyError):
            hashes = None  # nothing says what the files were
        self.unseal(key)
        for path in folder.glob("*"):
            if hashes is None or hashes.get(path.name, "") not in ("", sha256_of(path)):
                path.unlink()
            elif path.suffix == ".json":
                try:
                    self.read(path)
                except MetaselectError:
                    path.unlink()

    def fail(self, key: str, failure: Mapping[str, Any]) -> None:
        """Record why a stage failed."""
        write_json(self._failure(key), failure)

    def failures(self) -> dict[str, str]:
        """Reason by key, of the stages that failed the last time they were tried."""
        paths = sorted((self.root / "failures").glob("*.json"))
        return {path.stem: self.read(path)["reason"] for path in paths}

    def clear_failure(self, key: str) -> None:
        """Forget a failure before another try."""
        self._failure(key).unlink(missing_ok=True)

    def keep_probe(
        self,
        probed_s: Mapping[str, float],
        weights_bytes: Mapping[str, int],
        *,
        on: Mapping[str, Any],
    ) -> None:
        """Keep what a probe found on a machine, for later calls."""
        found = {"seconds": dict(probed_s), "weights_bytes": dict(weights_bytes)}
        write_json(self.root / PROBE, {"on": dict(on), **found})

    def probed_s(self, *, on: Mapping[str, Any] | None = None) -> dict[str, float]:
        """Seconds by stage as dry runs' probes found them; empty where there was none.

        Args:
            on: The machine, for times of the same machine alone; None takes any.
        """
        try:
            found = json.loads((self.root / PROBE).read_text(encoding="utf-8"))
            if on is not None and found["on"] != dict(on):
                return {}
            return {str(key): float(value) for key, value in found["seconds"].items()}
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return {}

    def probed_bytes(self) -> dict[str, int]:
        """Bytes of weights by training as dry runs' probes expect them; empty without one."""
        try:
            found = json.loads((self.root / PROBE).read_text(encoding="utf-8"))["weights_bytes"]
            return {str(key): int(value) for key, value in found.items()}
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return {}

    def keep_sound_files(self, keys: Collection[str]) -> None:
        """Keep which files need not be checked again, by `rows_key`."""
        write_json(self.root / "sound_files.json", sorted(keys))

    def sound_files(self) -> frozenset[str]:
        """Files in which no fault was found before, by `rows_key`."""
        try:
            return frozenset(json.loads((self.root / "sound_files.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return frozenset()

    def weights_sizes(self) -> dict[str, int]:
        """Bytes of each file of weights, by its training."""
        files = (self.root / "weights").glob("*.safetensors")
        return {path.stem: path.stat().st_size for path in files}

    def drop_weights(self, key: str) -> None:
        """Free the disk of weights that no stage needs any more."""
        self.weights(key).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a killed process left half-way; only the folder's owner may call this."""
        for path in (*self.root.rglob(".*"), *(self.root / "running").glob("*")):
            if path.is_file():
                path.unlink()

    def _failure(self, key: str) -> Path:
        return self.root / "failures" / f"{key}.json"


def _hash_of(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold a work folder alone.

    Raises:
        MetaselectError: Another process works in the folder.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(root, wait=False))
        except TimeoutError as error:
            raise MetaselectError(
                f"Another process works in {root}: wait for it or stop it."
            ) from error
        yield
