"""Data inside the page: JSON that cannot end its script element, and compressed numbers."""

import base64
import gzip
import json
from typing import Any

import numpy as np
import numpy.typing as npt

_LARGEST = 32_767  # of a 16-bit integer


def embedded_json(value: Any) -> str:
    r"""JSON for a script element: `<`, `>` and `&` are escaped, so no text can leave it.

    Example:
        >>> embedded_json({"task": "</script>"})
        '{"task":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def packed_json(value: Any) -> str:
    """JSON, compressed by gzip, in base64."""
    return _packed(json.dumps(value, allow_nan=False, separators=(",", ":")).encode())


def packed_numbers(values: npt.NDArray[np.float64]) -> tuple[str, float]:
    """Numbers as 16-bit multiples of a scale, compressed by gzip, in base64; and the scale.

    They are rounded to 1/32,767 of the largest: for gains below 0.3, to a thousandth of a point.
    """
    scale = max(float(np.abs(values).max(initial=0.0)), 1e-9) / _LARGEST
    return _packed(np.rint(values / scale).astype("<i2").tobytes()), scale


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, compresslevel=9, mtime=0)).decode("ascii")
