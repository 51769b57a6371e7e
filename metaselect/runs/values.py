"""What may stand in a runs table: names of studies, tasks and languages, scores and seeds.

Names are shown to people and stand in files: no control characters, nothing that looks like
another name, and no task name that could be a path. Scores and seeds come out of cells of any
type: text from CSV, numbers from JSON and Parquet.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.language_facts import table_facts
from metaselect.catalogue.languages import shipped_languages
from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS

KnownLanguage = Callable[[str], bool]

MAX_LENGTH: Final = 200
"""Longer names are text that slipped into the wrong column."""

_LANGUAGE = re.compile(  # language, script, region, variants, private parts, in their usual case
    r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?(-([a-z\d]{5,8}|\d[a-z\d]{3}))*"
    r"(-x(-[a-z\d]{1,8})+)?",
    re.ASCII,
)

SEED_LIMIT: Final = 2**63 - 1
"""The highest seed: what a 64-bit column of a database holds."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\+?\d{1,19}(\.0*)?", re.ASCII)


def broken_rule(value: str, *, column: str, known_language: KnownLanguage | None) -> str | None:
    """The rule that a text breaks, or None.

    Args:
        value: Not empty.
        column: Which column of the runs table it stands in.
        known_language: Whether a code names a language; None checks its form alone.

    Example:
        >>> broken_rule("Direct", column="intermediate", known_language=None)
        "a task name, or 'direct' for none (did you mean direct?)"
        >>> broken_rule("nan", column="language", known_language=None) is None
        True
    """
    if column == "source":
        return None if value.isprintable() else "printable characters"
    if not value.isprintable() or value != value.strip() or len(value) > MAX_LENGTH:
        return f"up to {MAX_LENGTH} printable characters with no blanks around them"
    if column == "language":
        return _language_rule(value, known_language)
    if column in ("intermediate", "target"):
        return _task_rule(value, column)
    return None


def _language_rule(value: str, known_language: KnownLanguage | None) -> str | None:
    if not _LANGUAGE.fullmatch(value):
        code = _code_by_name().get(value.lower())
        meant = f" ({code} for {value})" if code else ""
        return f"a BCP-47 or ISO 639 code such as en, nan, no, zh-Hant, pt-BR, nb-x-north{meant}"
    if known_language is not None and not known_language(value):
        return "a code of a known language (`metaselect ls languages`)"
    return None


@cache
def _code_by_name() -> dict[str, str]:
    """Codes by English names in lower case; of languages with one name the best known."""
    rare = {item.name.lower(): code for code, item in shipped_languages().items()}
    known = {row["name"].lower(): code for code, row in table_facts().items() if "name" in row}
    return rare | known


def _task_rule(value: str, column: str) -> str | None:
    if "/" in value or "\\" in value or value.startswith("."):
        return "a task name without path separators or a leading dot"
    reserved = value.lower() in (DIRECT, DIRECT_PLUS)
    if reserved and column == "target":
        return f"a task name, never {value.lower()!r}"
    if reserved and value != value.lower():
        return f"a task name, or {value.lower()!r} for none (did you mean {value.lower()}?)"
    return None


def fractions(cells: pd.Series) -> npt.NDArray[np.float64]:
    """Cells as float64, exactly as written; NaN where a cell is not a finite number.

    Text counts where it is a decimal number; booleans, `1_0` and `inf` do not.
    """
    if _is_plain(cells):
        values = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = np.array([_number(cell) for cell in cells.tolist()], dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def whole_numbers(cells: pd.Series) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Cells as int64, and which of them are whole numbers from 0 to `SEED_LIMIT`; the rest are 0.

    `7.0` counts, since a column with a gap turns whole numbers into floats.
    """
    numbers = [_whole(cell) for cell in cells.tolist()]
    good = np.array([number >= 0 for number in numbers], dtype=bool)
    return np.where(good, np.array([max(number, 0) for number in numbers], dtype=np.int64), 0), good


def _is_plain(cells: pd.Series) -> bool:
    dtype = cells.dtype
    is_number = pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(dtype)
    return bool(is_number)


def _number(cell: object) -> float:
    if isinstance(cell, str):
        return float(cell) if _NUMBER.fullmatch(cell) else np.nan
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | Decimal | np.number):
        return np.nan
    try:
        return float(cell)
    except (OverflowError, ValueError, TypeError):  # 10**400, a signalling NaN, a complex number
        return np.nan


def _whole(cell: object) -> int:
    """The whole number in a cell, or -1."""
    if isinstance(cell, str):
        number = int(cell.split(".")[0]) if _WHOLE.fullmatch(cell) else -1
    elif isinstance(cell, bool | np.bool_):
        number = -1
    elif isinstance(cell, int | np.integer):
        number = int(cell)
    else:
        value = _number(cell)
        number = int(value) if np.isfinite(value) and value == np.floor(value) else -1
    return number if 0 <= number <= SEED_LIMIT else -1
