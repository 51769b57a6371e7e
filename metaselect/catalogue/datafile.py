"""Rows of a user's own training file: found in a folder, read, every fault in one line."""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from metaselect.catalogue.languages import find_language
from metaselect.errors import MetaselectError

Row = dict[str, Any]

SUFFIXES = (".jsonl.gz", ".jsonl", ".csv", ".tsv", ".parquet")
N_READ = 20_000  # rows, evenly spaced: kinds and labels show in far fewer
_LONGEST_CELL = 1 << 27  # characters; the csv module's own limit is 131,072
_ONE_A_LINE = 'One JSON object a line is needed, such as {"text": "...", "label": "..."}.'
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d*)?([eE][+-]?\d{1,2})?")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of training rows.

    Attributes:
        path: The file.
        name: What its user calls it: the folder of `train.csv`, else the file's own name.
        rows: Up to `N_READ` of its rows, evenly spaced, by column.
        n_rows: Rows of the whole file.
        unread: Other `train` files of its folder, where a folder was named.
    """

    path: Path
    name: str
    rows: Sequence[Row]
    n_rows: int
    unread: tuple[Path, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in the order of the first row that has them."""
        return list(dict.fromkeys(name for row in self.rows for name in row))


def read_data_file(place: Path) -> DataFile:
    """Read training rows from a file, or from `train.*` in a folder.

    Raises:
        MetaselectError: Nothing there, no rows, or a file that cannot be read.
    """
    path, *unread = _found(place)
    try:
        rows, n_rows = _from_parquet(path) if path.suffix == ".parquet" else _from_text(path)
    except UnicodeDecodeError as error:
        raise MetaselectError(f"{path} is not UTF-8 text: save it as UTF-8.") from error
    except (OSError, EOFError, zlib.error) as error:
        more = " Pack it again, or give it unpacked." if path.suffix == ".gz" else ""
        why = str(error).rstrip(".")
        raise MetaselectError(f"{path} cannot be read: {why}.{more}") from error
    if not rows:
        raise MetaselectError(f"{path} has no rows. {_what_to_put(path)}")
    return DataFile(path, _name_of(path), rows, n_rows, tuple(unread))


def stem_of(path: Path) -> str:
    """A file's name without the suffixes that are known here."""
    return next((path.name.removesuffix(end) for end in SUFFIXES if path.name.endswith(end)), "")


def _found(place: Path) -> list[Path]:
    """The file to read, and after it the `train` files of a folder that are not."""
    known = ", ".join(reversed(SUFFIXES))
    if not place.exists():
        raise MetaselectError(f"There is no file or folder {place}.")
    if not place.is_dir():
        if not stem_of(place):
            raise MetaselectError(f"{place} is no data file: its name must end in {known}.")
        code = stem_of(place).removeprefix("test.")
        if code != stem_of(place) and find_language(code):
            raise MetaselectError(
                f"{place} is test data in {code} by its name, and English training rows are "
                "needed: give their folder or file."
            )
        return [place]
    trains = [place / f"train{suffix}" for suffix in SUFFIXES]
    if there := [path for path in trains if path.is_file()]:
        return there
    if not any(place.iterdir()):
        beside = ", ".join((".jsonl.gz", ".csv", ".tsv", ".parquet"))
        raise MetaselectError(f"The folder {place}/ is empty. Put train.jsonl (or {beside}) in it.")
    others = sorted(path.name for path in place.iterdir() if stem_of(path) and path.is_file())
    hint = f" Or name a file: --data {place / others[0]}" if others else ""
    raise MetaselectError(f"{place} has no train file: train with one of {known} is read.{hint}")


def _what_to_put(path: Path) -> str:
    """What a file without rows should hold."""
    if ".jsonl" in path.suffixes[-2:]:
        return _ONE_A_LINE
    if path.suffix == ".parquet":
        return "Columns of texts and one of labels are needed, such as text and label, with rows."
    head = "a tab between them" if path.suffix == ".tsv" else "such as text,label"
    return f"A first line that names the columns, {head}, and under it a line a row are needed."


