"""What is wrong with a table of runs: one record a fault, and the error that carries them all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metaselect.errors import MetaselectError
from metaselect.wording import few

_N_SHOWN = 20  # kinds of fault, a screenful; `RunsTableError.faults` has the rest
_VALUE_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One impossible cell, or a fault of the whole table.

    Attributes:
        row: Row of the table, from 1 for the first row of data; None for the whole table.
        column: Column name, or "" for the whole table.
        value: What stands there, as Python shows it, shortened.
        allowed: What may stand there.
    """

    row: int | None
    column: str
    value: str
    allowed: str

    def __str__(self) -> str:
        place = [] if self.row is None else [f"row {self.row}"]
        place += [self.column] if self.column else []
        return f"{', '.join(place) or 'table'}: {self.value}; allowed: {self.allowed}"


class RunsTableError(MetaselectError):
    """A table of runs that is refused; the message shows the first faults and counts the rest.

    Attributes:
        faults: Every fault, the table's own first, then by row.
        hint: What to do about many of them at once, or "".
    """

    def __init__(self, faults: Iterable[Fault], *, hint: str) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.row or 0))
        self.hint = hint
        count = len(self.faults)
        rows = " (row 1 is its first row of data)" if self.faults[-1].row is not None else ""
        head = f"{count:,} fault{'s' if count > 1 else ''} in the runs table{rows}. {hint}"
        lines = [head.strip()]
        alike = _alike(self.faults)
        lines += [f"  {_told(group)}" for group in alike[:_N_SHOWN]]
        if len(alike) > _N_SHOWN:
            lines.append(f"  and {sum(map(len, alike[_N_SHOWN:])):,} more")
        super().__init__("\n".join(lines))


def _alike(faults: Sequence[Fault]) -> list[list[Fault]]:
    """Faults that differ by their row alone, together; in order of the first of each."""
    found: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        found.setdefault((fault.column, fault.value, fault.allowed), []).append(fault)
    return list(found.values())


def _told(alike: Sequence[Fault]) -> str:
    """Equal faults in one line, with their count and their first rows."""
    first = alike[0]
    if len(alike) == 1:
        return str(first)
    rows = few([str(fault.row) for fault in alike])
    column = f", {first.column}" if first.column else ""
    return f"{len(alike):,} rows ({rows}){column}: {first.value}; allowed: {first.allowed}"


def shown(value: object) -> str:
    """A value as Python writes it, printable and short enough for one line."""
    if isinstance(value, str | float | int | bool | None):
        text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    else:
        text = f"{type(value).__name__} {value}"
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _VALUE_WIDTH else text[: _VALUE_WIDTH - 3] + "..."


def cell_faults(
    column: str, rows: Sequence[int], values: Iterable[object], allowed: str
) -> list[Fault]:
    """A fault for each of some cells of one column; `rows` count from 0."""
    return [
        Fault(row + 1, column, shown(value), allowed)
        for row, value in zip(rows, values, strict=True)
    ]
