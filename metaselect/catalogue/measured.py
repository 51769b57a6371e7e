"""What was measured of tasks and languages with an encoder: a table of values, read and looked up.

Each row is one value of one measure, of a task, a pair (intermediate, target), a task in a
language, or a language; columns that a measure is no function of are empty. The measures
themselves are described in `features.measured.records`.
"""

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from metaselect.errors import MetaselectError


@dataclass(frozen=True, slots=True)
class Value:
    """One measured value.

    Attributes:
        measure: Name of the measure.
        encoder: Encoder that measured it, as runs tables name it; "" where none was needed.
        task: The task, or the intermediate of a pair; "" for a language alone.
        target: The other task of a pair, else "".
        language: Code, else "".
        value: The number.
        seconds: What it cost, its share of a pass that gave several values.
    """

    measure: str
    encoder: str
    task: str
    target: str
    language: str
    value: float
    seconds: float


COLUMNS = tuple(item.name for item in fields(Value))
Key = tuple[str, str, str, str]
"""Measure, task, target, language."""


class Measured:
    """Measured values, looked up by what they are of; later rows win over earlier ones."""

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self._values: dict[Key, dict[str, Value]] = defaultdict(dict)
        for item in values:
            key = (item.measure, item.task, item.target, item.language)
            self._values[key][item.encoder] = item

    def __iter__(self) -> Iterator[Value]:
        return (item for by_encoder in self._values.values() for item in by_encoder.values())

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def of(
        self, measure: str, *, encoder: str, task: str = "", target: str = "", language: str = ""
    ) -> float | None:
        """The value that the encoder measured, else the mean of what others did, else None."""
        found: Mapping[str, Value] = self._values.get((measure, task, target, language), {})
        if encoder in found:
            return found[encoder].value
        return sum(item.value for item in found.values()) / len(found) if found else None

    def joined(self, others: Iterable[Value]) -> "Measured":
        """These values with others added, which win."""
        return Measured([*self, *others])

    def filled_from(self, others: Iterable[Value]) -> "Measured":
        """These values, and those of others that are of something nothing here is of."""
        known = set(self._values)
        new = (
            item
            for item in others
            if (item.measure, item.task, item.target, item.language) not in known
        )
        return Measured([*self, *new])


def read_measured(path: Path) -> Measured:
    """Read a table of values from CSV; lines that start with # are remarks.

    Raises:
        MetaselectError: No such file, other columns, or a number that is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MetaselectError(f"Cannot read measured values from {path}: {error}.") from error
    return parse_measured(text, where=str(path))


def parse_measured(text: str, *, where: str) -> Measured:
    """Values of a CSV text; `where` names it in errors.

    Raises:
        MetaselectError: Other columns, or a number that is none.
    """
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    reader = csv.DictReader(lines)
    try:
        names, rows = tuple(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise MetaselectError(f"{where} is no CSV: {error}.") from error
    if names != COLUMNS:
        raise MetaselectError(
            f"{where} is no table of measured values: its columns are to be {','.join(COLUMNS)}. "
            "Make one with metaselect features compute."
        )
    values = []
    for number, row in enumerate(rows, start=2):
        try:
            numbers = (float(row["value"]), float(row["seconds"]))
        except (TypeError, ValueError) as error:
            raise MetaselectError(f"{where}, line {number}: {error}.") from error
        if None in row:
            raise MetaselectError(f"{where}, line {number}: more cells than columns.")
        if not all(map(math.isfinite, numbers)):
            raise MetaselectError(f"{where}, line {number}: value and seconds are finite numbers.")
        texts = {name: row[name] or "" for name in COLUMNS[:5]}
        values.append(Value(**texts, value=numbers[0], seconds=numbers[1]))
    return Measured(values)


def measured_text(values: Iterable[Value]) -> str:
    """The CSV text of values, sorted, so that equal tables are equal files."""
    rows = sorted(values, key=lambda item: astuple(item)[:5])
    lines = [",".join(COLUMNS)]
    for item in rows:
        names = astuple(item)[:5]
        if any(char in name for name in names for char in ',"\n\r#'):
            raise ValueError(f"names hold no commas, quotes or line ends: {names}")
        lines.append(",".join([*names, f"{item.value:.6g}", f"{item.seconds:.3g}"]))
    return "\n".join(lines) + "\n"
