"""Printing: results go to stdout, everything else to stderr."""

import io
import json
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

_MOST_FITTED = 500  # rows: fitting the 8,000 languages to a terminal takes seconds


def print_json(value: Any) -> None:
    """Print one JSON object on one line of stdout; escape non-ASCII unless stdout is UTF-8."""
    takes_all = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not takes_all, allow_nan=False))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, note: str = ""
) -> None:
    """Print a table on stdout; lines are wrapped only on a terminal.

    Args:
        title: Above the table.
        columns: Heads; a head that starts with `>` aligns its column right, for numbers.
        rows: Cells as text, one sequence a row.
        note: A line below.
    """
    print(title)  # not as a part of the table, which would break it at the table's width
    if sys.stdout.isatty() and len(rows) <= _MOST_FITTED:
        _print_fitted(columns, rows)
    else:
        _print_aligned(columns, rows)
    if note:
        print(note)


def _print_fitted(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Fit the columns to the terminal's width; long cells are wrapped."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in columns:
        right = head.startswith(">")
        table.add_column(head.removeprefix(">"), justify="right" if right else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)


def _print_aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print each row on one line, each column as wide as its widest cell."""
    from rich.cells import cell_len

    right = [head.startswith(">") for head in columns]
    lines = [[head.removeprefix(">") for head in columns], *rows]
    lengths = [[cell_len(cell) for cell in line] for line in lines]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    for line, own in zip(lines, lengths, strict=True):
        cells = zip(line, own, widths, right, strict=True)
        padded = [
            " " * (width - length) * at_right + cell + " " * (width - length) * (not at_right)
            for cell, length, width, at_right in cells
        ]
        print("  ".join(padded).rstrip())


def ready_streams() -> None:
    """Make stdout and stderr take any text: drop it if closed, escape what they cannot encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell, as with >&-
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def quiet_stopped_pools() -> None:
    """Print no traceback of a stopped worker pool's own thread; other threads' are printed.

    loky 3.6 forgets the waiting jobs of a pool that is stopped while its queue still names them;
    whether its thread then fails with KeyError is a matter of milliseconds.
    """
    threading.excepthook = _tell_of_thread


def _tell_of_thread(failure: threading.ExceptHookArgs) -> None:
    of_pool = failure.thread is not None and failure.thread.name == "ExecutorManagerThread"
    if not (of_pool and issubclass(failure.exc_type, KeyError)):
        threading.__excepthook__(failure)


def say(line: str) -> None:
    """Print one line of progress on stderr."""
    print(line, file=sys.stderr, flush=True)


def warn(lines: Sequence[str]) -> None:
    """Print each warning on a line of stderr."""
    for line in lines:
        say(f"warning: {line}")
