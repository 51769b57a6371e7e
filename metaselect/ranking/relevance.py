"""Gains as LightGBM's objectives take them: grades or scores within each query."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.runs.keys import centred

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Objective = Literal["rank_regression", "lambdarank", "rank_xendcg", "regression"]

HIGHEST = 10
_LEAST_SPREAD = 0.1  # of the usual spread of gains within a query
LABEL_GAIN = [2**grade - 1 for grade in range(HIGHEST + 1)]
"""Worth of each grade, as NDCG has it."""


def labels(
    gains: Floats, groups: Codes, *, objective: Objective, step: float | None
) -> npt.NDArray[np.int64] | Floats:
    """What the trees of an objective learn, shape (n_rows,).

    Args:
        gains: In usual spreads, shape (n_rows,).
        groups: Query of each row as codes from 0, same shape.
        objective: One of `TaskRanker`'s.
        step: Gain worth one grade; None grades by rank.
    """
    if objective == "rank_regression":
        return centred(rank_scores(gains, groups), groups)
    if objective == "regression":
        return centred(gains, groups)
    if step is None:
        return grades_by_rank(gains, groups)
    return grades(gains, groups, step=step)


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


def grades_by_rank(gains: Floats, groups: Codes) -> npt.NDArray[np.int64]:
    """HIGHEST for the best of each query, one less for the next, 0 from place HIGHEST + 1.

    Equal gains share the place of the first of them.

    Source:
        Lin et al. 2019 (LangRank), which trains and measures with the top ten of a query graded.

    Example:
        >>> grades_by_rank(np.array([0.0, 0.02, 0.02, -0.5]), np.array([0, 0, 0, 0])).tolist()
        [8, 10, 10, 7]
    """
    places = _places(gains, groups, ties="min")
    return np.clip(HIGHEST + 1 - places, 0, HIGHEST).astype(np.int64)


def rank_scores(gains: Floats, groups: Codes) -> Floats:
    """-log((place - 1/2) / n): the order of a query's gains as numbers, the top spread out most.

    The scores of a query of some size have mean 1 and standard deviation 1, nearly: they are close
    to Savage's, the expected order statistics of an exponential distribution.

    Args:
        gains: Shape (n_rows,). Equal gains of a query share their mean place.
        groups: Query of each row as codes from 0, same shape.

    Example:
        >>> rank_scores(np.array([0.3, -9.0]), np.array([0, 0])).round(3).tolist()  # log 4, log 4/3
        [1.386, 0.288]
    """
    places = _places(gains, groups, ties="average")
    return np.asarray(-np.log((places - 0.5) / np.bincount(groups)[groups]), dtype=np.float64)


def usual_spread(gains: Floats, groups: Codes) -> float:
    """Median over queries of the standard deviation of gains; 0.0 where nothing varies."""
    squares = np.bincount(groups, weights=centred(gains, groups) ** 2)
    spreads = np.sqrt(squares / np.maximum(np.bincount(groups), 1))
    spreads = spreads[spreads > 0]
    return float(np.median(spreads)) if len(spreads) else 0.0


def _places(gains: Floats, groups: Codes, *, ties: Literal["min", "average"]) -> Floats:
    """Place of each gain in its query, 1 for the best."""
    ranked = pd.Series(-gains).groupby(groups).rank(method=ties)
    return np.asarray(ranked, dtype=np.float64)


def spread_roots(gains: Floats, groups: Codes) -> Floats:
    """Root of each query's spread of gains over the usual one, shape (n_queries,); 1 if unknown.

    A spread below a tenth of the usual one counts as that tenth, so that noise is not blown up.

    Args:
        gains: Shape (n_rows,).
        groups: Query of each row as codes from 0, same shape.
    """
    counts = np.bincount(groups)
    squares = np.bincount(groups, weights=centred(gains, groups) ** 2)
    spreads = np.sqrt(squares / np.maximum(counts - 1, 1))
    varying = spreads[spreads > 0]
    if not len(varying):
        return np.ones(len(counts))
    relative = np.maximum(spreads / np.median(varying), _LEAST_SPREAD)
    return np.where(counts > 1, np.sqrt(relative), 1.0)
