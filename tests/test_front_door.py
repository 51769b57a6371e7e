"""What `from metaselect import ...` gives, and that the command line calls the same functions."""

import ast
import tomllib
from pathlib import Path

import pytest

import metaselect
import metaselect.selector
from metaselect.evaluation import ablation, nested
from metaselect.ranking import metrics as ranking_metrics
from metaselect.runs import exchange
from metaselect.selector import selector

CLI = Path(metaselect.__file__).parent / "cli"


def test_the_front_door_opens_on_the_modules_that_define_the_names():
    from metaselect import TaskSelector, ablate, evaluate, metrics, read_runs

    assert TaskSelector is selector.TaskSelector is metaselect.selector.TaskSelector
    assert read_runs is exchange.read_runs
    assert evaluate is nested.evaluate
    assert ablate is ablation.ablate
    assert metrics is ranking_metrics
    assert sorted(metaselect.__all__) == metaselect.__all__
    assert all(hasattr(metaselect, name) for name in metaselect.__all__)


def test_the_version_and_the_citation_are_those_of_the_project():
    root = Path(metaselect.__file__).parents[1]
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert metaselect.__version__ == version
    assert f"\nversion: {version}\n" in (root / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["evaluate", "ablate"])
def test_a_command_calls_the_function_of_its_name(name):
    tree = ast.parse((CLI / f"{name}.py").read_text(encoding="utf-8"))
    imported = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert (getattr(metaselect, name).__module__, name) in imported


@pytest.mark.parametrize("module", [metaselect, metaselect.selector])
def test_a_name_that_is_not_there_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match="has no attribute 'rank_tasks'"):
        module.rank_tasks  # noqa: B018
