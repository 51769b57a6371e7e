"""Carrying out a grid: what is missing is done, what failed is recorded, what is done is kept."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from metaselect.errors import MetaselectError
from metaselect.files import write_json, write_text
from metaselect.harness.grid.executors import Executor, Finished, InProcess, stopping_on_interrupt
from metaselect.harness.grid.forecast import known_times
from metaselect.harness.grid.heartbeat import repeating
from metaselect.harness.grid.known import Known, take_over
from metaselect.harness.grid.on_ray import OnRay
from metaselect.harness.grid.plan import GridPlan
from metaselect.harness.grid.progress import Progress
from metaselect.harness.grid.schedule import (
    Schedule,
    Settled,
    drop_unneeded,
    fits,
    give_up_for_space,
    pending_stages,
    settle,
)
from metaselect.harness.grid.stages import ScoreStage, Stage
from metaselect.harness.grid.table import collect_tables
from metaselect.harness.grid.trackers import Tracker, log_stage, open_trackers
from metaselect.harness.grid.workers import Workers
from metaselect.harness.grid.workfolder import exclusive
from metaselect.harness.recipe import TrackerName
from metaselect.harness.train.training import Workshop
from metaselect.parallel import ExecutorName

TABLE_EVERY_S = 60.0
"""Seconds between rewrites of the runs table while a grid runs, at least."""
WATCH_EVERY_S = 60.0
"""Seconds between lines about the stages under way."""
_RARELY = 20  # times as long as a rewrite takes: a large grid's table is written less often


class StoreFeed:
    """Brings a grid's runs to a store again and again; what is there already stays as it is.

    While the store is away runs wait in the results folder, and the next feed brings them: a grid
    never stops for its store.

    Args:
        url: As `RunsStore` takes it.

    Raises:
        MetaselectError: The store cannot be used at the start.
    """

    def __init__(self, url: str) -> None:
        from metaselect.runs.store import RunsStore

        self._store = RunsStore(url)
        self.fault: str | None = None
        """Why the last feed failed; None where it did not."""

    def feed(self, runs: pd.DataFrame) -> None:
        """Bring what the store lacks of a runs table, or keep the fault."""
        try:
            self._store.add(runs)
        except MetaselectError as error:
            self.fault = " ".join(str(error).split("\n")[:2])
        else:
            self.fault = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a grid's results go and how much of the machine it takes.

    Attributes:
        out: Folder of `runs.csv`, `trainings.csv`, `timings.csv`, `failures.json`.
        n_workers: Stages at a time; 1 works in this process.
        disk_bytes: Most that weights may take; None does not count.
        log_to: Trackers that learning curves go to.
        executor: Who carries out stages: workers of this machine, or a Ray cluster, which takes
            as many stages as it holds.
        store: URL of a store that runs go to as they are made; None keeps them in `out` alone.
        known: Runs tables, or folders of them, whose cells count as done where their stage is the
            grid's.
    """

    out: Path
    n_workers: int
    disk_bytes: int | None
    log_to: tuple[TrackerName, ...]
    executor: ExecutorName = "local"
    store: str | None = None
    known: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class GridResult:
    """What a call of `run_grid` leaves.

    Attributes:
        planned, done, failed: Runs to make now, those with every language scored, and not.
        interrupted: Whether it was stopped before the end.
        table: Path of the runs table.
        failures: Reason by what failed.
        store_fault: Why runs wait for the store; None where it has them all, or there is none.
    """

    planned: int
    done: int
    failed: int
    interrupted: bool
    table: Path
    failures: Mapping[str, str]
    store_fault: str | None = None


def run_grid(
    plan: GridPlan,
    shop: Workshop,
    place: Place,
    *,
    known: Known,
    report: Callable[[str], None],
    watch: Callable[[str], None] | None = None,
) -> GridResult:
    """Do what is missing of a plan and write the runs table.

    Args:
        plan: All stages.
        shop: Data, work folder, machine.
        place: Where results go.
        known: What runs tables have of the plan already.
        report: Takes a line of progress as each stage ends.
        watch: Takes lines about the stages under way, every minute; None does without.

    Raises:
        MetaselectError: Another process works in the folder, or the store cannot be used.
    """
    studies = ", ".join(sorted({run.study for run in plan.runs}))
    with exclusive(shop.work.root):
        shop.work.sweep()
        take_over(known, plan, shop.work)
        missing = pending_stages(plan, shop, known)
        pending = [stage for stage in missing if plan.is_now(stage.key)]
        state = Schedule(pending, [stage for stage in missing if not plan.is_now(stage.key)])
        trackers = open_trackers(place.log_to, place.out, studies)
        feed = None if place.store is None else StoreFeed(place.store)
        executor = _executor(shop, place)
        progress = Progress(pending, executor.width, plan, probed_s=shop.work.probed_s())
        for stage, seconds in known_times(plan, pending, shop.work):
            progress.learn(stage, seconds)
        ledger = _Ledger(plan, shop, place, feed, progress, trackers, report)
        try:
            with stopping_on_interrupt(executor, report), _watched(progress, shop, watch):
                work_off(plan, shop, state, executor, ledger)
        finally:
            executor.close()
        return write_tables(plan, shop, place.out, state.interrupted, feed)


