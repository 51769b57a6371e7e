"""What a person or a program sees: results on stdout, everything else on stderr."""

import io
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any


def print_json(value: Any) -> None:
    """One JSON object on stdout, on one line; other letters than ASCII's only if it takes them."""
    takes_all = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not takes_all, allow_nan=False))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, note: str = ""
) -> None:
    """A table on stdout: plain text where stdout is not a terminal, so that it pipes well.

    Args:
        title: Above the table.
        columns: Heads; numbers belong right: start those heads with `>`.
        rows: Cells as text, one sequence a row.
        note: A line below.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    print(title)  # not the table's own title, which is broken at the table's width
    table = Table(box=None, pad_edge=False)
    for head in columns:
        right = head.startswith(">")
        table.add_column(head.removeprefix(">"), justify="right" if right else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    if note:
        console.print(escape(note))


def ready_streams() -> None:
    """Make stdout and stderr take any text: closed ones swallow it, narrow encodings escape it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell, as with >&-
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(line: str) -> None:
    """A line of progress or warning on stderr."""
    print(line, file=sys.stderr, flush=True)


def warn(lines: Sequence[str]) -> None:
    """Warnings on stderr, each on a line of its own."""
    for line in lines:
        say(f"warning: {line}")


def log_to_stderr(*, verbose: bool) -> None:
    """Send the package's log to stderr; only the command line does this."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("metaselect")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)


def points(fraction: float | None) -> str:
    """A fraction as points with a sign, for people: 0.0123 is +1.23."""
    return "–" if fraction is None or fraction != fraction else f"{fraction * 100:+.2f}"


def share(fraction: float | None) -> str:
    """A share as percent, for people."""
    return "–" if fraction is None or fraction != fraction else f"{fraction:.0%}"
