"""Progress in lines that can be counted: what ended, how well, how long, how long to go."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from metaselect.catalogue.tasks import DIRECT
from metaselect.harness.grid.executors import Finished
from metaselect.harness.grid.forecast import Forecast
from metaselect.harness.grid.heartbeat import Beat, read_beat
from metaselect.harness.grid.plan import GridPlan, Run
from metaselect.harness.grid.stages import ScoreStage, Stage
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.wording import counted, short_time


class Progress:
    """Counts stages, tells of those under way, and foretells the rest.

    Args:
        stages: What is to be done.
        n_workers: Stages at a time.
        plan: Whose stages they are.
        probed_s: Seconds by stage as a dry run's probe found them; may be empty.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        n_workers: int,
        plan: GridPlan,
        *,
        probed_s: Mapping[str, float],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._baseline = direct_scorings(plan)
        self._direct = {run.score_key for run in plan.runs if run.intermediate == DIRECT}
        self._n_left = self._n_stages = len(stages)
        self._n_workers = n_workers
        self._forecast = Forecast(stages, probed_s)
        self._running: dict[str, tuple[Stage, float]] = {}
        self._clock = clock
        self._started = clock()
        self._lock = threading.Lock()  # lines of stages under way are asked for by another thread

    def learn(self, stage: Stage, seconds: float) -> None:
        """Take note of what a stage of an earlier call took."""
        self._forecast.learn(stage, seconds)

    def begin(self, stage: Stage) -> None:
        """A stage is under way."""
        with self._lock:
            self._running[stage.key] = (stage, self._clock())

    def line(
        self, stage: Stage, finished: Finished, dropped: Sequence[Stage], work: WorkFolder
    ) -> str:
        """A stage's line: `3/17 mnli→udpos on udpos  0.713 (+0.018) over 38  4m12s, 29m left`.

        Args:
            stage: What ended.
            finished: How.
            dropped: Stages that cannot be done any more.
            work: Where its results are.
        """
        with self._lock:
            self._running.pop(stage.key, None)
            for gone in (stage, *dropped):
                self._forecast.end(gone)
            self._n_left -= 1 + len(dropped)
            if finished.failure is None and not finished.language_failures:
                self._forecast.learn(stage, finished.wall_s)
            times = self._times(work)
        result = self._result(stage, finished, work)
        n_lost = len(dropped)
        lost = f"; left out because they need it: {counted(n_lost, 'stage')}" if dropped else ""
        return f"{self._counted} {_name(stage)}  {result}{lost}  {times}"

    def lines_under_way(self, work: WorkFolder) -> list[str]:
        """A line for each stage under way, and one for the grid.

        A stage's: `  mnli→udpos seed 0  step 120/750, 31.2 examples/s, 3m20s left`.
        """
        with self._lock:
            now = self._clock()
            stages = [
                _under_way(stage, read_beat(work.beat(stage.key)), now - started)
                for stage, started in self._running.values()
            ]
            return [*stages, f"{self._counted} stages  {self._times(work)}"]

    def seconds_left(self, work: WorkFolder) -> float | None:
        """What is left, shared among workers, no less than one stage takes; None while unknown."""
        with self._lock:
            return self._seconds_left(work)

    @property
    def _counted(self) -> str:
        return f"{self._n_stages - self._n_left}/{self._n_stages}"

    def _times(self, work: WorkFolder) -> str:
        """Time taken and, as soon as anything says it, time left."""
        left = self._seconds_left(work)
        elapsed = short_time(self._clock() - self._started)
        return elapsed if left is None else f"{elapsed}, {short_time(left)} left"

    def _seconds_left(self, work: WorkFolder) -> float | None:
        """What is left of all stages, shared among workers; no less than one of them takes."""
        now = self._clock()
        gone, longest = 0.0, 0.0
        for stage, started in self._running.values():
            beat = read_beat(work.beat(stage.key))
            if beat is not None:
                self._forecast.expect(stage, now - started + beat.left_s)
            whole = self._forecast.seconds_of(stage)
            if whole is None:
                return None
            left = max(0.0, whole - (now - started)) if beat is None else beat.left_s
            gone, longest = gone + whole - left, max(longest, left)
        total = self._forecast.left_s()
        return None if total is None else max((total - gone) / self._n_workers, longest)

    def _result(self, stage: Stage, finished: Finished, work: WorkFolder) -> str:
        if finished.failure is not None:
            return f"FAILED: {finished.failure['reason']}"
        if not isinstance(stage, ScoreStage):
            english = work.read(work.stage(stage.key) / "result.json")["english_dev"]
            return "" if english is None else f"en {english:.3f}"
        scores = _scores(stage, work)
        text = f"{_mean(scores.values()):.3f}" if scores else "no score"
        baseline = self._baseline.get(stage.key)
        before = {} if baseline is None else _scores(baseline, work)
        shared = set(scores) & set(before)
        if shared:
            gain = _mean(scores[code] - before[code] for code in shared)
            text += f" ({gain:+.3f})"
        elif stage.key in self._direct:
            text += f" ({DIRECT})"
        text += f" over {counted(len(scores), 'language')}"
        n_failed = len(finished.language_failures)
        return f"{text}, {n_failed} FAILED" if n_failed else text


def _name(stage: Stage) -> str:
    if isinstance(stage, ScoreStage):
        return stage.label
    return f"{stage.label} seed {stage.seed}"


def _under_way(stage: Stage, beat: Beat | None, elapsed_s: float) -> str:
    if beat is None:
        return f"  {_name(stage)}  under way for {short_time(elapsed_s)}"
    unit = "language" if isinstance(stage, ScoreStage) else "step"
    parts = [f"{unit} {beat.done}/{beat.n_steps}", *_speed(stage, beat)]
    return f"  {_name(stage)}  {', '.join(parts)}, {short_time(beat.left_s)} left"


def _speed(stage: Stage, beat: Beat) -> list[str]:
    """Examples a second, or tokens where a step is so many tokens."""
    if isinstance(stage, ScoreStage):
        of_step, unit = stage.testing.rows, "examples"
    elif stage.recipe.batch_tokens is not None:
        of_step, unit = stage.recipe.batch_tokens, "tokens"
    else:
        of_step, unit = stage.recipe.batch_examples, "examples"
    if of_step is None or not beat.s_per_step:
        return []
    return [f"{of_step / beat.s_per_step:,.1f} {unit}/s"]


def _scores(stage: ScoreStage, work: WorkFolder) -> dict[str, float]:
    files = {code: work.language_file(stage.key, code) for code in stage.languages}
    return {code: work.read(path)["score"] for code, path in files.items() if path.is_file()}


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)


def direct_scorings(plan: GridPlan) -> dict[str, ScoreStage]:
    """The scoring without an intermediate that each other scoring is compared with."""

    def cell(run: Run) -> tuple[str, ...]:
        return (run.study, run.encoder, run.adaptation, run.target, str(run.seed))

    direct = {cell(run): run.score_key for run in plan.runs if run.intermediate == DIRECT}
    found: dict[str, ScoreStage] = {}
    for run in plan.runs:
        stage = plan.stages.get(direct.get(cell(run), ""))
        if isinstance(stage, ScoreStage) and stage.key != run.score_key:
            found[run.score_key] = stage
    return found
