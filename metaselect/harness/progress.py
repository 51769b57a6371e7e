"""Progress in lines that can be counted: what ended, how well, how long, how long to go."""

import time
from collections.abc import Sequence

from metaselect.harness.executors import Finished
from metaselect.harness.stages import ScoreStage, Stage
from metaselect.harness.workfolder import WorkFolder


class Progress:
    """Counts stages and foretells the rest from those of the same kind."""

    def __init__(self, stages: Sequence[Stage], n_workers: int) -> None:
        self._left = {stage.key: stage for stage in stages}
        self._n_stages, self._n_workers = len(stages), n_workers
        self._taken: dict[type, list[float]] = {}
        self._started = time.perf_counter()

    def line(self, stage: Stage, finished: Finished, work: WorkFolder) -> str:
        """A stage's line: `3/17 mnli→udpos seed 0  0.713  4m12s, 29m left`."""
        self._left.pop(stage.key, None)
        self._taken.setdefault(type(stage), []).append(finished.wall_s)
        done = self._n_stages - len(self._left)
        elapsed = short_time(time.perf_counter() - self._started)
        left = short_time(self._seconds_left())
        return f"{done}/{self._n_stages} {_name(stage)}  {_result(stage, finished, work)}  " \
               f"{elapsed}, {left} left"  # fmt: skip

    def _seconds_left(self) -> float:
        known = [seconds for taken in self._taken.values() for seconds in taken]
        mean = sum(known) / len(known)
        total = 0.0
        for stage in self._left.values():
            taken = self._taken.get(type(stage))
            total += sum(taken) / len(taken) if taken else mean
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


def _result(stage: Stage, finished: Finished, work: WorkFolder) -> str:
    if finished.failure is not None:
        return f"FAILED: {finished.failure['reason']}"
    if not isinstance(stage, ScoreStage):
        english = work.read(work.stage(stage.key) / "result.json")["english_dev"]
        return "" if english is None else f"en {english:.3f}"
    files = [work.language_file(stage.key, code) for code in stage.languages]
    scores = [work.read(path)["score"] for path in files if path.is_file()]
    mean = f"{sum(scores) / len(scores):.3f} over {len(scores)}" if scores else "no score"
    return mean + (f", {len(finished.language_failures)} FAILED" * bool(finished.language_failures))
