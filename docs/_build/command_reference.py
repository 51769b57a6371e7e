"""A hook of MkDocs: the reference of commands is the program's own help, taken at build time."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import typer

from metaselect.cli import app

PLACE = "<!-- commands -->"
"""Where a page takes the reference."""

_WIDTH = 100


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the help of every command where a page asks for it."""
    return markdown.replace(PLACE, reference()) if PLACE in markdown else markdown


def reference() -> str:
    """The help of the program and of each of its commands, as Markdown."""
    parts = [f"## {words}\n\n```text\n{_help(words)}\n```\n" for words in _commands()]
    return "\n".join(parts)


def _commands() -> Iterator[str]:
    """The words of every command, groups before their members."""
    todo = [("metaselect", typer.main.get_command(app))]
    while todo:
        words, command = todo.pop(0)
        yield words
        members = getattr(command, "commands", {})
        todo = [(f"{words} {name}", member) for name, member in members.items()] + todo


def _help(words: str) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        app([*words.split()[1:], "--help"], prog_name="metaselect", terminal_width=_WIDTH)
    return shown.getvalue().strip()
