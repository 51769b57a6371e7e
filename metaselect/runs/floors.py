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
_QUERY = ["study", "encoder", "adaptation", "target", "language"]
_ROUNDING = 1e-6  # tables keep six decimals
_TRUE = ("true", "1", "1.0", "yes")


def at_floor(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Whether each row's score is that of a constant answer.

    A row that has `collapsed` or `majority_score` is judged by them alone: it is at the floor where
    the run collapsed, or where the score is the best constant answer's, to six decimals. A row with
    neither is judged by its neighbours: a constant answer has the same score on all languages of a
    parallel test set, so a row is at the floor where more than half of its run's languages, and at
    least three, have the very same score. That finds nothing where the test sets' class shares
    differ by language.

    Runs of one or two languages need the columns (`is_unjudged`). Equal scores of several runs
    prove nothing there: on 100 rows two sound runs of one language tie one time in 12 (standard
    deviation of their difference 5 points), and a table has hundreds of such pairs. Nor does the
    chance level of a task's card: a sample's best constant answer is above it.

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


def is_unjudged(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Whether nothing can tell if a row's run collapsed: no column, and at most two languages.

    Args:
        runs: A table from `check_runs`.

    Returns:
        One value a row, with the table's index.
    """
    _, knows_collapse = _flags(runs)
    known = knows_collapse | ~np.isnan(_numbers(runs))
    models = runs.groupby(_MODEL, sort=False)["language"].transform("nunique")
    return ~pd.Series(known, index=runs.index) & (models < LEAST_EQUAL)


def raised_to_floor(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, with scores below the floor of their target and language at the floor.

    The floor is the score of the best constant answer on the rows that were scored
    (`majority_score`); where a row has none, the best score of the collapsed runs of the same
    study, encoder, adaptation, target and language. Between scores that a constant answer reaches
    there is no gain: one below the floor is not worse than one at it.

    Args:
        runs: A table from `check_runs`.

    Returns:
        The same rows; the very table where no score is raised.
    """
    floor = _numbers(runs)
    gone = at_floor(runs).to_numpy()
    if gone.any():
        reached = runs["score"].where(gone)
        of_query = reached.groupby([runs[name] for name in _QUERY], sort=False).transform("max")
        floor = np.where(np.isnan(floor), of_query.to_numpy(dtype=np.float64), floor)
    below = runs["score"].to_numpy(dtype=np.float64) < floor  # False where there is no floor
    if not below.any():
        return runs
    return runs.assign(score=np.where(below, floor, runs["score"]))


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
