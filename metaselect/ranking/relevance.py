"""Gains as LightGBM's ranking objectives take them: whole grades within each query."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

HIGHEST = 10
LABEL_GAIN = [2**grade - 1 for grade in range(HIGHEST + 1)]
"""Worth of each grade, as NDCG has it."""


def grades(gains: Floats, groups: Codes, *, step: float) -> npt.NDArray[np.int64]:
    """Grades 0 to HIGHEST: steps below the best of the query, counted from the bottom.

    The best candidate of each query has the highest grade, so that grades tell candidates near
    the top apart; what is HIGHEST steps or more below the best is not worth telling apart.

    Args:
        gains: Shape (n_rows,).
        groups: Query of each row as codes from 0, same shape.
        step: Gain worth one grade, above 0.

    Example:
        >>> grades(np.array([0.0, 0.02, -0.5]), np.array([0, 0, 0]), step=0.01).tolist()
        [8, 10, 0]
    """
    if step <= 0:
        raise ValueError(f"step must be above 0, got {step=}")
    best = np.full(int(groups.max()) + 1 if len(groups) else 0, -np.inf)
    np.maximum.at(best, groups, gains)
    below = np.rint((best[groups] - gains) / step)
    return (HIGHEST - np.clip(below, 0, HIGHEST)).astype(np.int64)


def centred(values: Floats, groups: Codes) -> Floats:
    """Values minus their query's mean."""
    sums = np.bincount(groups, weights=values)
    means = sums / np.maximum(np.bincount(groups), 1)
    return np.asarray(values - means[groups], dtype=np.float64)


def usual_spread(gains: Floats, groups: Codes) -> float:
    """Median over queries of the standard deviation of gains; 0.0 where nothing varies."""
    squares = np.bincount(groups, weights=centred(gains, groups) ** 2)
    spreads = np.sqrt(squares / np.maximum(np.bincount(groups), 1))
    spreads = spreads[spreads > 0]
    return float(np.median(spreads)) if len(spreads) else 0.0