def _name_of(path: Path) -> str:
    return path.resolve().parent.name if stem_of(path) == "train" else stem_of(path)


def _from_parquet(path: Path) -> tuple[list[Row], int]:
    import pyarrow
    from pyarrow import parquet

    try:
        rows: list[Row] = []
        place = 0
        file = parquet.ParquetFile(path)
        n_rows = file.metadata.num_rows
        step = max(1, -(-n_rows // N_READ))
        for batch in file.iter_batches(batch_size=N_READ):
            kept = pyarrow.array(range(-place % step, len(batch), step), pyarrow.int64())
            rows += batch.take(kept).to_pylist()
            place += len(batch)
    except pyarrow.ArrowException as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise MetaselectError(
            f"{path} is not Parquet: {why}. Write it again, or give CSV or JSON lines."
        ) from error
    return rows, n_rows


def _from_text(path: Path) -> tuple[list[Row], int]:
    numbered = _json_rows if ".jsonl" in path.suffixes[-2:] else _table_rows
    with _opened(path) as file:
        n_rows = sum(1 for _ in numbered(file, path, step=0))
    step = max(1, -(-n_rows // N_READ))
    with _opened(path) as file:
        rows = [row for row in numbered(file, path, step=step) if row is not None]
    return (rows if numbered is _json_rows else _with_numbers(rows)), n_rows


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig", newline="")


def _json_rows(file: TextIO, path: Path, *, step: int) -> Iterator[Row | None]:
    """Every `step`th row; None for the others, and for all where `step` is 0."""
    place = 0
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        wanted = step and place % step == 0
        place += 1
        if not wanted:
            yield None
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = "it begins a list" if line.lstrip().startswith("[") else _json_fault(error)
            raise MetaselectError(
                f"{path}, line {number} is not JSON: {why}. {_ONE_A_LINE}"
            ) from error
        if not isinstance(row, dict):
            what = "a list" if isinstance(row, list) else "no object"
            raise MetaselectError(f"{path}, line {number} is {what}. {_ONE_A_LINE}")
        yield row


def _json_fault(error: ValueError | RecursionError) -> str:
    """What is wrong with a line of JSON, and where in it."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}"
    return str(error)


def _table_rows(file: TextIO, path: Path, *, step: int) -> Iterator[Row | None]:
    """The same of a table whose first line names its columns."""
    head = file.readline()
    tabs = path.suffix == ".tsv"  # as GLUE has it, where a quotation mark is text
    delimiter = "\t" if tabs else max(",;\t", key=lambda mark: (head.count(mark), mark == ","))
    quoting: Literal[0, 3] = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
    before = csv.field_size_limit(_LONGEST_CELL)  # the whole process's
    try:
        names: list[str] = next(csv.reader([head], delimiter=delimiter, quoting=quoting), [])
        if head and not names:
            raise MetaselectError(
                f"{path}: its first line is empty, and should name the columns: take it out."
            )
        lines = csv.reader(file, delimiter=delimiter, quoting=quoting)
        place = 0
        for cells in lines:
            if not cells:
                continue
            wanted = step and place % step == 0
            place += 1
            if wanted and len(cells) != len(names):
                raise MetaselectError(
                    f"{path}, line {lines.line_num + 1} has {len(cells)} cells; the first line "
                    f"names {len(names)} columns."
                )
            yield dict(zip(names, cells, strict=True)) if wanted else None
    except csv.Error as error:
        raise MetaselectError(f"{path} is no table: {error}.") from error
    finally:
        csv.field_size_limit(before)


def _with_numbers(rows: list[Row]) -> list[Row]:
    """Columns whose every filled cell is a number, as numbers."""
    for name in rows[0] if rows else ():
        cells = [row[name] for row in rows if row[name]]
        if cells and all(_NUMBER.fullmatch(cell) for cell in cells):
            kind = int if all(cell.lstrip("+-").isdigit() for cell in cells) else float
            for row in rows:
                row[name] = kind(row[name]) if row[name] else None
    return rows
