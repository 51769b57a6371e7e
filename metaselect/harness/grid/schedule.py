"""Which stage comes next: what is missing, what waits for what, and how much disk weights take."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from metaselect.harness.grid.executors import Finished
from metaselect.harness.grid.known import Known
from metaselect.harness.grid.plan import GridPlan, stage_parents
from metaselect.harness.grid.stages import ScoreStage, Stage, TrainStage
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.harness.train.training import Workshop


class Schedule:
    """Where a grid stands; every step takes the same time for ten stages and for a million.

    Attributes:
        running: Stages under way, by key.
        failures: Reasons by key, of what cannot be done.
        interrupted: Whether it was asked to stop.
    """

    def __init__(self, stages: Sequence[Stage], later: Sequence[Stage] = ()) -> None:
        """Take the stages to make, and those of other calls, whose parents' weights stay."""
        self.running: dict[str, Stage] = {}
        self.failures: dict[str, str] = {}
        self.interrupted = False
        self._stages = stages
        self._waiting = {stage.key for stage in stages}
        self._dependents: dict[str, list[int]] = defaultdict(list)
        self._uses: Counter[str] = Counter()
        self._failed_uses: Counter[str] = Counter()
        self._idle: list[str] = []  # trainings that only failed stages build on
        self._trainings: list[int] = []  # heaps of places of stages that can begin
        self._scorings: list[int] = []
        for stage in later:
            self._uses.update(stage_parents(stage))
        for place, stage in enumerate(stages):
            self._uses.update(stage_parents(stage))
            blocking = [parent for parent in stage_parents(stage) if parent in self._waiting]
            for parent in blocking:
                self._dependents[parent].append(place)
            if not blocking:
                self._release(place)

    @property
    def n_waiting(self) -> int:
        """Stages that have not begun."""
        return len(self._waiting)

    def begin(self, fits: Callable[[], bool]) -> Stage | None:
        """Start the first stage whose weights are there and, for a training, fit on the disk.

        Args:
            fits: Whether one more file of weights does; asked for trainings alone.
        """
        first = min((heap[0] for heap in (self._trainings, self._scorings) if heap), default=None)
        if first is None:
            return None
        if isinstance(self._stages[first], TrainStage) and not fits():
            if not self._scorings:
                return None
            first = self._scorings[0]
        return self._take(first)

    def give_up_training(self) -> Stage:
        """The first training that could begin, taken off, though it never fits."""
        return self._take(self._trainings[0])

    def finish(self, stage: Stage) -> list[str]:
        """Book a stage that ended well; what waited for it can begin.

        Returns:
            Keys of trainings whose weights no stage needs any more.
        """
        self.running.pop(stage.key, None)
        for place in self._dependents.pop(stage.key, []):
            if self._stages[place].key in self._waiting:
                self._release(place)
        self._end_use(stage)
        done = (*stage_parents(stage), *([stage.key] if isinstance(stage, TrainStage) else []))
        return [key for key in done if not self.needs(key)]

    def fail(self, stage: Stage, reason: str) -> list[Stage]:
        """Book a stage that failed, and all that builds on it.

        Returns:
            What was dropped with it.
        """
        self.running.pop(stage.key, None)
        self.failures[stage.key] = reason
        self._failed_uses.update(stage_parents(stage))
        self._end_use(stage)
        dropped: list[Stage] = []
        for place in self._dependents.pop(stage.key, []):
            dependent = self._stages[place]
            self._waiting.discard(dependent.key)
            dropped += [dependent, *self.fail(dependent, f"{stage.label}: {reason}")]
        return dropped

    def needs(self, key: str) -> bool:
        """Whether a stage that is not done, or failed, builds on a training."""
        return bool(self._uses[key] or self._failed_uses[key])

    def pop_idle(self) -> str | None:
        """A training that only failed stages build on: its weights spare time in a later call."""
        return self._idle.pop() if self._idle else None

    def _end_use(self, stage: Stage) -> None:
        for parent in stage_parents(stage):
            self._uses[parent] -= 1
            if not self._uses[parent] and self._failed_uses[parent]:
                self._idle.append(parent)

    def _release(self, place: int) -> None:
        is_training = isinstance(self._stages[place], TrainStage)
        heappush(self._trainings if is_training else self._scorings, place)

    def _take(self, place: int) -> Stage:
        stage = self._stages[place]
        heappop(self._trainings if isinstance(stage, TrainStage) else self._scorings)
        self._waiting.remove(stage.key)
        self.running[stage.key] = stage
        return stage


@dataclass(frozen=True, slots=True)
class Settled:
    """What the end of a stage brings with it.

    Attributes:
        unneeded: Keys of trainings whose weights no stage needs any more.
        dropped: Stages that build on a failed one, and cannot be done.
    """

    unneeded: Sequence[str] = ()
    dropped: Sequence[Stage] = ()


