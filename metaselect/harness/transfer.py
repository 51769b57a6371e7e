"""Carrying out a grid: what is missing is done, what failed is recorded, what is done is kept."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from metaselect.errors import MetaselectError
from metaselect.files import write_json, write_text
from metaselect.harness.executors import (
    Executor,
    Finished,
    InProcess,
    Workers,
    stopping_on_interrupt,
)
from metaselect.harness.grid import Plan, stage_parents
from metaselect.harness.progress import Progress
from metaselect.harness.stages import ScoreStage, Stage, TrainStage
from metaselect.harness.table import collect_tables
from metaselect.harness.trackers import Tracker, TrackerName, log_stage, open_trackers
from metaselect.harness.training import Workshop
from metaselect.harness.workfolder import exclusive

TABLE_EVERY_S = 60.0
"""Seconds between rewrites of the runs table while a grid runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a grid's results go and how much of the machine it takes.

    Attributes:
        out: Folder of `runs.csv`, `timings.csv`, `failures.json`.
        n_workers: Stages at a time; 1 works in this process.
        disk_bytes: Most that weights may take; None does not count.
        log_to: Trackers that learning curves go to.
    """

    out: Path
    n_workers: int
    disk_bytes: int | None
    log_to: tuple[TrackerName, ...]


@dataclass(frozen=True, slots=True)
class GridResult:
    """What a call of `run_grid` leaves.

    Attributes:
        planned, done, failed: Runs in all, with every language scored, and not.
        interrupted: Whether it was stopped before the end.
        table: Path of the runs table.
        failures: Reason by what failed.
    """

    planned: int
    done: int
    failed: int
    interrupted: bool
    table: Path
    failures: Mapping[str, str]


@dataclass(slots=True)
class _State:
    """Where a grid stands: stages still to do, under way, and those that cannot be done."""

    waiting: list[Stage]
    running: dict[str, Stage] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


def run_grid(
    plan: Plan, shop: Workshop, place: Place, *, report: Callable[[str], None]
) -> GridResult:
    """Do what is missing of a plan and write the runs table.

    Args:
        plan: All stages.
        shop: Data, work folder, machine.
        place: Where results go.
        report: Takes a line of progress as each stage ends.

    Raises:
        MetaselectError: Another process works in the folder, or no weights fit on the disk.
    """
    studies = ", ".join(sorted({run.study for run in plan.runs}))
    with exclusive(shop.work.root):
        shop.work.sweep()
        state = _State(pending_stages(plan, shop))
        trackers = open_trackers(place.log_to, place.out, studies)
        ledger = _Ledger(
            plan, shop, place, Progress(state.waiting, place.n_workers), trackers, report
        )
        executor: Executor = (
            Workers(shop, place.n_workers) if place.n_workers > 1 else InProcess(shop)
        )
        try:
            with stopping_on_interrupt(executor):
                _work_off(plan, shop, state, executor, ledger)
        finally:
            executor.close()
        return write_tables(plan, shop, place.out, state.failures, state.interrupted)


def pending_stages(plan: Plan, shop: Workshop) -> list[Stage]:
    """Stages to do, in the plan's order: unfinished ones, and trainings whose weights they need."""
    work = shop.work
    wanted = {key for key in plan.stages if not work.is_done(key)}
    for key in reversed(list(plan.stages)):
        if key in wanted:
            wanted |= {
                parent
                for parent in stage_parents(plan.stages[key])
                if not work.weights(parent).is_file()
            }
    return [stage for key, stage in plan.stages.items() if key in wanted]


@dataclass(slots=True)
class _Ledger:
    """What is told and kept as stages end."""

    plan: Plan
    shop: Workshop
    place: Place
    progress: Progress
    trackers: Sequence[Tracker]
    report: Callable[[str], None]
    written: float = field(default_factory=time.monotonic)

    def enter(self, stage: Stage, finished: Finished) -> None:
        """Say how a stage went, and rewrite the table now and then."""
        self.report(self.progress.line(stage, finished, self.shop.work))
        if finished.failure is None:
            log_stage(self.trackers, stage, self.shop.work)
        if time.monotonic() - self.written > TABLE_EVERY_S:
            write_tables(self.plan, self.shop, self.place.out, {}, True)
            self.written = time.monotonic()


