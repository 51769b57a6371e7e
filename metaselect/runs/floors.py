"""Runs at the floor: scores that a constant answer gets, which say nothing of a transfer."""

from typing import Any, Final

import numpy as np
import pandas as pd

MAJORITY: Final = "majority_score"
"""Extra column: score of the best constant answer on the very rows that were scored."""

COLLAPSED: Final = "collapsed"
"""Extra column: whether all predictions in the language were one answer."""

LEAST_EQUAL: Final = 3
"""Languages of one run whose scores must be the very same to count as one constant answer's."""

_MODEL = ["study", "encoder", "adaptation", "intermediate", "target", "seed"]
_ROUNDING = 1e-6  # tables keep six decimals
_TRUE = ("true", "1", "1.0", "yes")


def at_floor(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Whether each row's score is that of a constant answer.

    A row that has `collapsed` or `majority_score` is judged by them alone: it is at the floor where
    the run collapsed, or where the score is the best constant answer's, to six decimals. A row with
    neither is judged by its neighbours: a constant answer has the same score on all languages of a
    parallel test set, so a row is at the floor where more than half of its run's languages, and at
    least three, have the very same score. That finds nothing in runs of one or two languages, and
    nothing where the test sets' class shares differ by language.

    Args:
        runs: A table from `check_runs`; extra columns count as CSV, JSON or Parquet gave them
            (`"True"`, `true`, an empty cell). Rows in any order.

    Returns:
        One value a row, with the table's index.
    """
    collapsed, knows_collapse = _flags(runs)
    majority = _numbers(runs)
    score = runs["score"].to_numpy(dtype=np.float64)
    is_majority = np.abs(score - majority) <= _ROUNDING  # False where there is no majority score
    known = knows_collapse | ~np.isnan(majority)
    found = np.where(known, collapsed | is_majority, _equal_scores(runs))
    return pd.Series(found, index=runs.index, dtype=bool)


def _flags(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Whether each run collapsed, and whether its row says anything of it."""
    if COLLAPSED not in runs:
        nothing = np.zeros(len(runs), bool)
        return nothing, nothing
    cells = runs[COLLAPSED].astype(object)
    texts = [_text(cell) for cell in cells.tolist()]
    return np.array([text in _TRUE for text in texts], bool), np.array([*map(bool, texts)], bool)


def _text(cell: Any) -> str:
    is_nan = isinstance(cell, float) and np.isnan(cell)
    return "" if cell is None or cell is pd.NA or is_nan else str(cell).strip().lower()


def _numbers(runs: pd.DataFrame) -> np.ndarray:
    if MAJORITY not in runs:
        return np.full(len(runs), np.nan)
    return pd.to_numeric(runs[MAJORITY], errors="coerce").to_numpy(dtype=np.float64)


def _equal_scores(runs: pd.DataFrame) -> np.ndarray:
    """Whether most languages of a row's run, and enough of them, have its very score."""
    models = runs.groupby(_MODEL, sort=False)["language"].transform("nunique")
    alike = runs.groupby([*_MODEL, "score"], sort=False)["language"].transform("nunique")
    return ((alike >= LEAST_EQUAL) & (alike * 2 > models)).to_numpy()
