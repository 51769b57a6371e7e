"""Several processes of this machine that carry out stages side by side.

They are fresh processes (no CUDA state is inherited), each with its own torch threads; on a GPU
several small runs share the device. A worker that dies takes its stage with it, no other.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.synchronize import Event

from metaselect.errors import MetaselectError
from metaselect.harness.grid.executors import Finished, run_stage
from metaselect.harness.grid.stages import Stage
from metaselect.harness.train.training import Workshop

STAGES_A_PROCESS = 50


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    stage: Stage | None
    started: float
    ready: bool = False
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
        self._workers = [self._start_worker() for _ in range(n_workers)]

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
        with contextlib.suppress(OSError):  # it is dead: `next_finished` will say so
            worker.pipe.send(stage)

    def next_finished(self) -> Finished:
        """Wait for any worker; one that died is replaced, and its stage has failed.

        Raises:
            MetaselectError: A worker ended by itself before it could take a stage, as the next
                one would.
        """
        while True:
            busy = {worker.pipe: worker for worker in self._workers if worker.stage is not None}
            pipe = wait(list(busy))[0]
            worker = next(item for known, item in busy.items() if known is pipe)
            try:
                finished: Finished | None = worker.pipe.recv()
            except (EOFError, ConnectionResetError):
                return self._lost(worker)
            if finished is None:
                worker.ready = True
                continue
            worker.stage = None
            worker.n_done += 1
            if worker.n_done == STAGES_A_PROCESS:
                _reap(worker)
                self._workers[self._workers.index(worker)] = self._start_worker()
            return finished

    def stop(self) -> None:
        """Stop after the steps under way."""
        self._stop.set()

    def close(self) -> None:
        """Tell every worker to end."""
        self._stop.set()
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()

    def _lost(self, worker: _Worker) -> Finished:
        """The failure of a dead worker's stage."""
        stage = worker.stage
        if stage is None:
            raise ValueError("an idle worker has no stage to lose")
        code = _reap(worker)
        killed = code is not None and code < 0
        if not worker.ready and not killed:
            self._workers.remove(worker)
            raise MetaselectError(
                f"A worker process cannot start (exit code {code}): what it says stands above. "
                "Then run the same command again."
            )
        self._workers[self._workers.index(worker)] = self._start_worker()
        cause = "out of memory?" if killed else "what it says stands above"
        reason = f"the worker process died (exit code {code}); {cause}"
        record = {"label": stage.label, "reason": reason, "traceback": ""}
        return Finished(stage.key, record, {}, False, time.perf_counter() - worker.started)

    def _start_worker(self) -> _Worker:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._shop, self._stop))
        process.start()
        theirs.close()
        return _Worker(process, mine, None, 0.0)


def _reap(worker: _Worker) -> int | None:
    """Let a worker go, or wait until it is dead; its exit code."""
    worker.pipe.close()
    worker.process.join()
    return worker.process.exitcode


def _work(pipe: Connection, shop: Workshop, stop: Event) -> None:
    """A worker: stages in, ends out, until the pipe closes; it never outlives its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    follow_parent()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with contextlib.suppress(OSError):  # nobody listens any more: the pipe ends below
        pipe.send(None)  # it has started
    while True:
        try:
            stage: Stage = pipe.recv()
        except (EOFError, ConnectionResetError):  # reset: its first word was never read
            return
        pipe.send(run_stage(stage, shop, stop.is_set))


def follow_parent() -> None:
    """Make this process end when the one that started it does, however that ends."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
