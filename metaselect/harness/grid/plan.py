"""A grid of runs as a plan of stages: what is shared happens once.

I intermediates and T targets take I + (I + 1) * T trainings a seed, not 2 * I * T: each
intermediate is trained once and each target once from it and once directly; fewer where targets
share their English training data, and none for targets that are scored without training.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue, TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.grid.stages import (
    UNTRAINED,
    ExtraSteps,
    Naming,
    ScoreStage,
    Stage,
    Teaching,
    TrainStage,
)
from metaselect.harness.recipe import Adaptation, Recipe, Testing
from metaselect.harness.train.encoders import Encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How every stage of a study trains and tests.

    Attributes:
        study: Name of the protocol, as in runs tables.
        intermediates: Recipe by intermediate.
        targets: Recipe by target.
        testing: Testing by target.
        equal_steps: The intermediate whose steps the control `direct+` takes besides the target's;
            None where the grid has no such control.
        preliminaries: Tasks that a target trains on before its own, keeping a head of the same
            kind: XTREME-R's XCOPA trains on SocialIQA, then COPA.
    """

    study: str
    intermediates: Mapping[str, Recipe]
    targets: Mapping[str, Recipe]
    testing: Mapping[str, Testing]
    preliminaries: Mapping[str, tuple[str, ...]]
    equal_steps: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What is crossed with what.

    Attributes:
        encoders, adaptations, intermediates, targets, seeds, budgets: The axes. An intermediate
            is `direct`, the control `direct+`, a task, or several tasks joined by `+`.
        cells: Pairs of intermediate and target that alone are run; None runs the whole cross.
    """

    encoders: tuple[Encoder, ...]
    adaptations: tuple[Adaptation, ...]
    intermediates: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: tuple[tuple[str, str], ...] | None
    budgets: tuple[Budget, ...]

    def targets_of(self, intermediate: str) -> tuple[str, ...]:
        """The targets that an intermediate is run on."""
        if self.cells is None:
            return self.targets
        return tuple(target for target in self.targets if (intermediate, target) in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One cell of the grid and the scoring that gives its rows.

    Attributes:
        study, encoder, adaptation, intermediate, target, metric, seed: As in runs tables.
        score_key: Its scoring stage.
    """

    study: str
    encoder: str
    adaptation: str
    intermediate: str
    target: str
    metric: str
    seed: int
    score_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which runs of a grid to make now: those on all three axes; None takes a whole axis."""

    intermediates: Sequence[str] | None = None
    targets: Sequence[str] | None = None
    seeds: Sequence[int] | None = None

    def has(self, run: Run) -> bool:
        """Whether a run is of the part."""
        of_seed = self.seeds is None or run.seed in self.seeds
        return of_seed and self.has_cell(run.intermediate, run.target)

    def has_cell(self, intermediate: str, target: str) -> bool:
        """Whether runs of an intermediate on a target are of the part."""
        axes = ((intermediate, self.intermediates), (target, self.targets))
        return all(chosen is None or name in chosen for name, chosen in axes)


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class GridPlan:
    """Runs and their stages, each stage after the one that it builds on.

    Attributes:
        runs: Cells of the grid.
        stages: Stages by key, depth first, so that few weights are needed at a time; where layers
            are frozen, target by target, so that a worker remembers their states for all runs of a
            target (weights are small there).
        now: Keys of the stages to make now, with all that they build on; None makes all.
    """

    runs: tuple[Run, ...]
    stages: Mapping[str, Stage]
    now: frozenset[str] | None = None

    def only(self, part: Part) -> "GridPlan":
        """The plan, of which only a part is to be made now; tables hold whatever is done of it.

        Raises:
            MetaselectError: The part has no run.
        """
        if part == WHOLE:
            return self
        keys = {run.score_key for run in self.runs if part.has(run)}
        if not keys:
            raise MetaselectError("The grid has no run of these intermediates, targets and seeds.")
        for key in reversed(list(self.stages)):
            if key in keys:
                keys.update(stage_parents(self.stages[key]))
        return replace(self, now=frozenset(keys))

    def is_now(self, key: str) -> bool:
        """Whether a stage is to be made now."""
        return self.now is None or key in self.now

    def seed_of(self, stage: Stage) -> int | None:
        """The grid's seed of a stage; None of a scoring without training, which all seeds share."""
        trained = self.stages[stage.parent] if stage.parent is not None else stage
        return trained.seed if isinstance(trained, TrainStage) else None

    @property
    def runs_now(self) -> list[Run]:
        """Runs to make now."""
        return [run for run in self.runs if self.is_now(run.score_key)]

    def languages_now(self) -> dict[str, list[str]]:
        """Codes that the runs to make now are scored in, in any study, by target."""
        found: dict[str, dict[str, None]] = {}
        for run in self.runs_now:
            stage = self.stages[run.score_key]
            if isinstance(stage, ScoreStage):
                found.setdefault(run.target, {}).update(dict.fromkeys(stage.languages))
        return {target: list(codes) for target, codes in found.items()}

    def scores_by_target(self) -> dict[str, int]:
        """Rows of the whole plan's runs table, by target."""
        counts: Counter[str] = Counter()
        for run in self.runs:
            stage = self.stages[run.score_key]
            counts[run.target] += len(stage.languages) if isinstance(stage, ScoreStage) else 0
        return dict(counts)

    @property
    def n_trainings(self) -> int:
        """Trainings of the stages to make now."""
        return sum(
            isinstance(stage, TrainStage) for key, stage in self.stages.items() if self.is_now(key)
        )

    @property
    def n_scorings(self) -> int:
        """Scorings of the stages to make now."""
        return sum(map(self.is_now, self.stages)) - self.n_trainings


