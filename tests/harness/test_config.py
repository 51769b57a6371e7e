"""The grid's TOML: every fault at once, defaults by kind of task, tables over tables."""

from pathlib import Path
from typing import Any

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.errors import MetaselectError
from metaselect.harness.config import check_config, override, read_config
from metaselect.harness.defaults import resolve_grid, resolve_machine, told_precision
from metaselect.harness.recipe import Machine, Precision, usual_steps
from metaselect.harness.train.finetune import leg_steps

CATALOGUE = load_catalogue(None)
GRID = """
study = "s"
data = "data"
encoders = [{name = "e", path = "folder"}]
intermediates = ["direct", "mnli", "mnli+squad"]
targets = ["xnli", "xquad"]
seeds = [0, 1]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(text)
    return path


def test_every_fault_of_a_config_is_told_at_once(tmp_path: Path) -> None:
    broken = """
study = 3
encoders = []
intermediates = ["direct"]
targets = ["xnli", "direct"]
seeds = [0, 0]
worker = 2

[training]
steps = 0
learning_rat = 1
"""
    with pytest.raises(MetaselectError) as caught:
        read_config(written(tmp_path, broken))
    file = tmp_path / "grid.toml"
    assert str(caught.value).splitlines() == [
        f"{file}: 7 faults",
        "  study (line 2): a text between quotation marks, not 3",
        "  encoders (line 3): at least 1 entry, not 0",
        "  training.steps (line 10): at least 1, not 0",
        "  training.learning_rat (line 11): no such setting (did you mean learning_rate?)",
        "  worker (line 7): no such setting (did you mean workers?)",
        # what stands between settings is looked at although single settings are wrong
        "  seeds.1 (line 6): 0 is there twice; name it once",
        "  targets.1 (line 5): 'direct' is no target; take it out",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[training]\nsteps = 3\nepochs = 1.0", "give steps or epochs, not both"),
        ("[training]\nbatch_tokens = 9\nbatch_examples = 2", "give batch_tokens or batch_examples"),
        (
            "[task_training.sst2]\nsteps = 3",
            r"task_training.sst2 \(line 8\): no intermediate or target",
        ),
        ("[[budgets]]\nname = ''", "every budget needs a name of its own"),
        ("log_to = ['wandb']", r"log_to.0 \(line 8\): one of tensorboard, mlflow, not 'wandb'"),
        (
            "seeds = [1]",
            "grid.toml is not TOML: at its end, line 8, .*: this name is there already",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    change: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(MetaselectError, match=message):
        read_config(written(tmp_path, GRID + change))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seedz": [0]}, "seedz: no such setting (did you mean seeds?)"),
        (
            {"training": {"train_row": 2}},
            "training.train_row: no such setting (did you mean train_rows?)",
        ),
        (
            {"task_testing": {"xnli": {"row": 3}}},
            "task_testing.xnli.row: no such setting (did you mean rows?)",
        ),
        (
            {"budgets": [{"traning": {}}]},
            "budgets.0.traning: no such setting (did you mean training?)",
        ),
        ({"testing": {"zzz": 1}}, "testing.zzz: no such setting (there are max_length"),
        (
            {"encoders": ["x"]},
            'encoders.0: write { name = "...", path = "a folder, a URL or a hub id" }',
        ),
        ({"training": 5}, "training: a table of settings, [training], not 5"),
    ],
)
def test_a_setting_that_there_is_not_is_told_with_the_nearest(
    changes: dict[str, object], told: str
) -> None:
    grid = {
        "study": "s", "data": "d", "encoders": [{"name": "a", "path": "b"}],
        "intermediates": ["direct"], "targets": ["xnli"], "seeds": [0],
    }  # fmt: skip
    with pytest.raises(MetaselectError) as refused:
        check_config({**grid, **changes}, where="grid.toml")
    assert told in str(refused.value)


def test_a_name_twice_or_direct_as_a_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetaselectError, match=r"seeds.1 \(line 7\): 0 is there twice"):
        read_config(written(tmp_path, GRID.replace("[0, 1]", "[0, 0]")))
    with pytest.raises(MetaselectError, match="'direct' is no target"):
        read_config(written(tmp_path, GRID.replace('"xnli"', '"direct"')))


def test_lengths_follow_the_kind_of_task_and_narrow_tables_win(tmp_path: Path) -> None:
    text = (
        GRID
        + """
[training]
steps = 50
batch_tokens = 1024
[intermediate_training]
epochs = 2.0
[task_training.xquad]
max_length = 200
[testing]
rows = 30
[task_testing.xnli]
languages = ["sw", "th"]
"""
    )
    grid = resolve_grid(read_config(written(tmp_path, text)), CATALOGUE, base=tmp_path)
    (budget,) = grid.budgets
    assert budget.study == "s"
    xnli, xquad = budget.targets["xnli"], budget.targets["xquad"]
    assert (xnli.limits.max_length, xquad.limits.max_length) == (128, 200)
    assert (xnli.steps, xnli.epochs) == (50, None)
    assert (xnli.batch_tokens, xnli.batch_examples) == (1024, None)
    mnli, several = budget.intermediates["mnli"], budget.intermediates["mnli+squad"]
    assert (mnli.steps, mnli.epochs) == (None, 2.0)
    assert several.limits.max_length == 384  # the longest of its tasks
    assert budget.testing["xnli"].languages == ("sw", "th")
    assert budget.testing["xquad"].languages is None
    assert budget.testing["xquad"].rows == 30


def test_budgets_are_studies_of_their_own_over_the_common_tables(tmp_path: Path) -> None:
    text = (
        GRID
        + """
