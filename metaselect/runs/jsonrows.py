"""Rows of a table as JSON objects and back: lines of JSONL, extra columns in the store."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from metaselect.errors import MetaselectError
from metaselect.runs.faults import Fault, RunsTableError

_CHUNK = 20_000  # rows held as Python objects at a time: a million would take gigabytes


def json_rows(table: pd.DataFrame, *, nulls: bool) -> Iterator[str]:
    """One JSON object a row, floats by shortest repr, in ASCII.

    Args:
        table: Numbers, text, booleans, missing values, lists and dicts; dates become ISO text.
        nulls: Whether missing cells are written as null; else they are left out.

    Raises:
        MetaselectError: A cell that JSON has no word for.
    """
    names = list(table.columns)
    for start in range(0, len(table), _CHUNK):
        part = table.iloc[start : start + _CHUNK]
        cells = [_plain_cells(part[name]) for name in names]
        for row, values in enumerate(zip(*cells, strict=True), start=start + 1):
            pairs = zip(names, values, strict=True)
            record = {name: value for name, value in pairs if nulls or value is not None}
            yield _dumps(record, row)


def table_of_json(lines: Iterable[str | bytes]) -> pd.DataFrame:
    """The table of JSON objects, one a line; a column that a line lacks is missing there.

    Blank lines are skipped. Columns of one kind of number or text get its type; others stay
    Python objects.

    Raises:
        RunsTableError: Lines that are not JSON objects, each with its number.
    """
    parts: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    faults: list[Fault] = []
    memo: dict[Any, Any] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(_parse(line, memo))
        except (ValueError, RecursionError) as error:
            value = f"line {number}: {' '.join(str(error).split())[:150]}"
            faults.append(Fault(number, "", value, "a JSON object on each line"))
        if len(rows) == _CHUNK:
            parts.append(pd.DataFrame(rows, dtype=object))
            rows = []
    if faults:
        raise RunsTableError(faults, hint="")
    parts += [pd.DataFrame(rows, dtype=object)] if rows else []
    return pd.concat(parts, ignore_index=True).infer_objects() if parts else pd.DataFrame()


def _plain_cells(column: "pd.Series[Any]") -> list[Any]:
    """Cells as Python values, None where missing."""
    values = column.astype(object)
    return values.where(column.notna(), None).tolist()


def _dumps(record: dict[str, Any], row: int) -> str:
    try:
        return json.dumps(record, allow_nan=False, default=_worded)
    except (ValueError, TypeError, RecursionError) as error:
        raise MetaselectError(f"Row {row} has no form in JSON: {error}.") from error


def _worded(value: Any) -> Any:
    """JSON's words for what numpy and pandas put into cells."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be written")


def _parse(line: str | bytes, memo: dict[Any, Any]) -> dict[str, Any]:
    """One object, its short texts shared with earlier lines: names repeat in every row."""
    text = line if isinstance(line, str) else line.decode("utf-8-sig")
    record = json.loads(text, object_pairs_hook=_once)
    if not isinstance(record, dict):
        raise ValueError(f"a JSON {type(record).__name__} instead of an object")
    return {
        name: memo.setdefault(value, value) if type(value) is str and len(value) < 100 else value
        for name, value in record.items()
    }


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return record
