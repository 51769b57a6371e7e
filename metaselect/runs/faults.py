"""What is wrong with a table of runs: one record a fault, and the error that carries them all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metaselect.errors import MetaselectError

_N_SHOWN = 20  # a screenful; `RunsTableError.faults` has the rest
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
        lines = [f"{count:,} fault{'s' if count > 1 else ''} in the runs table. {hint}".strip()]
        lines += [f"  {fault}" for fault in self.faults[:_N_SHOWN]]
        if count > _N_SHOWN:
            lines.append(f"  and {count - _N_SHOWN:,} more")
        super().__init__("\n".join(lines))


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
