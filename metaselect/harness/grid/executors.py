"""Carrying out a stage, and who does so: this process here; others are in `workers`, `on_ray`."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

import torch

from metaselect.harness.grid.heap import keep_freed_memory, release_freed_memory
from metaselect.harness.grid.heartbeat import Heartbeat
from metaselect.harness.grid.stages import Stage, TrainStage
from metaselect.harness.score.scoring import failure_record, run_scoring
from metaselect.harness.train.finetune import Interrupted
from metaselect.harness.train.training import Workshop, run_training


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """What a stage took of its GPU.

    Attributes:
        peak_bytes: Most that it held.
        total_bytes: What the GPU has.
    """

    peak_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """How a stage ended.

    Attributes:
        key: The stage.
        failure: Reason and traceback; None where it ended well.
        language_failures: Reasons by language, of a scoring that went well otherwise.
        interrupted: Whether it was asked to stop.
        wall_s: Time taken.
        gpu: Memory taken; None on a CPU.
    """

    key: str
    failure: dict[str, str] | None
    language_failures: dict[str, str]
    interrupted: bool
    wall_s: float
    gpu: GpuMemory | None = None


class Executor(Protocol):
    """Takes stages while it has room and gives them back as they finish."""

    @property
    def width(self) -> int:
        """Stages at a time."""

    def has_room(self) -> bool:
        """Whether another stage can start."""

    def start(self, stage: Stage) -> None:
        """Begin a stage."""

    def next_finished(self) -> Finished:
        """Wait for a stage to end."""

    def stop(self) -> None:
        """Ask all running stages to stop after their step."""

    def close(self) -> None:
        """Let workers go."""


def run_stage(stage: Stage, shop: Workshop, should_stop: Callable[[], bool]) -> Finished:
    """One stage from start to end, whatever happens: the edge of a run.

    Every failure is caught here, and here alone, so that the rest of a grid goes on.
    """
    started = time.perf_counter()
    heart = Heartbeat(shop.work.beat(stage.key))
    failure, languages, interrupted = None, {}, False
    on_gpu = shop.machine.device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(shop.machine.device)
    else:
        keep_freed_memory()

    def on_step(done: int, n_steps: int) -> None:
        if should_stop():
            raise Interrupted
        heart.after(done, n_steps)

    try:
        if isinstance(stage, TrainStage):
            run_training(stage, shop, on_step=on_step)
        else:
            languages = run_scoring(stage, shop, on_step=on_step)
    except Interrupted:
        interrupted = True
    except Exception as error:
        failure = failure_record(stage.label, error)
    heart.end()
    if not on_gpu:
        release_freed_memory()
    wall_s = time.perf_counter() - started
    gpu = _gpu_memory(shop.machine.device) if on_gpu else None
    return Finished(stage.key, failure, languages, interrupted, wall_s, gpu)


def _gpu_memory(device: str) -> GpuMemory:
    total = torch.cuda.get_device_properties(device).total_memory
    return GpuMemory(torch.cuda.max_memory_reserved(device), total)


STOPPING = (
    "Stopping: finished stages are kept, and those under way start again with the same command. "
    "Ctrl-C again stops at once."
)


class InProcess:
    """One stage at a time in this process."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._stage: Stage | None = None
        self._stopping = False

    @property
    def width(self) -> int:
        """One."""
        return 1

    def has_room(self) -> bool:
        """Whether no stage waits."""
        return self._stage is None

    def start(self, stage: Stage) -> None:
        """Take a stage; it runs when its end is waited for."""
        self._stage = stage

    def next_finished(self) -> Finished:
        """Run the stage."""
        stage = self._stage
        if stage is None:
            raise ValueError("no stage was started")
        finished = run_stage(stage, self._shop, lambda: self._stopping)
        self._stage = None
        return finished

    def stop(self) -> None:
        """Stop after the step under way."""
        self._stopping = True

    def close(self) -> None:
        """Nothing to let go."""


@contextmanager
def stopping_on_interrupt(executor: Executor, report: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C asks the executor to stop after the step under way; a second one stops at once.

    Args:
        executor: Carries out the stages.
        report: Takes the line that says so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        executor.stop()
        report(STOPPING)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
