"""Pages of the documentation as blocks, and how a test carries them out.

A comment on the line before a block says what it is:

    <!-- given: mine.csv, my-predictor -->   what the tutorial made is there before it runs
    <!-- file: grid.toml -->                 the block is that file
    <!-- parsed only: why -->                it needs what a test has not: its words are checked
"""

import ast
import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from metaselect.harness.config import read_config
from tests.cli.command_lines import check_command_line
from tests.cli.conftest import call_main

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>given|file|parsed only): (?P<what>[^\n]*) -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language and text, and what the comment before it says."""

    page: str
    language: str
    text: str
    mark: str | None
    what: str

    @property
    def runs(self) -> bool:
        """Whether a test carries it out."""
        return self.language in ("bash", "python") and self.mark != "parsed only"


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [
        Block(page, match["language"], match["text"], match["mark"], match["what"] or "")
        for match in _BLOCK.finditer(text)
    ]
    assert len(found) == text.count("\n```") // 2, f"{page}: a block or its mark is malformed"
    return found


def run_page(page: str, folder: Path, *, made: Path | None) -> str:
    """Carry out a page's blocks in a folder, in order; what they printed.

    Args:
        page: Path below `docs`.
        folder: Empty; the blocks run in it.
        made: Folder in which the tutorial ran; None for the tutorial itself.
    """
    shown, names = [], {"__name__": "page"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("OMP_NUM_THREADS", "1")
        for block in blocks_of(page):
            if block.mark == "file":
                _write_file(block, folder)
            elif block.mark == "parsed only":
                _check_words(block)
            elif block.language == "bash":
                _give(block, folder, made)
                shown += [_run_line(line, patch) for line in _lines(block.text)]
            elif block.language == "python":
                _give(block, folder, made)
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(compile(block.text, page, "exec"), names)
                shown.append(printed.getvalue())
    return "\n".join(shown)


def _lines(text: str) -> list[str]:
    """Commands, with continued lines joined, without comments."""
    joined = text.replace("\\\n", " ").splitlines()
    return [line for line in joined if line.strip() and not line.startswith("#")]


def _run_line(line: str, patch: pytest.MonkeyPatch) -> str:
    if line.startswith("export "):
        name, _, value = line.removeprefix("export ").partition("=")
        patch.setenv(name, value)
        return ""
    assert line.startswith("metaselect "), f"a test runs metaselect alone, not: {line}"
    done = call_main(*shlex.split(line)[1:])
    assert done.code == 0, (line, done)
    return done.out


def _check_words(block: Block) -> None:
    """A block that is not run: its Python is Python, its commands take their options."""
    if block.language == "python":
        ast.parse(block.text)
        return
    assert block.language == "bash", block
    subprocess.run(["bash", "-n", "-c", block.text], check=True)
    for line in _lines(block.text):
        command = line.removeprefix("exec ")
        if command.startswith("metaselect "):
            check_command_line(command)


def _write_file(block: Block, folder: Path) -> None:
    path = folder / block.what
    path.parent.mkdir(exist_ok=True)
    path.write_text(block.text, encoding="utf-8")
    if block.what.startswith("grid"):
        read_config(path)


def _give(block: Block, folder: Path, made: Path | None) -> None:
    """Put what the tutorial made beside a block that says so."""
    names = block.what.split(", ") if block.mark == "given" else []
    assert not names or made is not None, "the tutorial makes what it needs"
    for name in names:
        if (folder / name).exists() or made is None:
            continue
        if name == "percent.csv":
            table = pd.read_csv(made / "mine.csv")
            table.assign(score=table["score"] * 100).to_csv(folder / name, index=False)
        elif (made / name).is_dir():
            shutil.copytree(made / name, folder / name)
        else:
            shutil.copy(made / name, os.fspath(folder / name))
