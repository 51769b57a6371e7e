"""The page of a grid's settings says what the program takes and assumes."""

import json
import re
import tomllib

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.harness.config import GridConfig, TestingPart, TrainingPart, check_config
from tests.docs.pages import DOCS, blocks_of

PAGE = "reference/grid.md"
TABLES = {"training", "intermediate_training", "task_training", "testing", "task_testing"}


def defaults(heading):
    """Default of each setting in the table below a heading, as the page writes it."""
    text = (DOCS / PAGE).read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| (.+?) \| .+ \|$", text, flags=re.MULTILINE)
    return {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}


@pytest.fixture(scope="module")
def example():
    (block,) = [block for block in blocks_of(PAGE) if block.language == "toml"]
    return tomllib.loads(block.text)


def test_the_page_has_every_setting_and_no_other():
    assert set(defaults("The file itself")) == set(GridConfig.model_fields) - TABLES
    assert set(defaults("Training")) == set(TrainingPart.model_fields)
    assert set(defaults("Testing")) == set(TestingPart.model_fields)


def test_the_file_has_the_defaults_of_the_page():
    shown = defaults("The file itself")
    for name, field in GridConfig.model_fields.items():
        if name in TABLES or shown[name] in ("–", "all", "none"):
            continue
        default = field.default
        expected = (
            f"`{json.dumps(default)}`"
            if not isinstance(default, int) or default is False
            else str(default)
        )
        assert shown[name] == expected, name


def test_training_and_testing_have_the_defaults_of_the_page():
    pytest.importorskip("torch")
    from metaselect.harness.defaults import resolve_grid

    plain = {
        "study": "s", "data": "d", "encoders": [{"name": "e", "path": "p"}], "seeds": [0],
        "intermediates": ["direct"], "targets": ["xnli", "xquad", "lareqa_xquad_r"],
    }  # fmt: skip
    grid = resolve_grid(check_config(plain, where="x"), load_catalogue(None), base=DOCS)
    (budget,) = grid.budgets
    for heading, made in (("Training", budget.targets), ("Testing", budget.testing)):
        for name, default in defaults(heading).items():
            if not hasattr(made["xnli"], name) or default in ("all", "none"):
                continue
            value = getattr(made["xnli"], name)
            told = f"`{json.dumps(value)}`" if isinstance(value, str | bool) else str(value)
            if not default.startswith("those"):
                assert default == told, name
    lengths = defaults("Training")["max_length"]
    for task, kind in (
        ("xnli", ""),
        ("xquad", " for extractive QA"),
        ("lareqa_xquad_r", " for answer"),
    ):
        assert f"{budget.targets[task].limits.max_length}{kind}" in lengths


def test_the_example_is_a_grid(example, tmp_path):
    config = check_config(example, where=PAGE)
    assert config.intermediates == ["direct", "mnli", "mnli+squad"]
