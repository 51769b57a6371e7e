"""How long the rest of a grid takes, from the speed of what it has done so far.

A stage whose kind has been seen takes the mean of its kind. Any other takes its size at the speed
of what has been seen of its sort, training or scoring: the probe's seconds where a dry run made
one, else its padded tokens.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from metaselect.catalogue.tasks import TaskCard
from metaselect.harness.grid.plan import GridPlan
from metaselect.harness.grid.probe import INFERENCE_SHARE, OVERHEAD_S
from metaselect.harness.grid.stages import ScoreStage, Stage, TrainStage
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.harness.recipe import Recipe

Sort = Literal["train", "score"]

_OF_A_KIND = 3  # times that are read of each kind of stage: they differ by luck alone
_USUAL_TRAIN_ROWS = 5000  # of a task whose card does not tell
_USUAL_TEST_ROWS = 1000  # of a language, where all rows are scored


@dataclass(slots=True)
class _Kind:
    """Stages that take the same time, but for luck.

    Attributes:
        sort: Training or scoring.
        size: What stands for the time until one has been seen.
        n_left: Stages that have not ended.
        n_seen: Stages that ended well.
        seconds: Mean of those, or what one under way promises; None before that.
    """

    sort: Sort
    size: float
    n_left: int = 0
    n_seen: int = 0
    seconds: float | None = None


class Forecast:
    """Foretells what is left; each question takes the same time for ten stages and for a million.

    Args:
        stages: What is to be done.
        probed_s: Seconds by stage as a dry run's probe found them; they count where they cover
            all of `stages`.
    """

    def __init__(self, stages: Iterable[Stage], probed_s: Mapping[str, float]) -> None:
        stages = list(stages)
        self._probed = bool(stages) and all(stage.key in probed_s for stage in stages)
        self._kinds: dict[Hashable, _Kind] = {}
        self._unseen_size: dict[Sort, float] = {"train": 0.0, "score": 0.0}
        self._n_unseen = 0
        self._seen_size: dict[Sort, float] = {"train": 0.0, "score": 0.0}
        self._seen_s: dict[Sort, float] = {"train": 0.0, "score": 0.0}
        self._known_left_s = 0.0
        for stage in stages:
            size = probed_s[stage.key] if self._probed else padded_tokens(stage)
            kind = self._kinds.setdefault(kind_of(stage), _Kind(_sort(stage), size))
            kind.n_left += 1
            self._unseen_size[kind.sort] += kind.size
            self._n_unseen += 1

    def learn(self, stage: Stage, seconds: float) -> None:
        """Take note of what a stage took; kinds of which none is to be done teach nothing."""
        kind = self._kinds.get(kind_of(stage))
        if kind is None:
            return
        before = 0.0 if kind.n_seen == 0 or kind.seconds is None else kind.seconds
        kind.n_seen += 1
        self._set(kind, before + (seconds - before) / kind.n_seen)

    def expect(self, stage: Stage, seconds: float) -> None:
        """Take what a stage under way promises to take, until one of its kind has ended."""
        kind = self._kinds[kind_of(stage)]
        if kind.n_seen == 0:
            self._set(kind, seconds)

    def end(self, stage: Stage) -> None:
        """A stage is not left any more, however it ended."""
        kind = self._kinds[kind_of(stage)]
        kind.n_left -= 1
        if kind.seconds is None:
            self._unseen_size[kind.sort] -= kind.size
            self._n_unseen -= 1
        else:
            self._known_left_s -= kind.seconds

    def seconds_of(self, stage: Stage) -> float | None:
        """What one stage takes; None while nothing says."""
        kind = self._kinds[kind_of(stage)]
        if kind.seconds is not None:
            return kind.seconds
        speed = self._s_per_size(kind.sort)
        return None if speed is None else self._overhead_s + kind.size * speed

    def left_s(self) -> float | None:
        """What all stages that have not ended take, one after another; None while nothing says."""
        if not self._n_unseen:
            return self._known_left_s
        speeds = {sort: self._s_per_size(sort) for sort in self._unseen_size}
        if None in speeds.values():
            return None
        unseen = sum(size * (speeds[sort] or 0.0) for sort, size in self._unseen_size.items())
        return self._known_left_s + unseen + self._n_unseen * self._overhead_s

    @property
    def _overhead_s(self) -> float:
        return 0.0 if self._probed else OVERHEAD_S

    def _s_per_size(self, sort: Sort) -> float | None:
        """Seconds a unit of size: of the sort, else of all that was seen, else as probed."""
        if self._seen_size[sort]:
            return self._seen_s[sort] / self._seen_size[sort]
        if size := sum(self._seen_size.values()):
            return sum(self._seen_s.values()) / size
        return 1.0 if self._probed else None

    def _set(self, kind: _Kind, seconds: float) -> None:
        """Change what a kind takes, and every sum with it."""
        if kind.seconds is None:
            self._unseen_size[kind.sort] -= kind.n_left * kind.size
            self._n_unseen -= kind.n_left
            self._seen_size[kind.sort] += kind.size
        else:
            self._known_left_s -= kind.n_left * kind.seconds
            self._seen_s[kind.sort] -= max(0.0, kind.seconds - self._overhead_s)
        kind.seconds = seconds
        self._known_left_s += kind.n_left * seconds
        self._seen_s[kind.sort] += max(0.0, seconds - self._overhead_s)


def kind_of(stage: Stage) -> Hashable:
    """What stages that take the same time have in common: all but the seed and what is before."""
    if isinstance(stage, ScoreStage):
        return (stage.encoder.name, stage.card.name, stage.testing, stage.languages)
    names = tuple(card.name for card in stage.cards)
    teaching = stage.teaching
    return (
        stage.encoder.name, names, teaching.recipe, teaching.adaptation, teaching.pair_questions,
        None if stage.extra is None else stage.extra.recipe,
    )  # fmt: skip


def padded_tokens(stage: Stage) -> float:
    """Tokens of a stage if every text were as long as it may be, in units of training."""
    if isinstance(stage, ScoreStage):
        n_rows = (stage.testing.rows or _USUAL_TEST_ROWS) * len(stage.languages)
        width = stage.testing.limits.max_length * (stage.card.n_choices or 1)
        return INFERENCE_SHARE * n_rows * width
    more = 0.0 if stage.extra is None else _trained_tokens(stage.extra.cards, stage.extra.recipe)
    return _trained_tokens(stage.cards, stage.recipe) + more


def _trained_tokens(cards: Sequence[TaskCard], recipe: Recipe) -> float:
    if recipe.steps is not None and recipe.batch_tokens is not None:
        return float(recipe.steps * recipe.batch_tokens)
    widths = [recipe.limits.max_length * (card.n_choices or 1) for card in cards]
    if recipe.steps is not None:
        return recipe.steps * (recipe.batch_examples or 1) * max(widths)
    pairs = zip(cards, widths, strict=True)
    return (recipe.epochs or 1.0) * sum(_rows(card, recipe) * width for card, width in pairs)


def known_times(
    plan: GridPlan, pending: Sequence[Stage], work: WorkFolder
) -> Iterator[tuple[Stage, float]]:
    """Seconds of stages that are done, a few of each kind that is to be done again.

    Yields:
        A stage and what it took.
    """
    wanted = {kind_of(stage): _OF_A_KIND for stage in pending}
    waiting = {stage.key for stage in pending}
    for key, stage in plan.stages.items() if wanted else ():
        kind = kind_of(stage)
        if key in waiting or not wanted.get(kind):
            continue
        seconds = _seconds(stage, work)
        if seconds is not None:
            wanted[kind] -= 1
            yield stage, seconds


def _rows(card: TaskCard, recipe: Recipe) -> int:
    there = card.train_size or _USUAL_TRAIN_ROWS
    return there if recipe.train_rows is None else min(there, recipe.train_rows)


def _sort(stage: Stage) -> Sort:
    return "train" if isinstance(stage, TrainStage) else "score"


def _seconds(stage: Stage, work: WorkFolder) -> float | None:
    """What a finished stage took, as far as its files tell."""
    if isinstance(stage, TrainStage):
        path = work.stage(stage.key) / "timing.json"
        return float(work.read(path)["wall_s"]) if path.is_file() else None
    files = [work.language_file(stage.key, code) for code in stage.languages]
    times = [work.read(path).get("wall_s") for path in files if path.is_file()]
    known = [float(seconds) for seconds in times if seconds is not None]
    return sum(known) if len(known) == len(files) else None
