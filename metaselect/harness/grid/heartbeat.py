"""How far a stage under way is: a small file that whoever carries it out writes now and then.

The grid's own process reads it, wherever the stage runs, as long as both see the work folder.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from metaselect.files import write_json

EVERY_S = 10.0
"""Seconds between two writes, at least: too few to be felt, and fresh enough for people."""


@dataclass(frozen=True, slots=True)
class Beat:
    """How far a stage is; a scoring's steps are its languages.

    Attributes:
        done, n_steps: Steps done, and steps in all.
        since: The step that `elapsed_s` counts from, so that loading is not taken for slowness.
        elapsed_s: Seconds from the end of step `since` to the end of step `done`.
    """

    done: int
    n_steps: int
    since: int
    elapsed_s: float

    @property
    def s_per_step(self) -> float:
        """Mean seconds of the steps seen."""
        return self.elapsed_s / max(1, self.done - self.since)

    @property
    def left_s(self) -> float:
        """Seconds that the rest takes at that speed."""
        return (self.n_steps - self.done) * self.s_per_step


class Heartbeat:
    """Writes a stage's beats."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first: tuple[int, float] | None = None
        self._written_at = 0.0

    def after(self, done: int, n_steps: int) -> None:
        """Note that a step is done; write it down if the last time was a while ago.

        A disk that takes no more files is no reason for a stage to fail here.
        """
        now = time.monotonic()
        if self._first is None:
            self._first, self._written_at = (done, now), now
            return  # one step tells no speed
        if now - self._written_at < EVERY_S:
            return
        self._written_at = now
        since, started = self._first
        with contextlib.suppress(OSError):
            write_json(self._path, asdict(Beat(done, n_steps, since, now - started)))

    def end(self) -> None:
        """Forget the stage."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def read_beat(path: Path) -> Beat | None:
    """The last beat of a stage; None before its first one, or where it runs out of sight."""
    try:
        return Beat(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def repeating(every_s: float, call: Callable[[], None]) -> Iterator[None]:
    """Call something again and again beside the block, from a thread of its own."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(every_s):
            call()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
