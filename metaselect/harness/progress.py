"""Progress in lines that can be counted: what ended, how well, how long, how long to go."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from metaselect.catalogue.tasks import DIRECT
from metaselect.harness.executors import Finished
from metaselect.harness.grid import Plan, Run
from metaselect.harness.stages import ScoreStage, Stage
from metaselect.harness.workfolder import WorkFolder


class Progress:
    """Counts stages and foretells the rest from those of the same kind."""

    def __init__(self, stages: Sequence[Stage], n_workers: int, plan: Plan) -> None:
        self._baseline = direct_scorings(plan)
        self._direct = {run.score_key for run in plan.runs if run.intermediate == DIRECT}
        self._left = Counter(type(stage) for stage in stages)
        self._n_stages, self._n_workers = len(stages), n_workers
        self._taken: dict[type, tuple[int, float]] = {}
        self._started = time.perf_counter()

    def line(self, stage: Stage, finished: Finished, work: WorkFolder) -> str:
        """A stage's line: `3/17 mnli→udpos on udpos  0.713 (+0.018) over 38  4m12s, 29m left`."""
        self._left[type(stage)] -= 1
        count, seconds = self._taken.get(type(stage), (0, 0.0))
        self._taken[type(stage)] = (count + 1, seconds + finished.wall_s)
        done = self._n_stages - self._left.total()
        elapsed = short_time(time.perf_counter() - self._started)
        left = short_time(self._seconds_left())
        result = self._result(stage, finished, work)
        return f"{done}/{self._n_stages} {_name(stage)}  {result}  {elapsed}, {left} left"

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
        text += f" over {len(scores)}"
        n_failed = len(finished.language_failures)
        return f"{text}, {n_failed} FAILED" if n_failed else text

    def _seconds_left(self) -> float:
        counts, seconds = zip(*self._taken.values(), strict=True)
        whole = (sum(counts), sum(seconds))
        total = 0.0
        for kind, n_left in self._left.items():
            count, taken = self._taken.get(kind, whole)
            total += n_left * taken / count
        return total / self._n_workers


def short_time(seconds: float) -> str:
    """Seconds for people.

    Example:
        >>> [short_time(4), short_time(252), short_time(7500)]
        ['4s', '4m12s', '2h05m']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _name(stage: Stage) -> str:
    if isinstance(stage, ScoreStage):
        return stage.label
    return f"{stage.label} seed {stage.seed}"


def _scores(stage: ScoreStage, work: WorkFolder) -> dict[str, float]:
    files = {code: work.language_file(stage.key, code) for code in stage.languages}
    return {code: work.read(path)["score"] for code, path in files.items() if path.is_file()}


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)


def direct_scorings(plan: Plan) -> dict[str, ScoreStage]:
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
