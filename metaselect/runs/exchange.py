"""Runs tables in files: CSV and JSONL (also gzipped) and Parquet, in and out.

CSV knows text alone, so extra columns come back from it as text; Parquet and JSONL keep types.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Literal, cast

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from metaselect.errors import MetaselectError, first_line
from metaselect.files import replacing
from metaselect.runs.faults import Fault, RunsTableError, shown
from metaselect.runs.jsonrows import json_rows, table_of_json
from metaselect.runs.schema import COLUMNS, check_runs

MAX_TEXT_BYTES: Final = 1 << 30
"""Most bytes of CSV or JSONL, unpacked, that are read: about seven million rows of CSV, which
take about 4 GB of memory."""

MAX_ROWS: Final = 10_000_000
"""Most rows of Parquet that are read."""

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}

_NAMES = tuple(column.name for column in COLUMNS if column.type == "text")
_ALL_NAMES = {column.name for column in COLUMNS}
_CODED = pa.dictionary(pa.int32(), pa.string())  # a name is kept once, not once a row


def read_runs(path: Path | str, *, percent: bool = False) -> pd.DataFrame:
    """Read and check a runs table; nothing of a faulty one is returned.

    Args:
        path: A `.csv`, `.csv.gz`, `.jsonl`, `.jsonl.gz` or `.parquet` file.
        percent: Scores are percent, to be divided by 100. Percent scores without it are refused,
            and fractions with it, so that the default cannot mislead.

    Returns:
        What `check_runs` returns.

    Raises:
        MetaselectError: The file is missing, too large, damaged, or of another kind;
            `RunsTableError` lists every fault of its rows.
    """
    return check_runs(read_table(Path(path)), percent=percent)


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a file as they stand there, unchecked; `nan` and `no` stay text.

    Raises:
        MetaselectError: The file cannot be read.
    """
    read: Callable[[Path], pd.DataFrame] = _by_suffix(path, _READERS)
    if path.is_dir():
        raise MetaselectError(f"{path} is a folder; a file of runs is needed.")
    try:
        return read(path)
    except FileNotFoundError:
        raise MetaselectError(f"There is no file {path}.") from None
    except UnicodeError as error:
        raise MetaselectError(f"{path} is not UTF-8 text ({error}): save it as UTF-8.") from error
    except (OSError, EOFError, zlib.error, pa.ArrowException, csv.Error) as error:
        raise MetaselectError(f"Cannot read {path}: {_reason(error)}.") from error


def write_runs(table: pd.DataFrame, path: Path) -> None:
    """Write a checked table whole or not at all; what `read_runs` reads back is the same.

    Args:
        table: From `check_runs`; floats are written by their shortest exact form.
        path: Its suffix names the format, as in `read_runs`; an existing file is replaced.

    Raises:
        MetaselectError: The file cannot be written, or an extra column does not fit the format.
    """
    write = _by_suffix(path, _WRITERS)
    try:
        with replacing(path) as temp:
            write(table, temp)
    except (OSError, UnicodeError, pa.ArrowException) as error:
        raise MetaselectError(f"Cannot write {path}: {_reason(error)}.") from error


def _by_suffix(path: Path, table: dict[str, Any]) -> Any:
    for suffix, function in table.items():
        if path.name.lower().endswith(suffix):
            return function
    known = ", ".join(table)
    raise MetaselectError(f"{path}: a runs table is one of {known}, by the end of its name.")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return first_line(error)[:200].rstrip(". ")


def _read_csv(path: Path) -> pd.DataFrame:
    data = _text_bytes(path)
    with io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="") as text:
        header: list[str] = next((row for row in csv.reader(text) if row), [])
    if not header:
        raise MetaselectError(f"{path} is empty.")
    for mark, words in _OTHER_SEPARATORS.items():
        if len(header) == 1 and header[0].count(mark) > 1:
            raise MetaselectError(
                f"{path}: its cells are separated by {words}; save it with commas between them "
                "(and points in numbers)."
            )
    ragged: list[Fault] = []
    table = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        read_options=pyarrow.csv.ReadOptions(use_threads=False),  # threads lose the row numbers
        parse_options=pyarrow.csv.ParseOptions(
            newlines_in_values=True, invalid_row_handler=_collector(ragged)
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: _CODED if name in _NAMES else pa.string() for name in header}
        ),
    )
    if ragged:
        raise RunsTableError(ragged, hint="Cells with commas need quotes around them.")
    return table.to_pandas()  # type: ignore[no-any-return]