[training]
steps = 50
train_rows = 10
[[budgets]]
name = "small"
[[budgets]]
name = "large"
training = {train_rows = 1000}
"""
    )
    grid = resolve_grid(read_config(written(tmp_path, text)), CATALOGUE, base=tmp_path)
    assert [budget.study for budget in grid.budgets] == ["s/small", "s/large"]
    assert [budget.targets["xnli"].train_rows for budget in grid.budgets] == [10, 1000]
    assert [budget.targets["xnli"].steps for budget in grid.budgets] == [50, 50]


def test_the_command_line_says_where_data_and_encoders_are(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, GRID))
    (tmp_path / "mine").mkdir()
    changed = override(config, data="hub", encoders=[str(tmp_path / "mine")])
    assert changed.data == "hub"
    assert changed.encoders[0].path == str(tmp_path / "mine")
    assert override(config, data=None, encoders=["e=org/model"]).encoders[0].path == "org/model"
    with pytest.raises(MetaselectError, match="say NAME=PATH with one of \\['e'\\]"):
        override(config, data=None, encoders=["x=org/model"])


def test_a_machine_is_named_or_found(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, GRID))
    assert resolve_machine(config).device in ("cpu", "cuda")
    named = read_config(written(tmp_path, GRID + 'device = "cuda:1"'))
    assert resolve_machine(named).device == "cuda:1"


def test_cells_restrict_the_cross(tmp_path: Path) -> None:
    text = GRID + 'cells = [["direct", "xnli"], ["mnli", "xquad"]]'
    grid = resolve_grid(read_config(written(tmp_path, text)), CATALOGUE, base=tmp_path)
    assert grid.cells == (("direct", "xnli"), ("mnli", "xquad"))
    assert grid.targets_of("mnli") == ("xquad",)
    assert grid.targets_of("mnli+squad") == ()
    whole = resolve_grid(read_config(written(tmp_path, GRID)), CATALOGUE, base=tmp_path)
    assert whole.cells is None
    assert whole.targets_of("mnli") == ("xnli", "xquad")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ('[["mnli", "xnli"], ["mnli", "xnli"]]', "cells.1 .*: .* is there twice"),
        ('[["mnli", "udpos"]]', r"cells.0 \(line 8\): \['mnli', 'udpos'\] is outside of"),
        ('[["xnli", "mnli"]]', "cells.0 .*: .* is outside of"),
        ('[["mnli"]]', r"cells.0 \(line 8\): at least 2 entries, not 1"),
        ("[]", r"cells \(line 8\): at least 1 entry, not 0"),
    ],
)
def test_cells_that_are_no_cells_of_the_grid_are_refused(
    cells: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(MetaselectError, match=message):
        read_config(written(tmp_path, f"{GRID}cells = {cells}"))


def test_the_second_study_has_thirty_one_clusters_and_scores_no_english() -> None:
    config = read_config(Path(__file__).parents[2] / "experiments" / "study-2.toml")
    group = {name: name for name in CATALOGUE}
    for name, card in CATALOGUE.items():
        for other in (*card.same_source, *filter(None, [card.train_task])):
            old, new = group[other], group[name]
            group = {task: new if place == old else place for task, place in group.items()}
    assert len({group[name] for name in config.targets}) == 31
    languages = {name: config.task_testing[name].languages or [] for name in config.targets}
    for name, codes in languages.items():
        assert 4 <= len(codes) <= 10
        assert set(codes) <= set(CATALOGUE[name].languages) - {"en"}
    assert len({code for codes in languages.values() for code in codes}) == 74


@pytest.mark.parametrize(
    ("device", "precision", "unit", "told"),
    [
        ("cpu", "bfloat16", "AMX", "bfloat16 (AMX)"),
        ("cpu", "bfloat16", "AVX-512", "bfloat16 (AVX-512)"),
        ("cpu", "bfloat16", None, "bfloat16 (slow: the processor has no bfloat16 unit)"),
        ("cpu", "float32", None, "float32: the processor has no bfloat16 unit"),
        ("cpu", "float32", "AMX",
         'float32, as asked; precision = "auto" takes bfloat16 (AMX) here'),
        ("cuda", "bfloat16", "AMX", "bfloat16 (GPU)"),
    ],
)  # fmt: skip
def test_a_grid_says_which_precision_it_takes_and_why(
    device: str, precision: Precision, unit: str | None, told: str
) -> None:
    machine = Machine(
        device=device, threads=1, inference_tokens=64, compile=False, precision=precision
    )
    assert told_precision(machine, unit) == told


def test_the_usual_steps_are_those_of_a_grid_that_does_not_say(tmp_path: Path) -> None:
    grid = resolve_grid(read_config(written(tmp_path, GRID)), CATALOGUE, base=tmp_path)
    recipe = grid.budgets[0].targets["xnli"]
    rows: Any = range(152)  # of a task's rows their number alone counts
    assert usual_steps(152) == sum(leg_steps([rows], recipe)) == 14
