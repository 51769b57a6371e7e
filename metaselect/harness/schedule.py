"""Which stage comes next: what is missing, what waits for what, and how much disk weights take."""

from dataclasses import dataclass, field

from metaselect.harness.executors import Finished
from metaselect.harness.grid import Plan, stage_parents
from metaselect.harness.stages import Stage, TrainStage
from metaselect.harness.training import Workshop


@dataclass(slots=True)
class Schedule:
    """Where a grid stands: stages still to do, under way, and those that cannot be done."""

    waiting: list[Stage]
    running: dict[str, Stage] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


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


def settle(shop: Workshop, state: Schedule, stage: Stage, finished: Finished) -> None:
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


def _drop_dependents(shop: Workshop, state: Schedule, failed: Stage) -> None:
    for stage in [item for item in state.waiting if failed.key in stage_parents(item)]:
        state.waiting.remove(stage)
        reason = f"{failed.label}: {state.failures[failed.key]}"
        state.failures[stage.key] = reason
        shop.work.fail(stage.key, {"label": stage.label, "reason": reason, "traceback": ""})
        _drop_dependents(shop, state, stage)


def next_ready(shop: Workshop, state: Schedule, disk_bytes: int | None) -> Stage | None:
    """The first waiting stage whose weights are there and, for a training, fit on the disk."""
    blocked = {stage.key for stage in (*state.waiting, *state.running.values())}
    for stage in state.waiting:
        if any(parent in blocked for parent in stage_parents(stage)):
            continue
        if isinstance(stage, TrainStage) and not _fits(shop, state, disk_bytes):
            continue
        return stage
    return None


def _fits(shop: Workshop, state: Schedule, disk_bytes: int | None) -> bool:
    """Whether one more file of weights fits; sizes are guessed from those that are there."""
    if disk_bytes is None:
        return True
    sizes = shop.work.weights_sizes()
    under_way = sum(isinstance(stage, TrainStage) for stage in state.running.values())
    return sum(sizes) + (under_way + 1) * max(sizes, default=0) <= disk_bytes


def give_up_for_space(shop: Workshop, state: Schedule) -> None:
    """Fail the first waiting training: nothing runs whose end could free room for its weights."""
    sizes = shop.work.weights_sizes()
    stage = next(item for item in state.waiting if isinstance(item, TrainStage))
    state.waiting.remove(stage)
    reason = (
        f"weights take {sum(sizes) / 1e9:.3g} GB and one more file needs {max(sizes) / 1e9:.3g}: "
        f"raise disk_gb to {(sum(sizes) + max(sizes)) / 1e9:.3g} or more"
    )
    record = {"label": stage.label, "reason": reason, "traceback": ""}
    settle(shop, state, stage, Finished(stage.key, record, {}, False, 0.0))


def free_weights(plan: Plan, shop: Workshop, state: Schedule, disk_bytes: int | None) -> None:
    """Drop weights that no stage of the grid needs any more, where a budget asks for it."""
    if disk_bytes is None:
        return
    ahead = (*state.waiting, *state.running.values())
    needed = {parent for stage in ahead for parent in stage_parents(stage)}
    needed |= {parent for key in state.failures for parent in stage_parents(plan.stages[key])}
    for key, stage in plan.stages.items():
        if isinstance(stage, TrainStage) and key not in needed:
            shop.work.drop_weights(key)
