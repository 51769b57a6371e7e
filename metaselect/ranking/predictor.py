"""The fitted predictor: models averaged, gains expected, intervals around them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.ranking.intervals import ConformalRadius
from metaselect.ranking.model import GainModel, GainScale, Settings

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """One chosen setting: its scale in gains and its loss on the inner folds."""

    settings: Settings
    scale: GainScale
    loss: float


@dataclass(frozen=True, slots=True)
class Predictor:
    """Fitted models that agree on one expected gain, with the width of its interval.

    Attributes:
        models: Fitted models, one for each choice.
        choices: Their settings, scales and losses, best first.
        radius: Half-width of the gain's interval.
        n_trials: Settings that the search tried.
        n_pruned: Those that it cut short.
    """

    models: tuple[GainModel, ...]
    choices: tuple[Choice, ...]
    radius: ConformalRadius
    n_trials: int
    n_pruned: int

    def expected(self, rows: pd.DataFrame) -> Floats:
        """Expected gain of candidates, shape (n_rows,); 0 for `direct`."""
        total = np.zeros(len(rows))
        for model, choice in zip(self.models, self.choices, strict=True):
            total += choice.scale.gain(model.score(rows))
        total /= len(self.models)
        total[np.asarray(rows["intermediate"] == DIRECT, dtype=bool)] = 0.0
        return total

    def contributions(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the expected gain, shape (n_rows, n_features)."""
        parts = [
            model.contributions(rows) * choice.scale.slope
            for model, choice in zip(self.models, self.choices, strict=True)
        ]
        return sum(parts[1:], parts[0]) / len(parts)
