"""What the values of one column are: texts, numbers, amounts, or names that tell rows apart."""

import statistics
from collections.abc import Sequence
from typing import Any

from metaselect.catalogue.datafile import Row

_MOST_COUNTS = 20  # whole numbers above which a label is an amount
_APART = 0.9  # share of different values above which a column tells rows apart, as an id does


def values_of(rows: Sequence[Row], column: str) -> list[Any]:
    """A column's values that are there: not None, empty or NaN."""
    found = (row.get(column) for row in rows)
    return [value for value in found if value is not None and value != "" and value == value]


def tells_rows_apart(values: Sequence[Any]) -> bool:
    """Whether hardly any value stands in two rows, as with ids and numbers that count rows.

    Numbers with a fraction do not: amounts seldom repeat.
    """
    if are_numbers(values) and any(value % 1 for value in values):
        return False
    return len({str(value) for value in values}) > _APART * len(values)


def cell_of(row: Row, column: str) -> Any:
    """A column's value; a dot reaches into a nested column; None where there is none."""
    if column in row:
        return row[column]
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether all values are numbers; so are True and False."""
    return all(isinstance(value, int | float) for value in values)


def are_amounts(values: Sequence[Any]) -> bool:
    """Whether a label is a number to be met, not the number of a class."""
    if not are_numbers(values):
        return False
    distinct = set(values)
    whole = all(value == int(value) for value in distinct if abs(value) != float("inf"))
    counted = whole and any(isinstance(value, int) for value in values)
    return len(distinct) > (_MOST_COUNTS if counted else 2)


def median_words(rows: Sequence[Row], name: str) -> float:
    """Words of a column's texts in the median."""
    return statistics.median(len(value.split()) for value in values_of(rows, name))


def all_are(kind: type, values: Sequence[Any]) -> bool:
    """Whether there are values, each of a type."""
    return bool(values) and all(isinstance(value, kind) for value in values)
