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

    A straight line says nothing of values beyond those that it was fitted on: such a value counts
    as the nearest one seen.

    Attributes:
        names: Features, in the order of the vectors.
        means, scales: Of each feature over the training rows; a missing value counts as the mean.
        lows, highs: Smallest and largest value of each feature in the training rows.
        slopes: Gain for one standard deviation of each feature.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    slopes: tuple[float, ...]

    def parts(self, table: pd.DataFrame) -> Floats:
        """What each feature adds, shape (n_rows, n_features)."""
        added = np.zeros((len(table), len(self.names)))
        for column in range(len(self.names)):
            added[:, column] = self._part(table, column)
        return added

    def gain(self, table: pd.DataFrame) -> Floats:
        """The sum of the parts, shape (n_rows,), whatever other rows stand beside."""
        total = np.zeros(len(table))
        for column in range(len(self.names)):  # a matrix product rounds by the matrix's shape
            total += self._part(table, column)
        return total

    def _part(self, table: pd.DataFrame, column: int) -> Floats | float:
        slope = self.slopes[column]
        if not slope:
            return 0.0
        values = table[self.names[column]].to_numpy(dtype=np.float64)
        away = np.clip(values, self.lows[column], self.highs[column]) - self.means[column]
        return np.where(np.isnan(away), 0.0, away) * (slope / self.scales[column])


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
        return LinearGain((), (), (), (), (), ())
    values = table.to_numpy(dtype=np.float64)
    known = ~np.isnan(values)
    means = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    away = np.where(known, values - means, 0.0)
    scales = np.sqrt((away**2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    varies = scales > _ROUNDING * np.maximum(1.0, np.abs(means))
    scales = np.where(varies, scales, 1.0)
    away = np.where(varies, away, 0.0)  # what rounding left of a constant would be a giant slope
    within = np.column_stack([centred(column, groups) for column in (away / scales).T])
    lows, highs = (np.where(np.isnan(end), means, end) for end in (table.min(), table.max()))
    usual = usual_spread(gains, groups) or 1.0
    model = Ridge(alpha=1.0 / (spread * usual) ** 2, fit_intercept=False)
    model.fit(within, centred(gains, groups), sample_weight=weights)
    return LinearGain(
        tuple(names), *(tuple(map(float, row)) for row in (means, scales, lows, highs, model.coef_))
    )