def _collector(faults: list[Fault]) -> Callable[[Any], str]:
    def note(row: Any) -> str:
        value = f"{row.actual_columns} cells in {shown(row.text)}"
        faults.append(Fault(row.number - 1, "", value, f"{row.expected_columns} cells"))
        return "skip"

    return note


def _read_jsonl(path: Path) -> pd.DataFrame:
    table = table_of_json(io.BytesIO(_text_bytes(path)))
    if not len(table.columns):
        raise MetaselectError(f"{path} is empty.")
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    columns = pyarrow.parquet.read_metadata(path).schema
    there = {columns.column(place).path for place in range(len(columns))}
    coded = [name for name in _NAMES if name in there]  # pyarrow knows no other names
    with pyarrow.parquet.ParquetFile(
        path, read_dictionary=coded, page_checksum_verification=True
    ) as file:
        if file.metadata.num_rows > MAX_ROWS:
            raise MetaselectError(_too_large(path, f"{file.metadata.num_rows:,} rows"))
        table = file.read(use_threads=False)
        # pandas' own notes, which a writer may leave broken, are parsed even where they are ignored
        return table.replace_schema_metadata(None).to_pandas()  # type: ignore[no-any-return]


def _text_bytes(path: Path) -> bytes:
    """The unpacked bytes of a text file, unless there are too many."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise MetaselectError(_too_large(path, f"{path.stat().st_size:,} bytes"))
    with opener(path, "rb") as file:
        data = file.read(MAX_TEXT_BYTES + 1)  # a small .gz can unpack to anything
    if len(data) > MAX_TEXT_BYTES:
        raise MetaselectError(_too_large(path, f"more than {MAX_TEXT_BYTES:,} bytes unpacked"))
    return bytes(data)


def _too_large(path: Path, size: str) -> str:
    return (
        f"{path} has {size}; the limits are {MAX_TEXT_BYTES:,} bytes of text and {MAX_ROWS:,} "
        "rows of Parquet. Split it by study and import the parts one after another."
    )


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with path.open("xb") as file:
        _put_csv(table, file)


def _write_csv_gz(table: pd.DataFrame, path: Path) -> None:
    with _packed(path) as file:
        _put_csv(table, file)


def _put_csv(table: pd.DataFrame, file: IO[bytes]) -> None:
    extras = [table[name].astype(str) for name in table.columns if name not in _ALL_NAMES]
    has_return = any(text.str.contains("\r", regex=False).any() for text in extras)
    # Python's csv before 3.13 leaves a lone carriage return unquoted, and readers end the row there
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL
    table.to_csv(file, index=False, lineterminator="\n", encoding="utf-8", quoting=quoting)


def _write_jsonl(table: pd.DataFrame, path: Path) -> None:
    with path.open("xb") as file:
        file.writelines(f"{line}\n".encode() for line in json_rows(table, nulls=True))


def _write_jsonl_gz(table: pd.DataFrame, path: Path) -> None:
    with _packed(path) as file:
        file.writelines(f"{line}\n".encode() for line in json_rows(table, nulls=True))


@contextmanager
def _packed(path: Path) -> Iterator[IO[bytes]]:
    """A gzip file with neither name nor time inside: the same rows give the same bytes."""
    with path.open("xb") as plain, gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as file:
        yield cast(IO[bytes], file)


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pyarrow.parquet.write_table(arrow, path, compression="zstd", write_page_checksum=True)


_READERS = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".jsonl": _read_jsonl,
    ".jsonl.gz": _read_jsonl,
    ".parquet": _read_parquet,
}
_WRITERS = {
    ".csv": _write_csv,
    ".csv.gz": _write_csv_gz,
    ".jsonl": _write_jsonl,
    ".jsonl.gz": _write_jsonl_gz,
    ".parquet": _write_parquet,
}