def _work_off(
    plan: Plan, shop: Workshop, state: _State, executor: Executor, ledger: _Ledger
) -> None:
    while state.waiting or state.running:
        while executor.has_room() and not state.interrupted:
            stage = _next_ready(plan, shop, state, ledger.place.disk_bytes)
            if stage is None:
                break
            state.waiting.remove(stage)
            state.running[stage.key] = stage
            shop.work.clear_failure(stage.key)
            executor.start(stage)
        if not state.running:
            return
        finished = executor.next_finished()
        stage = state.running.pop(finished.key)
        _settle(shop, state, stage, finished)
        if not finished.interrupted:
            ledger.enter(stage, finished)
        _free_weights(plan, shop, state, ledger.place.disk_bytes)


def _settle(shop: Workshop, state: _State, stage: Stage, finished: Finished) -> None:
    """Book a stage's end; what builds on a failed stage fails with it."""
    if finished.interrupted:
        state.interrupted = True
        return
    if finished.failure is not None:
        shop.work.fail(stage.key, finished.failure)
        state.failures[stage.key] = finished.failure["reason"]
        _drop_dependents(shop, state, stage)
    elif finished.language_failures:
        reason = "; ".join(f"{code}: {why}" for code, why in finished.language_failures.items())
        record = {"label": stage.label, "reason": reason, "traceback": ""}
        shop.work.fail(stage.key, record)
        state.failures[stage.key] = reason


def _drop_dependents(shop: Workshop, state: _State, failed: Stage) -> None:
    for stage in [item for item in state.waiting if failed.key in stage_parents(item)]:
        state.waiting.remove(stage)
        reason = f"{failed.label}: {state.failures[failed.key]}"
        state.failures[stage.key] = reason
        shop.work.fail(stage.key, {"label": stage.label, "reason": reason, "traceback": ""})
        _drop_dependents(shop, state, stage)


def _next_ready(plan: Plan, shop: Workshop, state: _State, disk_bytes: int | None) -> Stage | None:
    """The first waiting stage whose weights are there and, for a training, fit on the disk."""
    blocked = {stage.key for stage in (*state.waiting, *state.running.values())}
    for stage in state.waiting:
        if any(parent in blocked for parent in stage_parents(stage)):
            continue
        if isinstance(stage, TrainStage) and not _fits(plan, shop, state, disk_bytes):
            continue
        return stage
    return None


def _fits(plan: Plan, shop: Workshop, state: _State, disk_bytes: int | None) -> bool:
    """Whether one more file of weights fits; sizes are guessed from those that are there."""
    if disk_bytes is None:
        return True
    sizes = [path.stat().st_size for path in (shop.work.root / "weights").glob("*.safetensors")]
    under_way = sum(isinstance(stage, TrainStage) for stage in state.running.values())
    expected = (under_way + 1) * max(sizes, default=0)
    if sum(sizes) + expected <= disk_bytes:
        return True
    if state.running:
        return False
    raise MetaselectError(
        f"Weights take {sum(sizes) / 1e9:.1f} GB and one more file needs {max(sizes) / 1e9:.1f}: "
        f"raise disk_gb above {(sum(sizes) + max(sizes)) / 1e9:.1f}."
    )


def _free_weights(plan: Plan, shop: Workshop, state: _State, disk_bytes: int | None) -> None:
    """Drop weights that no stage of the grid needs any more, where a budget asks for it."""
    if disk_bytes is None:
        return
    ahead = (*state.waiting, *state.running.values())
    needed = {parent for stage in ahead for parent in stage_parents(stage)}
    needed |= {parent for key in state.failures for parent in stage_parents(plan.stages[key])}
    for key, stage in plan.stages.items():
        if isinstance(stage, TrainStage) and key not in needed:
            shop.work.drop_weights(key)


def write_tables(
    plan: Plan, shop: Workshop, out: Path, failures: Mapping[str, str], interrupted: bool
) -> GridResult:
    """Write `runs.csv`, `timings.csv` and `failures.json` from the finished stages."""
    tables = collect_tables(plan, shop.work)
    if len(tables.runs):
        write_text(out / "runs.csv", tables.runs.to_csv(index=False, lineterminator="\n"))
        write_text(out / "timings.csv", tables.timings.to_csv(index=False, lineterminator="\n"))
    named = {f"{plan.stages[key].label} ({key})": why for key, why in sorted(failures.items())}
    write_json(out / "failures.json", named)
    done = sum(_is_whole(plan, shop, run.score_key) for run in plan.runs)
    failed = sum(run.score_key in failures for run in plan.runs)
    return GridResult(len(plan.runs), done, failed, interrupted, out / "runs.csv", named)


def _is_whole(plan: Plan, shop: Workshop, key: str) -> bool:
    stage = plan.stages[key]
    return isinstance(stage, ScoreStage) and shop.work.is_done(key)