_BEFORE_TARGETS = -1


def plan_grid(grid: Grid, naming: Naming, part: Part = WHOLE) -> GridPlan:
    """Name every stage of the grid; nothing is trained or loaded yet.

    Args:
        grid: Whole.
        naming: Of its stages.
        part: What is to be made now, its targets in the order in which it names them; other targets
            are left out where they have no test data.

    Raises:
        MetaselectError: An unknown task, an encoder that is not there, a target of the part
            without data, or a part without runs.
    """
    runs: list[Run] = []
    stages: dict[str, Stage] = {}
    turns: dict[str, tuple[int, int]] = {}
    order = list(dict.fromkeys([*(part.targets or ()), *grid.targets]))
    for cell in _cells(grid):
        targets = [
            name
            for name in cell.targets(grid, naming.catalogue)
            if part.has_cell(cell.intermediate, name) or cell.can_be_tested(name, naming)
        ]
        before = cell.before(naming) if targets else []
        stages |= {stage.key: stage for stage in before}
        place = grid.encoders.index(cell.encoder)
        turns |= {stage.key: (place, _BEFORE_TARGETS) for stage in before}
        for target in targets:
            found = cell.target_stages(target, before, naming)
            for stage in found:
                stages.setdefault(stage.key, stage)
                turn = (place, order.index(target))
                turns[stage.key] = min(turn, turns.get(stage.key, turn))
            runs.append(cell.run(target, naming.catalogue[target], found[-1]))
    if _freezes(grid):
        stages = dict(sorted(stages.items(), key=lambda item: turns[item[0]]))
    return GridPlan(tuple(runs), stages).only(part)


