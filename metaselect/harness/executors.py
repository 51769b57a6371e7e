"""Who carries out stages: this process, or several workers side by side.

Workers are fresh processes (no CUDA state is inherited), each with its own torch threads; on a
GPU several small runs share the device. A worker that dies takes its stage with it, no other.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.synchronize import Event
from types import FrameType
from typing import Protocol

import torch

from metaselect.harness.finetune import Interrupted
from metaselect.harness.scoring import failure_record, run_scoring
from metaselect.harness.stages import Stage, TrainStage
from metaselect.harness.training import Workshop, run_training

STAGES_A_PROCESS = 50


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


def carry_out(stage: Stage, shop: Workshop, should_stop: Callable[[], bool]) -> Finished:
    """One stage from start to end, whatever happens: the edge of a run.

    Every failure is caught here, and here alone, so that the rest of a grid goes on.
    """
    started = time.perf_counter()
    failure, languages, interrupted = None, {}, False
    on_gpu = shop.machine.device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(shop.machine.device)

    def on_step(done: int, n_steps: int) -> None:
        if should_stop():
            raise Interrupted

    try:
        if isinstance(stage, TrainStage):
            run_training(stage, shop, on_step=on_step)
        else:
            languages = run_scoring(stage, shop, on_step=on_step)
    except Interrupted:
        interrupted = True
    except Exception as error:
        failure = failure_record(stage.label, error)
    wall_s = time.perf_counter() - started
    gpu = _gpu_memory(shop.machine.device) if on_gpu else None
    return Finished(stage.key, failure, languages, interrupted, wall_s, gpu)


def _gpu_memory(device: str) -> GpuMemory:
    total = torch.cuda.get_device_properties(device).total_memory
    return GpuMemory(torch.cuda.max_memory_reserved(device), total)


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
        finished = carry_out(stage, self._shop, lambda: self._stopping)
        self._stage = None
        return finished

    def stop(self) -> None:
        """Stop after the step under way."""
        self._stopping = True

    def close(self) -> None:
        """Nothing to let go."""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    stage: Stage | None
    started: float
    n_done: int = 0


class Workers:
    """Several worker processes, a stage each; each is replaced now and then.

    Torch's CPU kernels leave a process's heap in pieces: after a hundred stages of a small encoder
    it has grown by gigabytes.
    """

    def __init__(self, shop: Workshop, n_workers: int) -> None:
        self._shop = shop
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._stop: Event = self._context.Event()
        self._workers = [self._hire() for _ in range(n_workers)]

    @property
    def width(self) -> int:
        """Workers."""
        return len(self._workers)

    def has_room(self) -> bool:
        """Whether a worker is idle."""
        return any(worker.stage is None for worker in self._workers)

    def start(self, stage: Stage) -> None:
        """Give a stage to an idle worker."""
        worker = next(worker for worker in self._workers if worker.stage is None)
        worker.stage, worker.started = stage, time.perf_counter()
        worker.pipe.send(stage)

    def next_finished(self) -> Finished:
        """Wait for any worker; one that died is replaced, and its stage has failed."""
        busy = {worker.pipe: worker for worker in self._workers if worker.stage is not None}
        pipe = wait(list(busy))[0]
        worker = next(item for known, item in busy.items() if known is pipe)
        stage = worker.stage
        if stage is None:
            raise ValueError("an idle worker answered")
        worker.stage = None
        try:
            finished: Finished = worker.pipe.recv()
            worker.n_done += 1
            if worker.n_done == STAGES_A_PROCESS:
                self._replace(worker)
            return finished
        except (EOFError, ConnectionResetError):
            lost = self._replace(worker)
        reason = f"the worker process died (exit code {lost}); out of memory?"
        record = {"label": stage.label, "reason": reason, "traceback": ""}
        return Finished(stage.key, record, {}, False, time.perf_counter() - worker.started)

    def stop(self) -> None:
        """Stop after the steps under way."""
        self._stop.set()

    def close(self) -> None:
        """Send everyone home."""
        self._stop.set()
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()

    def _replace(self, worker: _Worker) -> int | None:
        """Let one worker go, or bury it, and hire another; its exit code."""
        worker.pipe.close()
        worker.process.join()
        self._workers[self._workers.index(worker)] = self._hire()
        return worker.process.exitcode

    def _hire(self) -> _Worker:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._shop, self._stop))
        process.start()
        theirs.close()
        return _Worker(process, mine, None, 0.0)


def _work(pipe: Connection, shop: Workshop, stop: Event) -> None:
    """A worker: stages in, ends out, until the pipe closes; it never outlives its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    follow_parent()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    while True:
        try:
            stage: Stage = pipe.recv()
        except EOFError:
            return
        pipe.send(carry_out(stage, shop, stop.is_set))


def follow_parent() -> None:
    """Make this process end when the one that started it does, however that ends."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def stopping_on_interrupt(executor: Executor) -> Iterator[None]:
    """Ctrl-C asks the executor to stop after the step under way; a second one stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        executor.stop()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
