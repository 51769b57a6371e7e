"""Command lines as text: which command they name, and whether it has their options."""

import shlex
from collections.abc import Iterator
from typing import Any

import typer

from metaselect.cli import app


def every_command() -> Iterator[tuple[str, Any]]:
    """Words and command of the program itself, each group and each command."""
    root = typer.main.get_command(app)
    yield "metaselect", root
    todo = [("metaselect", root)]
    while todo:
        words, group = todo.pop()
        for name, command in group.commands.items():
            yield f"{words} {name}", command
            if hasattr(command, "commands"):
                todo.append((f"{words} {name}", command))


def check_command_line(line: str) -> str:
    """The words of the command that a line names, whose options and arguments it must take.

    Raises:
        click.UsageError: No such command or option, or one that lacks its value.
    """
    given = shlex.split(line)
    assert given[0] == "metaselect", line
    words, command, rest = "metaselect", typer.main.get_command(app), given[1:]
    while hasattr(command, "commands"):
        context = command.make_context(words, rest, resilient_parsing=True)
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None, line
        words = f"{words} {name}"
    command.parse_args(command.context_class(command, info_name=words), list(rest))
    return words