def _freezes(grid: Grid) -> bool:
    """Whether targets have frozen layers, whose states a worker remembers from run to run."""
    return any(recipe.freeze_layers for part in grid.budgets for recipe in part.targets.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One intermediate under one seed, encoder, adaptation and budget; targets share it."""

    budget: Budget
    encoder: Encoder
    adaptation: Adaptation
    intermediate: str
    seed: int

    def targets(self, grid: Grid, catalogue: Catalogue) -> list[str]:
        """The cell's targets; training longer is nothing to those that are not trained."""
        return [
            name
            for name in grid.targets_of(self.intermediate)
            if self.intermediate != DIRECT_PLUS or catalogue[name].head not in UNTRAINED
        ]

    def can_be_tested(self, target: str, naming: Naming) -> bool:
        """Whether languages to test a target in are named or have data."""
        named = self.budget.testing[target].languages
        return bool(named or naming.test_languages(naming.catalogue[target]))

    def before(self, naming: Naming) -> list[TrainStage]:
        """The intermediate's training, if there is one."""
        if self.intermediate in (DIRECT, DIRECT_PLUS):
            return []
        names = naming.catalogue.parts(self.intermediate)
        recipe = self.budget.intermediates[self.intermediate]
        return [naming.train_stage(names, start=self.encoder, teaching=self._teaching(recipe))]

    def target_stages(
        self, target: str, before: Sequence[TrainStage], naming: Naming
    ) -> tuple[Stage, ...]:
        """The target's trainings after those before, if it has any, and its scoring."""
        card = naming.catalogue[target]
        start: Encoder | TrainStage = next(iter(before), self.encoder)
        trained: list[TrainStage] = []
        curriculum = self._curriculum(target, naming)
        for place, name in enumerate(curriculum, start=1):
            source = naming.catalogue[name]
            teaching = self._teaching(
                self.budget.targets[target],
                pair_questions=source.head == "extractive-qa" and card.head != source.head,
                keep_head=bool(trained) and trained[-1].cards[0].head == source.head,
            )
            extra = self._extra(naming) if place == len(curriculum) else None
            start = naming.train_stage([name], start=start, teaching=teaching, extra=extra)
            trained.append(start)
        score = naming.score_stage(target, start=start, testing=self.budget.testing[target])
        return (*trained, score)

    def _curriculum(self, target: str, naming: Naming) -> list[str]:
        """Tasks that a target is trained on in turn: those set before it, then its own."""
        card = naming.catalogue[target]
        if card.head in UNTRAINED:
            return []
        return [
            *self.budget.preliminaries.get(target, ()),
            training_card(card, naming.catalogue, naming.corpora).name,
        ]

    def _extra(self, naming: Naming) -> ExtraSteps | None:
        """The steps of the intermediate that the control is to match."""
        name = self.budget.equal_steps
        if self.intermediate != DIRECT_PLUS or name is None:
            return None
        cards = tuple(naming.catalogue[part] for part in naming.catalogue.parts(name))
        return ExtraSteps(cards=cards, recipe=self.budget.intermediates[name])

    def _teaching(
        self, recipe: Recipe, *, pair_questions: bool = False, keep_head: bool = False
    ) -> Teaching:
        return Teaching(
            adaptation=self.adaptation, recipe=recipe, seed=self.seed,
            pair_questions=pair_questions, keep_head=keep_head,
        )  # fmt: skip

    def run(self, target: str, card: TaskCard, score: Stage) -> Run:
        return Run(
            study=self.budget.study, encoder=self.encoder.name, adaptation=self.adaptation,
            intermediate=self.intermediate, target=target, metric=card.metric, seed=self.seed,
            score_key=score.key,
        )  # fmt: skip


def _cells(grid: Grid) -> Iterator[_Cell]:
    axes = product(grid.seeds, grid.budgets, grid.encoders, grid.adaptations, grid.intermediates)
    for seed, budget, encoder, adaptation, intermediate in axes:
        yield _Cell(
            budget=budget, encoder=encoder, adaptation=adaptation, intermediate=intermediate,
            seed=seed,
        )  # fmt: skip


def training_card(card: TaskCard, catalogue: Catalogue, corpora: Corpora) -> TaskCard:
    """The card whose English rows a target trains on: its `train_task`'s where those are there."""
    if card.train_task is None:
        return card
    source = catalogue[card.train_task]
    return source if corpora.has(source, "train", "en") else card


def stage_parents(stage: Stage) -> tuple[str, ...]:
    """Keys of the stages whose weights a stage needs."""
    return () if stage.parent is None else (stage.parent,)
