"""Rounding, so that every processor makes the same records.

Processors and their libraries add in different orders, and the last digits of a sum differ. What
is compared for order or for ties is rounded before it is compared, and numbers in records are
rounded when they are made.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Record = TypeVar("Record", bound=Mapping[str, object])

PLACES = 12
"""Decimals of gains and of differences before they are compared; scores have four or five."""

_SCORE_PLACES = 10
_DIGITS = 6
_RECORD_PLACES = 9


def comparable(scores: Floats) -> Floats:
    """Scores in which those are equal that differ by rounding alone; the order is the same.

    Args:
        scores: Of candidates, any shape; may hold infinities.

    Returns:
        Scores over the largest finite magnitude, with ten decimals.

    Example:
        >>> comparable(np.array([0.1 + 0.2, 0.3, 3.0])).tolist()
        [0.1, 0.1, 1.0]
    """
    sizes = np.abs(scores[np.isfinite(scores)])
    largest = sizes.max(initial=0.0) or 1.0
    return np.asarray(np.round(scores / largest, _SCORE_PLACES))


def rounded_record(record: Record) -> Record:
    """A record with its floats to six significant digits and at most nine decimals.

    Example:
        >>> rounded_record({"regret@1": 0.0471857312710073, "rest": [4.3e-21, 12, None]})
        {'regret@1': 0.0471857, 'rest': [0.0, 12, None]}
    """
    return cast(Record, {key: _rounded(value) for key, value in record.items()})


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return rounded_record(value)
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float) and math.isfinite(value):
        return round(float(f"{value:.{_DIGITS - 1}e}"), _RECORD_PLACES) + 0.0  # -0.0 is 0.0
    return value
