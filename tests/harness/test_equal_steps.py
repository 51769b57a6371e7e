"""The control `direct+`: trained as long as with an intermediate, measured, never a candidate."""

import json
from pathlib import Path

import pytest

from metaselect.errors import MetaselectError
from metaselect.harness.config import GridConfig, check_config
from metaselect.harness.grid.stages import TrainStage
from metaselect.runs.exchange import read_runs
from tests.harness.grids import tiny_config, tiny_grid


@pytest.fixture
def config(encoder_folder: Path, data_folder: Path) -> GridConfig:
    return tiny_config(
        encoder_folder, data_folder, intermediates=["direct", "direct+", "mnli"],
        equal_steps="mnli", targets=["udpos", "xnli", "tatoeba"],
        intermediate_training={"epochs": 2.0, "batch_examples": 8},
    )  # fmt: skip


def test_it_takes_the_steps_of_the_intermediate_and_the_target_together(
    config: GridConfig, tmp_path: Path
) -> None:
    grid = tiny_grid(config, tmp_path / "out")
    lines: list[str] = []
    result = grid.run(lines.append)
    # Tatoeba is not trained, so it cannot be trained longer: 3 x 3 cells but one
    assert (result.planned, result.done) == (8, 8)
    steps = {}
    for key, stage in grid.plan.stages.items():
        if isinstance(stage, TrainStage):
            found = json.loads((grid.shop.work.stage(key) / "result.json").read_text())
            steps[stage.label, stage.cards[0].name, stage.parent is None] = found["n_steps"]
    # mnli has 60 rows: 2 epochs in batches of 8 are 15 steps; a target takes 4
    assert steps["mnli→udpos", "udpos", False] == steps["udpos", "udpos", True] == 4
    assert steps["direct+→udpos", "udpos", True] == 15 + 4
    assert steps["direct+→mnli", "mnli", True] == 15 + 4
    table = read_runs(result.table)
    own = table[table["intermediate"] == "direct+"]
    assert set(own["target"]) == {"udpos", "xnli"}
    assert any(line.split()[1] == "direct+→udpos" and "(" in line for line in lines)


def test_it_changes_no_other_stage(config: GridConfig, tmp_path: Path) -> None:
    without = config.model_copy(update={"intermediates": ["direct", "mnli"], "equal_steps": None})
    wide, narrow = (tiny_grid(one, tmp_path / "out").plan.stages for one in (config, without))
    assert set(narrow) < set(wide)
    assert {wide[key].label.partition("→")[0] for key in set(wide) - set(narrow)} == {"direct+"}


def test_its_name_changes_with_the_steps_that_it_matches(
    config: GridConfig, tmp_path: Path
) -> None:
    longer = config.model_copy(
        update={
            "intermediate_training": config.intermediate_training.model_copy(update={"epochs": 3.0})
        }
    )
    keys = [
        {key for key, stage in tiny_grid(one, tmp_path / "out").plan.stages.items()
         if stage.label == "direct+→udpos"}
        for one in (config, longer)
    ]  # fmt: skip
    assert len(keys[0]) == len(keys[1]) == 1
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"equal_steps": "mnli"}, "belong together"),
        ({"intermediates": ["direct", "direct+", "mnli"]}, "belong together"),
        ({"intermediates": ["direct", "direct+"], "equal_steps": "mnli"}, "is no task of"),
        ({"intermediates": ["direct", "direct+"], "equal_steps": "direct"}, "is no task of"),
        ({"targets": ["direct+"]}, "'direct\\+' is no target"),
    ],
)
def test_settings_that_do_not_belong_together_are_refused(
    changes: dict[str, object], fault: str, encoder_folder: Path, data_folder: Path
) -> None:
    values = tiny_config(encoder_folder, data_folder).model_dump(exclude_unset=True)
    with pytest.raises(MetaselectError, match=fault):
        check_config({**values, **changes}, where="grid.toml")
