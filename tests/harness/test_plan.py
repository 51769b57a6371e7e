"""The order of a grid's stages: parents first; depth first, or target by target."""

from itertools import groupby
from pathlib import Path

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.defaults import resolve_grid
from metaselect.harness.grid.plan import WHOLE, GridPlan, Part, plan_grid, stage_parents
from metaselect.harness.grid.stages import Naming, ScoreStage, TrainStage
from tests.harness.grids import tiny_config

AXES = {"intermediates": ["direct", "mnli", "qqp"], "targets": ["xnli", "udpos", "pawsx"]}


def planned(encoder: Path, freeze_layers: int, part: Part = WHOLE) -> GridPlan:
    config = tiny_config(
        encoder, encoder / "none", seeds=[0, 1], training={"freeze_layers": freeze_layers},
        testing={"languages": ["sw"]}, **AXES,
    )  # fmt: skip
    catalogue = load_catalogue(None)
    grid = resolve_grid(config, catalogue, base=encoder)
    plan = plan_grid(grid, Naming(Corpora(encoder / "none"), catalogue), part)
    made: set[str] = set()
    for key, stage in plan.stages.items():
        assert made.issuperset(stage_parents(stage))
        made.add(key)
    return plan


def test_stages_come_depth_first(encoder_folder: Path) -> None:
    stages = list(planned(encoder_folder, 0).stages.values())
    scored = [stage.card.name for stage in stages if isinstance(stage, ScoreStage)]
    assert scored == AXES["targets"] * 6  # intermediates x seeds, each with all of its targets


def test_with_frozen_layers_stages_come_target_by_target(encoder_folder: Path) -> None:
    stages = list(planned(encoder_folder, 1).stages.values())
    scored = [stage.card.name for stage in stages if isinstance(stage, ScoreStage)]
    assert [name for name, _ in groupby(scored)] == AXES["targets"]
    first = [stage.cards[0].name for stage in stages[:4] if isinstance(stage, TrainStage)]
    assert first == ["mnli", "qqp", "mnli", "qqp"]  # two seeds


def test_a_part_of_it_is_made_in_the_order_of_the_targets_that_are_asked_for(
    encoder_folder: Path,
) -> None:
    plan = planned(encoder_folder, 1, Part(targets=["pawsx", "xnli"]))
    scored = [
        stage.card.name
        for key, stage in plan.stages.items()
        if isinstance(stage, ScoreStage) and plan.is_now(key)
    ]
    assert [name for name, _ in groupby(scored)] == ["pawsx", "xnli"]
    assert {run.score_key for run in plan.runs} == {
        run.score_key for run in planned(encoder_folder, 1).runs
    }


def test_a_part_has_its_runs_and_what_they_build_on(encoder_folder: Path) -> None:
    whole = planned(encoder_folder, 0)
    part = whole.only(Part(intermediates=["mnli"], targets=["udpos", "pawsx"], seeds=[1]))
    assert [(run.intermediate, run.target, run.seed) for run in part.runs_now] == [
        ("mnli", "udpos", 1), ("mnli", "pawsx", 1)
    ]  # fmt: skip
    assert (part.n_trainings, part.n_scorings) == (3, 2)  # the intermediate, and each target
    assert (part.runs, part.stages) == (whole.runs, whole.stages)
    assert whole.only(WHOLE) is whole
    with pytest.raises(MetaselectError, match="no run of these"):
        whole.only(Part(targets=["panx"]))
