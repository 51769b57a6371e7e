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


def packed_numbers(values: npt.NDArray[np.float64], *, step: float) -> tuple[str, float]:
    """Numbers as 16-bit multiples of a step, all low bytes before all high ones.

    Args:
        values: Finite, any shape, taken in C order.
        step: What they are rounded to, unless the largest needs a larger one to fit.

    Returns:
        The bytes, compressed by gzip, in base64; and the step.
    """
    scale = max(float(np.abs(values).max(initial=0.0)) / _LARGEST, step)
    whole = np.rint(values / scale).astype("<i2").ravel()
    return _packed(whole.view(np.uint8).reshape(-1, 2).T.tobytes()), scale


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, compresslevel=9, mtime=0)).decode("ascii")
