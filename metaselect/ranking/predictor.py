"""The fitted predictor: models averaged, gains expected, intervals around them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.ranking.intervals import GainSpread, Residuals
from metaselect.ranking.model import GainModel, Settings
from metaselect.ranking.scale import GainScale
from metaselect.runs.gains import is_direct

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChosenSettings:
    """Settings that the search chose, with their scale in gains and their loss on inner folds."""

    settings: Settings
    scale: GainScale
    loss: float


@dataclass(frozen=True, slots=True)
class Predictor:
    """Fitted models that agree on one expected gain, with its interval.

    Attributes:
        models: Fitted models, one per chosen settings.
        choices: Settings, scales and losses of the models, best first.
        residuals: Of rows that inner folds left out, in expected spreads.
        spread: The spread expected of a row.
        n_trials: Settings that the search tried.
        n_pruned: Trials that were pruned, out of n_trials.
    """

    models: tuple[GainModel, ...]
    choices: tuple[ChosenSettings, ...]
    residuals: Residuals
    spread: GainSpread
    n_trials: int
    n_pruned: int

    def expected(self, rows: pd.DataFrame) -> Floats:
        """Expected gain of candidates, shape (n_rows,); 0 for `direct`."""
        total = np.zeros(len(rows))
        for model, choice in zip(self.models, self.choices, strict=True):
            total += choice.scale.gain(model.score(rows), rows)
        total /= len(self.models)
        total[is_direct(rows)] = 0.0
        return total

    def half_widths(self, rows: pd.DataFrame) -> Floats:
        """Half-width of each gain's interval, shape (n_rows,).

        NaN where too few units allow an interval at this level; 0 for `direct`, whose gain is
        known.
        """
        radius = np.nan if self.residuals.radius is None else self.residuals.radius
        return np.where(is_direct(rows), 0.0, radius * self.spread.of(rows))

    def p_positive(self, rows: pd.DataFrame, expected: Floats | None = None) -> Floats:
        """Probability that the gain of a candidate is above 0, shape (n_rows,); 0 for `direct`.

        Args:
            rows: Candidates.
            expected: Their expected gains, where they are known already.
        """
        gains = self.expected(rows) if expected is None else expected
        return np.where(
            is_direct(rows), 0.0, self.residuals.p_positive(gains, self.spread.of(rows))
        )

    def contributions(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the expected gain, shape (n_rows, n_features)."""
        parts = [
            model.contributions(rows).mul(choice.scale.slopes(rows), axis="index")
            for model, choice in zip(self.models, self.choices, strict=True)
        ]
        return sum(parts[1:], parts[0]) / len(parts)