def _watched(
    progress: Progress, shop: Workshop, watch: Callable[[str], None] | None
) -> AbstractContextManager[None]:
    """Tell of the stages under way while the block runs, if anyone listens."""
    if watch is None:
        return nullcontext()

    def tell() -> None:
        for line in progress.lines_under_way(shop.work):
            watch(line)

    return repeating(WATCH_EVERY_S, tell)


def _executor(shop: Workshop, place: Place) -> Executor:
    if place.executor == "ray":
        return OnRay(shop)
    return Workers(shop, place.n_workers) if place.n_workers > 1 else InProcess(shop)


@dataclass(slots=True)
class _Ledger:
    """What is told and kept as stages end."""

    plan: GridPlan
    shop: Workshop
    place: Place
    feed: StoreFeed | None
    progress: Progress
    trackers: Sequence[Tracker]
    report: Callable[[str], None]
    write_at: float = field(default_factory=lambda: time.monotonic() + TABLE_EVERY_S)

    def enter(self, stage: Stage, finished: Finished, settled: Settled) -> None:
        """Say how a stage went, and rewrite the table now and then."""
        self.report(self.progress.line(stage, finished, settled.dropped, self.shop.work))
        if finished.failure is None:
            log_stage(self.trackers, stage, self.shop.work)
        started = time.monotonic()
        if started > self.write_at:
            found = write_tables(self.plan, self.shop, self.place.out, True, self.feed)
            if found.store_fault is not None:
                self.report(f"scores wait: {found.store_fault}")
            taken = time.monotonic() - started
            self.write_at = time.monotonic() + max(TABLE_EVERY_S, _RARELY * taken)


def work_off(
    plan: GridPlan, shop: Workshop, state: Schedule, executor: Executor, ledger: _Ledger
) -> None:
    """Hand out stages as they can begin, and book their ends, until none is left."""
    disk_bytes = ledger.place.disk_bytes
    if disk_bytes is not None:
        drop_unneeded(plan, shop, state)
    while state.n_waiting or state.running:
        while executor.has_room() and not state.interrupted:
            stage = state.begin(lambda: fits(shop, state, disk_bytes))
            if stage is None:
                break
            shop.work.clear_failure(stage.key)
            ledger.progress.begin(stage)
            executor.start(stage)
        if not state.running:
            if state.interrupted or not state.n_waiting:
                return
            ledger.enter(*give_up_for_space(shop, state))
            continue
        finished = executor.next_finished()
        stage = state.running[finished.key]
        settled = settle(shop, state, stage, finished)
        if not finished.interrupted:
            ledger.enter(stage, finished, settled)
        for key in settled.unneeded if disk_bytes is not None else []:
            shop.work.drop_weights(key)


def write_tables(
    plan: GridPlan,
    shop: Workshop,
    out: Path,
    interrupted: bool,
    feed: StoreFeed | None,
) -> GridResult:
    """Write `runs.csv`, `trainings.csv`, `timings.csv` and `failures.json` from the work folder."""
    tables = collect_tables(plan, shop.work)
    for name in ("runs", "trainings", "timings"):
        table = getattr(tables, name)
        if len(table):
            write_text(out / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    failures = {key: why for key, why in shop.work.failures().items() if key in plan.stages}
    named = {f"{plan.stages[key].label} ({key})": why for key, why in sorted(failures.items())}
    write_json(out / "failures.json", named)
    runs = plan.runs_now
    done = sum(_is_scored(plan, shop, run.score_key) for run in runs)
    failed = sum(run.score_key in failures for run in runs)
    if feed is not None and len(tables.runs):
        feed.feed(tables.runs)
    fault = None if feed is None else feed.fault
    return GridResult(len(runs), done, failed, interrupted, out / "runs.csv", named, fault)


def _is_scored(plan: GridPlan, shop: Workshop, key: str) -> bool:
    stage = plan.stages[key]
    return isinstance(stage, ScoreStage) and shop.work.is_done(key)
