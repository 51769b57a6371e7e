"""Compute measured features: jobs run in parallel, and each result is saved as it finishes."""

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
from metaselect.features.measured import cross_lingual, learning, task_measures
from metaselect.features.measured.bench import Bench
from metaselect.features.measured.jobs import NEEDS_TUNED, Job, JobFactory, Kind, has_head
from metaselect.files import write_json
from metaselect.harness.grid.workers import follow_parent
from metaselect.parallel import ExecutorName, cluster, run_all

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ComputeResult:
    """Result of computing a list of jobs.

    Attributes:
        values: Measured values, including those from earlier calls.
        failures: Reason of failure by job.
        n_jobs: Number of distinct jobs.
        n_known: Jobs whose values were saved by an earlier call.
    """

    values: tuple[Value, ...]
    failures: Mapping[str, str]
    n_jobs: int
    n_known: int


def compute_jobs(bench: Bench, jobs: Sequence[Job], *, folder: Path, n_workers: int,
              progress: Progress, executor: ExecutorName = "local") -> ComputeResult:  # fmt: skip
    """Compute the jobs that are not saved yet, and save each one as it finishes.

    Args:
        bench: Data and encoder.
        jobs: From `plan_jobs`.
        folder: Folder of saved values, one file per job.
        n_workers: Processes on this machine.
        progress: Called with a line after each job.
        executor: Where jobs run: on this machine or on a Ray cluster, whose nodes must see the
            data, the encoder and the cache folder under the same paths.
    """
    values: list[Value] = []
    missing: dict[str, Job] = {}
    jobs_by_key: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        jobs_by_key[job.key].append(job)
    for key, equal_jobs in jobs_by_key.items():
        known = _read_saved(folder, key)
        if known is None:
            missing[key] = equal_jobs[0]
        else:
            values += _copy_to_jobs(known, equal_jobs)
    failures: dict[str, str] = {}
    started, n_done = time.perf_counter(), 0
    for batch, finished in _run_jobs(bench, list(missing.values()), n_workers, executor):
        for job, found in zip(batch, finished, strict=True):
            n_done += job.key in missing
            if isinstance(found, str):
                failures[job.label] = found
                progress(f"{job.label}: {found}")
                continue
            write_json(folder / f"{job.key}.json", [asdict(item) for item in found])
            values += _copy_to_jobs(found, jobs_by_key.get(job.key, []))
        passed = time.perf_counter() - started
        left = passed / max(1, n_done) * (len(missing) - n_done)
        progress(f"{n_done}/{len(missing)} {batch[-1].label}  {passed:.0f}s, {left:.0f}s left")
    return ComputeResult(tuple(values), failures, len(jobs_by_key), len(jobs_by_key) - len(missing))


def _copy_to_jobs(values: Sequence[Value], jobs: Sequence[Job]) -> list[Value]:
    """Copy one job's values to all jobs with the same key: targets trained on the same rows."""
    return [replace(item, task=job.task, target=job.target) for job in jobs for item in values]


def _read_saved(folder: Path, key: str) -> list[Value] | None:
    path = folder / f"{key}.json"
    try:
        return [Value(**item) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def _run_jobs(
    bench: Bench, jobs: Sequence[Job], n_workers: int, executor: ExecutorName
) -> Iterator[tuple[list[Job], list[list[Value] | str]]]:
    """Yield batches of jobs, as they finish, with the values or failure reason of each job.

    Trainings run first, so that no two workers train the same model.
    """
    rest = [job for job in jobs if job.kind != "learning"]
    learning = [job for job in jobs if job.kind == "learning"]
    learning += _missing_trainings(bench, rest, planned=learning)
    for phase in ([[job] for job in learning], _batches(rest)):
        if executor == "ray":
            with cluster() as ray:
                whole = replace(bench, corpora=bench.corpora.anywhere(), work=bench.work.anywhere())
                found = run_all(ray, _measure, [(whole, batch) for batch in phase])
                yield from zip(phase, found, strict=True)
        else:
            yield from _run_local(bench, phase, n_workers)


def _missing_trainings(bench: Bench, jobs: Sequence[Job], *, planned: Sequence[Job]) -> list[Job]:
    """Training jobs that other jobs need and that are not done; one per training source."""
    known = {job.key for job in planned}
    names = dict.fromkeys(
        name for job in jobs if job.kind in NEEDS_TUNED for name in (job.task, job.target) if name
    )
    factory = JobFactory(bench)
    needed = {
        job.key: job
        for job in (
            factory.job("learning", task=name)
            for name in names
            if has_head(bench, name) and not bench.is_tuned(name)
        )
    }
    return [job for key, job in needed.items() if key not in known]


def _batches(jobs: Sequence[Job]) -> list[list[Job]]:
    """Group jobs of one kind and task, which share a model."""
    groups = groupby(jobs, key=lambda job: (job.kind, job.task))
    batches = [list(group) for _, group in groups]
    return [batch[start : start + 16] for batch in batches for start in range(0, len(batch), 16)]


def _run_local(
    bench: Bench, batches: Sequence[list[Job]], n_workers: int
) -> Iterator[tuple[list[Job], list[list[Value] | str]]]:
    if n_workers == 1 or len(batches) < 2:
        for batch in batches:
            yield batch, _measure(bench, batch)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, mp_context=context, initializer=_init_worker) as pool:
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


def _init_worker() -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    follow_parent()


def _measure(bench: Bench, batch: Sequence[Job]) -> list[list[Value] | str]:
    """Values of each job, or the reason of its failure."""
    torch.set_num_threads(bench.machine.threads)
    shared = _BENCHES.setdefault(_identity_of(bench), bench)
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


_BENCHES: dict[tuple[Any, ...], Bench] = {}  # one bench per process, which keeps its caches


def _identity_of(bench: Bench) -> tuple[Any, ...]:
    return (bench.corpora.folder, bench.encoder, bench.machine, bench.work.root)


_MEASURE: Mapping[Kind, Callable[[Bench, Job], dict[str, float]]] = {
    "data": lambda bench, job: task_measures.data_measures(bench, job.task),
    "frozen": lambda bench, job: task_measures.frozen_measures(bench, job.task),
    "surprise": lambda bench, job: learning.surprise_measures(bench, job.task),
    "learning": lambda bench, job: learning.learning_measures(bench, job.task),
    "likeness": lambda bench, job: task_measures.similarity_measures(bench, job.task, job.target),
    "transfer": lambda bench, job: task_measures.transfer_measures(bench, job.task, job.target),
    "language": lambda bench, job: cross_lingual.language_measures(bench, job.language),
    "task in language": lambda bench, job: cross_lingual.task_in_language_measures(
        bench, job.task, job.language
    ),
    "doubt": lambda bench, job: cross_lingual.target_doubt(bench, job.task, job.language),
}
