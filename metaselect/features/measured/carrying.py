"""Carrying out jobs of measuring: side by side, each kept as it finishes."""

import json
import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from metaselect.catalogue.measured import Value
from metaselect.errors import MetaselectError
from metaselect.features.measured import learning, spoken, surprise, transfer
from metaselect.features.measured.bench import Bench
from metaselect.features.measured.jobs import NEEDS_TUNED, Job, Kind, Namer, has_head
from metaselect.files import write_json
from metaselect.harness.grid.workers import follow_parent
from metaselect.parallel import ExecutorName, cluster, run_all

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        values: Measured values, old ones included.
        failures: Reason by job.
        n_jobs: Jobs in all.
        n_known: Those that were known from before.
    """

    values: tuple[Value, ...]
    failures: Mapping[str, str]
    n_jobs: int
    n_known: int


def carry_out(bench: Bench, jobs: Sequence[Job], *, folder: Path, n_workers: int,
              progress: Progress, executor: ExecutorName = "local") -> Outcome:  # fmt: skip
    """Do what is missing, keeping each job's values as it finishes.

    Args:
        bench: Data and encoder.
        jobs: From `plan_jobs`.
        folder: Where values are kept, one file a job.
        n_workers: Processes of this machine.
        progress: Called with a line after each job.
        executor: Where jobs are done: here, or on a Ray cluster's cores, whose nodes see the data,
            the encoder and the cache folder under the same paths.
    """
    values: list[Value] = []
    missing: dict[str, Job] = {}
    alike: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        alike[job.key].append(job)
    for key, same in alike.items():
        known = _kept(folder, key)
        if known is None:
            missing[key] = same[0]
        else:
            values += _for_each(known, same)
    failures: dict[str, str] = {}
    started, n_done = time.perf_counter(), 0
    for batch, finished in _done(bench, list(missing.values()), n_workers, executor):
        for job, found in zip(batch, finished, strict=True):
            n_done += job.key in missing
            if isinstance(found, str):
                failures[job.label] = found
                progress(f"{job.label}: {found}")
                continue
            write_json(folder / f"{job.key}.json", [asdict(item) for item in found])
            values += _for_each(found, alike.get(job.key, []))
        passed = time.perf_counter() - started
        left = passed / max(1, n_done) * (len(missing) - n_done)
        progress(f"{n_done}/{len(missing)} {batch[-1].label}  {passed:.0f}s, {left:.0f}s left")
    return Outcome(tuple(values), failures, len(alike), len(alike) - len(missing))


def _for_each(values: Sequence[Value], jobs: Sequence[Job]) -> list[Value]:
    """Values of one job as those of all jobs alike: targets that train on the same rows."""
    return [replace(item, task=job.task, target=job.target) for job in jobs for item in values]


def _kept(folder: Path, key: str) -> list[Value] | None:
    path = folder / f"{key}.json"
    try:
        return [Value(**item) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def _done(
    bench: Bench, jobs: Sequence[Job], n_workers: int, executor: ExecutorName
) -> Iterator[tuple[list[Job], list[list[Value] | str]]]:
    """Batches of jobs with their values or the reason of their failure, as they finish.

    Trainings come first, so that no two workers tune one model.
    """
    rest = [job for job in jobs if job.kind != "learning"]
    learning = [job for job in jobs if job.kind == "learning"]
    learning += _trainings(bench, rest, beside=learning)
    for phase in ([[job] for job in learning], _batches(rest)):
        if executor == "ray":
            with cluster() as ray:
                whole = replace(bench, corpora=bench.corpora.anywhere(), work=bench.work.anywhere())
                found = run_all(ray, _measure, [(whole, batch) for batch in phase])
                yield from zip(phase, found, strict=True)
        else:
            yield from _side_by_side(bench, phase, n_workers)


def _trainings(bench: Bench, jobs: Sequence[Job], *, beside: Sequence[Job]) -> list[Job]:
    """Jobs that train what other jobs need and nobody has trained, once for tasks on one source."""
    known = {job.key for job in beside}
    names = dict.fromkeys(
        name for job in jobs if job.kind in NEEDS_TUNED for name in (job.task, job.target) if name
    )
    namer = Namer(bench)
    needed = {
        job.key: job
        for job in (
            namer.job("learning", task=name)
            for name in names
            if has_head(bench, name) and not bench.is_tuned(name)
        )
    }
    return [job for key, job in needed.items() if key not in known]


def _batches(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs of one kind and task together: they share a model."""
    groups = groupby(jobs, key=lambda job: (job.kind, job.task))
    batches = [list(group) for _, group in groups]
    return [batch[start : start + 16] for batch in batches for start in range(0, len(batch), 16)]


def _side_by_side(
    bench: Bench, batches: Sequence[list[Job]], n_workers: int
) -> Iterator[tuple[list[Job], list[list[Value] | str]]]:
    if n_workers == 1 or len(batches) < 2:
        for batch in batches:
            yield batch, _measure(bench, batch)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, mp_context=context, initializer=_ready) as pool:
        ahead = iter(batches)
        running: dict[Future[list[list[Value] | str]], list[Job]] = {}
        for batch in ahead:
            running[pool.submit(_measure, bench, batch)] = batch
            if len(running) < 2 * n_workers:
                continue
            yield from _finished(running)
        while running:
            yield from _finished(running)


def _finished(
    running: dict[Future[list[list[Value] | str]], list[Job]],
) -> Iterator[tuple[list[Job], list[list[Value] | str]]]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(future), future.result()


def _ready() -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    follow_parent()


def _measure(bench: Bench, batch: Sequence[Job]) -> list[list[Value] | str]:
    """Values of each job, or why there are none."""
    torch.set_num_threads(bench.machine.threads)
    shared = _SHARED.setdefault(_identity_of(bench), bench)  # what it remembers is kept with it
    found: list[list[Value] | str] = []
    for job in batch:
        started = time.perf_counter()
        try:
            measured = _MEASURE[job.kind](shared, job)
        except (MetaselectError, ValueError) as error:  # an estimator refuses its labels
            found.append(str(error))
            continue
        seconds = (time.perf_counter() - started) / max(1, len(measured))
        encoder = "" if job.kind == "data" else bench.encoder.name
        one = Value("", encoder, job.task, job.target, job.language, 0.0, seconds)
        found.append([replace(one, measure=name, value=value) for name, value in measured.items()])
    return found


_SHARED: dict[tuple[Any, ...], Bench] = {}


def _identity_of(bench: Bench) -> tuple[Any, ...]:
    return (bench.corpora.folder, bench.encoder, bench.machine, bench.work.root)


_MEASURE: Mapping[Kind, Callable[[Bench, Job], dict[str, float]]] = {
    "data": lambda bench, job: transfer.data_measures(bench, job.task),
    "frozen": lambda bench, job: transfer.frozen_measures(bench, job.task),
    "surprise": lambda bench, job: surprise.surprise_measures(bench, job.task),
    "learning": lambda bench, job: learning.learning_measures(bench, job.task),
    "likeness": lambda bench, job: transfer.likeness_measures(bench, job.task, job.target),
    "transfer": lambda bench, job: transfer.transfer_measures(bench, job.task, job.target),
    "language": lambda bench, job: spoken.language_measures(bench, job.language),
    "task in language": lambda bench, job: spoken.task_in_language_measures(
        bench, job.task, job.language
    ),
    "doubt": lambda bench, job: spoken.target_doubt(bench, job.task, job.language),
}