def pending_stages(plan: GridPlan, shop: Workshop, known: Known) -> list[Stage]:
    """Stages to do, in the plan's order.

    They are those that are neither done nor known or whose files have changed since, and trainings
    whose weights they need; not trainings that only known scorings build on.
    """
    work = shop.work
    wanted = {
        key for key, stage in plan.stages.items() if not (known.has(stage) or work.is_whole(key))
    }
    wanted -= _spared(plan, work, wanted, known)
    for key in reversed(list(plan.stages)):
        if key in wanted:
            wanted |= {
                parent
                for parent in stage_parents(plan.stages[key])
                if not work.weights(parent).is_file()
            }
    return [stage for key, stage in plan.stages.items() if key in wanted]


def _spared(plan: GridPlan, work: WorkFolder, wanted: set[str], known: Known) -> set[str]:
    """Trainings that are not done, and that nothing but known scorings builds on."""
    trainings = {key for key in wanted if isinstance(plan.stages[key], TrainStage)}
    asked: set[str] = set()
    for key in reversed(list(plan.stages)) if trainings else ():
        stage = plan.stages[key]
        if key in asked or (
            isinstance(stage, ScoreStage)
            and (key in wanted or not _is_taken_over(stage, work, known))
        ):
            asked.update(stage_parents(stage))
    return trainings - asked


def _is_taken_over(stage: Stage, work: WorkFolder, known: Known) -> bool:
    """Whether a table gives a stage; not where it was made here, whatever tables have of it."""
    if work.is_done(stage.key):
        return work.is_known(stage.key)
    return known.has(stage)


def settle(shop: Workshop, state: Schedule, stage: Stage, finished: Finished) -> Settled:
    """Book a stage's end; what builds on a failed stage fails with it."""
    if finished.interrupted:
        state.interrupted = True
        state.running.pop(stage.key, None)
        return Settled()
    if finished.failure is not None:
        shop.work.fail(stage.key, finished.failure)
        dropped = state.fail(stage, finished.failure["reason"])
        for dependent in dropped:
            record = {"label": dependent.label, "reason": state.failures[dependent.key]}
            shop.work.fail(dependent.key, {**record, "traceback": ""})
        return Settled(dropped=dropped)
    if finished.language_failures:
        reason = "; ".join(f"{code}: {why}" for code, why in finished.language_failures.items())
        shop.work.fail(stage.key, {"label": stage.label, "reason": reason, "traceback": ""})
        return Settled(dropped=state.fail(stage, reason))
    return Settled(unneeded=state.finish(stage))


def fits(shop: Workshop, state: Schedule, disk_bytes: int | None) -> bool:
    """Whether one more file of weights fits; sizes are guessed from those that are there.

    Weights that only failed stages build on are dropped where room is short.
    """
    if disk_bytes is None:
        return True
    while room_taken(shop.work.weights_sizes().values(), state) > disk_bytes:
        idle = state.pop_idle()
        if idle is None:
            return False
        shop.work.drop_weights(idle)
    return True


def room_taken(sizes: Collection[int], state: Schedule) -> int:
    """Bytes of the weights that are there, of those under way and of one file more."""
    under_way = sum(isinstance(stage, TrainStage) for stage in state.running.values())
    return sum(sizes) + (under_way + 1) * max(sizes, default=0)


def give_up_for_space(shop: Workshop, state: Schedule) -> tuple[Stage, Finished, Settled]:
    """Fail the first waiting training: nothing runs whose end could free room for its weights."""
    sizes = shop.work.weights_sizes().values()
    stage = state.give_up_training()
    reason = (
        f"weights take {sum(sizes) / 1e9:.3g} GB and one more file needs {max(sizes) / 1e9:.3g}: "
        f"raise disk_gb to {gigabytes_above(sum(sizes) + max(sizes))} or more"
    )
    record = {"label": stage.label, "reason": reason, "traceback": ""}
    finished = Finished(stage.key, record, {}, False, 0.0)
    return stage, finished, settle(shop, state, stage, finished)


def gigabytes_above(n_bytes: int) -> str:
    """A figure of three digits that so many bytes fit into."""
    if n_bytes == 0:
        return "0"
    unit = 10.0 ** (math.floor(math.log10(n_bytes)) - 2)
    return f"{math.ceil(n_bytes / unit) * unit / 1e9:.3g}"


def drop_unneeded(plan: GridPlan, shop: Workshop, state: Schedule) -> None:
    """Drop weights of earlier calls that no stage of the grid needs any more."""
    for key, stage in plan.stages.items():
        if isinstance(stage, TrainStage) and not state.needs(key):
            shop.work.drop_weights(key)
