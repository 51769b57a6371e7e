"""Measures of many queries at once."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.evaluation.rounding import PLACES, comparable
from metaselect.ranking.metrics import measure_all

Floats = npt.NDArray[np.float64]

_SMALLEST_STEP = 1e-3  # gain per grade where noise is unknown or close to 0


def measure_queries(
    rows: pd.DataFrame, scores: Floats, *, method: str, fold: str, steps: Mapping[str, float]
) -> pd.DataFrame:
    """Compute every measure for each query of test rows ranked by scores.

    Scores and gains that differ by rounding alone are ties.
    """
    gains = rows["gain"].to_numpy(dtype=np.float64).round(PLACES)
    scores = comparable(scores)
    clusters = rows["cluster"].to_numpy(dtype=object)
    found = []
    for query, places in rows.groupby("query").indices.items():
        values = measure_all(scores[places], gains[places], step=steps[str(query)])
        found.append({"cluster": clusters[places[0]], "query": query, "method": method, **values})
    return pd.DataFrame(found).assign(fold=fold)


def grade_steps(rows: pd.DataFrame) -> dict[str, float]:
    """Gain worth one grade of relevance for each query: its median standard error."""
    errors = rows.loc[rows["gain_se"] > 0].groupby("query")["gain_se"].median()
    steps = errors.reindex(rows["query"].unique()).fillna(errors.median()).fillna(_SMALLEST_STEP)
    return {str(query): max(round(step, PLACES), _SMALLEST_STEP) for query, step in steps.items()}
