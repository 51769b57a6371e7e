"""The time left of a grid: from measured speeds, near the truth after a few unequal stages.

With a dry run's probe the whole time that is told from the third stage's end on is within a factor
of 1.25 of the truth; without, where texts fill anything from a sixth to two thirds of their longest
length, within 2.5, and within 1.35 once a quarter of the stages have ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.defaults import resolve_grid
from metaselect.harness.grid.executors import Finished
from metaselect.harness.grid.forecast import Forecast, kind_of, padded_tokens
from metaselect.harness.grid.plan import GridPlan, plan_grid
from metaselect.harness.grid.progress import Progress
from metaselect.harness.grid.schedule import Schedule
from metaselect.harness.grid.stages import Naming, ScoreStage, Stage, TrainStage
from metaselect.harness.grid.workfolder import WorkFolder
from tests.harness.grids import tiny_config

LENGTHS = {"mnli": 40, "squad": 170, "qqp": 30, "copa": 25, "boolq": 120, "udpos": 20, "cb": 70}
"""Mean tokens of a text by task; those of other tasks are 50."""
N_WORKERS = 2


@pytest.fixture(params=["short stages first", "long stages first"])
def plan(request: pytest.FixtureRequest, encoder_folder: Path, tmp_path: Path) -> GridPlan:
    """Six intermediates of very unequal size, five targets, two seeds: what a study is made of."""
    longest = ["squad", "boolq", "mnli", "qqp", "cb", "copa"]
    is_long = request.param == "long stages first"
    long = {"max_length": 256, "stride": 64, "train_rows": 1500}
    config = tiny_config(
        encoder_folder, tmp_path / "none", seeds=[0, 1],
        intermediates=["direct", *(longest if is_long else reversed(longest))],
        targets=["xquad", "panx", "xnli", "udpos", "tatoeba"][:: 1 if is_long else -1],
        training={"train_rows": 4000, "epochs": 2.0, "batch_examples": 16, "max_length": 128},
        task_training={"squad": long, "xquad": long},
        testing={"rows": 100, "languages": ["en", "sw", "de"], "max_length": 128},
        task_testing={"udpos": {"languages": ["en", "fi", "de", "fr", "ru", "tr", "zh"]}},
    )  # fmt: skip
    catalogue = load_catalogue(None)
    grid = resolve_grid(config, catalogue, base=tmp_path)
    return plan_grid(grid, Naming(Corpora(tmp_path / "none"), catalogue))


def true_seconds(stage: Stage) -> float:
    """What a stage takes: 3 s, and 4,000 tokens a second in training, 13,000 in scoring."""
    if isinstance(stage, ScoreStage):
        length = LENGTHS.get(stage.card.train_task or stage.card.name, 50)
        return 3.0 + (stage.testing.rows or 0) * len(stage.languages) * length / 13_000
    (card,) = stage.cards
    rows = min(card.train_size or 0, stage.recipe.train_rows or 0)
    n_tokens = (stage.recipe.epochs or 0) * rows * LENGTHS.get(card.train_task or card.name, 50)
    return 3.0 + n_tokens * (card.n_choices or 1) / 4_000


@dataclass
class Simulation:
    """A grid carried out on a clock of its own; yields what its progress says after each stage."""

    plan: GridPlan
    work: WorkFolder
    probed_s: dict[str, float]
    now: float = 0.0
    ends: dict[str, float] = field(default_factory=dict)

    def told(self) -> Iterator[tuple[float, float]]:
        """Time and time left as told, at the end of each stage."""
        stages = list(self.plan.stages.values())
        state = Schedule(stages)
        progress = Progress(
            stages, N_WORKERS, self.plan, probed_s=self.probed_s, clock=lambda: self.now
        )
        while state.n_waiting or state.running:
            while len(state.running) < N_WORKERS:
                stage = state.begin(lambda: True)
                if stage is None:
                    break
                progress.begin(stage)
                self.ends[stage.key] = self.now + true_seconds(stage)
            key = min(state.running, key=self.ends.__getitem__)
            stage, took = state.running[key], true_seconds(state.running[key])
            self.now = self.ends[key]
            state.finish(stage)
            if isinstance(stage, TrainStage):
                self.work.write(self.work.stage(key) / "result.json", {"english_dev": None})
            progress.line(stage, Finished(key, None, {}, False, took), [], self.work)
            left = progress.seconds_left(self.work)
            assert left is not None
            yield self.now, left


@pytest.mark.parametrize("probed", [False, True])
def test_the_whole_time_told_after_a_few_stages_is_near_the_truth_and_does_not_jump(
    probed: bool, plan: GridPlan, tmp_path: Path
) -> None:
    # a probe on a busy machine: all stages at half the speed that they will have
    probe = {key: 2 * true_seconds(stage) for key, stage in plan.stages.items()} if probed else {}
    simulation = Simulation(plan, WorkFolder(tmp_path / "work"), probe)
    told = list(simulation.told())
    truth = told[-1][0]
    longest = max(true_seconds(stage) for stage in plan.stages.values())
    shortest = min(true_seconds(stage) for stage in plan.stages.values())
    assert (len(told), longest / shortest > 40) == (len(plan.stages), True)
    ratios = [(now + left) / truth for now, left in told]
    factor = 1.25 if probed else 2.5
    assert all(1 / factor < ratio < factor for ratio in ratios[2:]), ratios
    quarter = len(ratios) // 4
    assert all(1 / 1.35 < ratio < 1.35 for ratio in ratios[quarter:]), ratios
    assert told[-1][1] == pytest.approx(0.0, abs=1e-6)


def two_kinds(plan: GridPlan) -> tuple[TrainStage, TrainStage]:
    """Trainings of mnli and of copa, straight from the encoder."""
    first = {stage.label: stage for stage in plan.stages.values() if isinstance(stage, TrainStage)}
    return first["mnli"], first["copa"]


def test_a_kind_that_was_seen_takes_its_mean_and_others_their_size_at_its_speed(
    plan: GridPlan,
) -> None:
    mnli, copa = two_kinds(plan)
    # 2 epochs of 4,000 rows of up to 128 tokens; of COPA's 400 rows, each with 2 choices
    assert padded_tokens(mnli) == 2 * 4000 * 128
    assert padded_tokens(copa) == 2 * 400 * 128 * 2
    forecast = Forecast([mnli, mnli, copa], {})
    assert forecast.left_s() is None
    forecast.learn(mnli, 102.0)
    # 2 s of each stage are no work: 100 s for 10 times COPA's / 2 choices, so 2 + 100 / 5 = 22
    assert forecast.seconds_of(copa) == pytest.approx(22.0)
    assert forecast.left_s() == pytest.approx(2 * 102.0 + 22.0)
    forecast.end(mnli)
    forecast.learn(mnli, 104.0)
    assert forecast.left_s() == pytest.approx(103.0 + 2 + 101.0 / 5)
    forecast.end(copa)
    assert forecast.left_s() == pytest.approx(103.0)


def test_what_a_stage_under_way_promises_counts_until_one_of_its_kind_has_ended(
    plan: GridPlan,
) -> None:
    mnli, copa = two_kinds(plan)
    forecast = Forecast([mnli, copa, copa], {})
    forecast.expect(copa, 30.0)
    forecast.expect(copa, 20.0)
    assert forecast.seconds_of(copa) == 20.0
    assert forecast.left_s() == pytest.approx(2 * 20.0 + 2 + 18.0 * 5)
    forecast.learn(copa, 10.0)
    forecast.expect(copa, 99.0)
    assert forecast.seconds_of(copa) == 10.0


def test_the_seed_and_the_stage_before_make_no_other_kind(plan: GridPlan) -> None:
    kinds = {kind_of(stage) for stage in plan.stages.values()}
    # trained: 6 intermediates and 4 targets (Tatoeba is not trained); scored: 5 targets
    assert len(kinds) == 6 + 4 + 5
