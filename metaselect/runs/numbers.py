"""Scores and seeds out of cells of any type: text from CSV, numbers from JSON and Parquet."""

import re
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

SEED_LIMIT: Final = 2**63 - 1
"""The highest seed: what a 64-bit column of a database holds."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\+?\d{1,19}(\.0*)?", re.ASCII)


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
