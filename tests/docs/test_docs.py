"""Every command and snippet of the documentation runs, and the pages build."""

import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, blocks_of, run_page

TUTORIAL = "tutorial.md"
ROOT = DOCS.parent
PLUGINS = ("mkdocs", "material", "mkdocstrings", "mkdocstrings_handlers")


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory):
    """The folder that the tutorial ran in, and what it printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    return folder, run_page(TUTORIAL, folder, made=None)


def test_the_readme_shows_what_rank_prints():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command, *shown = re.search(r"```console\n\$ (.+?)```", text, re.DOTALL)[1].splitlines()
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], capture_output=True, text=True, timeout=300,
        env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip
    assert done.stdout.splitlines() == shown


def test_the_walk_meets_the_pages_and_their_blocks():
    found = [block for page in PAGES for block in blocks_of(page)]
    assert len(PAGES) >= 18
    assert sum(block.runs for block in found) >= 20
    assert all(block.language in ("bash", "python", "toml", "text", "console") for block in found)


def test_the_tutorial_makes_what_it_says(tutorial):
    folder, shown = tutorial
    assert {path.name for path in folder.iterdir()} >= {
        *("mine.csv", "my-predictor", "evaluation", "report")
    }
    assert (folder / "report" / "index.html").is_file()
    assert "ranker - random" in shown
    assert "xnli in sw, ta, qu (worst over languages)" in shown
    assert re.search(r"^ *intermediate +gain +true_gain$", shown, re.MULTILINE)
    # MNLI: 0.010 * (log10(393,000) - 4) + 0.008 * -0.1 * (0.5 + 0.7) + 0.020
    assert re.search(r"^ *mnli +-?0\.\d+ +0\.035$", shown, re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if page != TUTORIAL])
def test_a_page_runs_from_its_first_block_to_its_last(page, tutorial, tmp_path):
    run_page(page, tmp_path, made=tutorial[0])


def test_the_tour_is_as_short_as_it_says():
    blocks = [block.text.splitlines() for block in blocks_of("tour.md")]
    counted = [len([line for line in lines if line.strip()]) for lines in blocks[:2]]
    assert counted[0] <= 15
    assert counted[1] <= 3


def test_every_name_of_the_python_reference_is_there():
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    names = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert len(names) >= 8
    assert all(pkgutil.resolve_name(name) for name in names)


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w/-]+\.md", text))
    assert listed <= set(PAGES)
    assert set(PAGES) - listed == set()


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, PLUGINS)), reason="needs metaselect[docs]: mkdocs"
)
def test_the_pages_build_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    commands = Path(tmp_path, "reference", "commands", "index.html").read_text(encoding="utf-8")
    assert "metaselect runs import" in commands
    assert "--objective" in commands
    python = Path(tmp_path, "reference", "python", "index.html").read_text(encoding="utf-8")
    assert "TaskSelector" in python
    assert "push_to_hub" in python
    pages = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")]
    assert len(pages) >= len(PAGES)
    assert not any("fonts.googleapis" in page for page in pages)
