"""What features say of a candidate in a straight line: the mean that histories are drawn towards.

A candidate without any history is judged by this alone; the history then adds what the candidate
gained beyond it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.ranking.relevance import usual_spread
from metaselect.runs.keys import centred

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-9  # of a feature's size: less is no difference between rows


@dataclass(frozen=True, slots=True)
class LinearGain:
    """Gain as a weighted sum of standardised features.

    Attributes:
        names: Features, in the order of the vectors.
        means, scales: Of each feature over the training rows; a missing value counts as the mean.
        slopes: Gain for one standard deviation of each feature.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    slopes: tuple[float, ...]

    def parts(self, table: pd.DataFrame) -> Floats:
        """What each feature adds, shape (n_rows, n_features)."""
        values = table[list(self.names)].to_numpy(dtype=np.float64)
        away = (values - np.array(self.means)) / np.array(self.scales)
        return np.asarray(np.nan_to_num(away) * np.array(self.slopes), dtype=np.float64)

    def gain(self, table: pd.DataFrame) -> Floats:
        """The sum of the parts, shape (n_rows,), whatever other rows stand beside."""
        total = np.zeros(len(table))
        for name, mean, scale, slope in zip(
            self.names, self.means, self.scales, self.slopes, strict=True
        ):
            if slope:  # column by column: a matrix product rounds by the shape of the matrix
                away = table[name].to_numpy(dtype=np.float64) - mean
                total += np.where(np.isnan(away), 0.0, away) * (slope / scale)
        return total


def fit_linear(
    table: pd.DataFrame,
    gains: Floats,
    *,
    groups: npt.NDArray[np.intp],
    weights: Floats,
    spread: float,
) -> LinearGain:
    """Ridge regression of gains on features, both centred within their query.

    Features that do not vary, or not within queries, cannot tell candidates apart and get no slope.

    Args:
        table: Feature values, shape (n_rows, n_features).
        gains: Shape (n_rows,).
        groups: Query of each row as codes from 0.
        weights: Weight of each row, 1 / variance in gain units.
        spread: Standard deviation of slopes, in usual spreads of gains within a query.
    """
    from sklearn.linear_model import Ridge  # ranking with a saved predictor does not need it

    names: Sequence[str] = list(table.columns)
    if not names:
        return LinearGain((), (), (), ())
    values = table.to_numpy(dtype=np.float64)
    known = ~np.isnan(values)
    means = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    away = np.where(known, values - means, 0.0)
    scales = np.sqrt((away**2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    varies = scales > _ROUNDING * np.maximum(1.0, np.abs(means))
    scales = np.where(varies, scales, 1.0)
    away = np.where(varies, away, 0.0)  # what rounding left of a constant would be a giant slope
    within = np.column_stack([centred(column, groups) for column in (away / scales).T])
    usual = usual_spread(gains, groups) or 1.0
    model = Ridge(alpha=1.0 / (spread * usual) ** 2, fit_intercept=False)
    model.fit(within, centred(gains, groups), sample_weight=weights)
    return LinearGain(
        tuple(names), *(tuple(map(float, row)) for row in (means, scales, model.coef_))
    )
