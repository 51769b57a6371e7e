"""The fitted predictor: models averaged, gains expected, intervals around them."""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a predictor says of candidates; arrays have shape (n_rows,).

    Attributes:
        rows: The candidates.
        tables: Their feature values for each model.
        gain: Expected; 0 for `direct`.
        half_width: Of the gain's interval. NaN where too few units allow one at this level; 0 for
            `direct`, whose gain is known.
        p_positive: Probability that the gain is above 0; 0 for `direct`.
    """

    rows: pd.DataFrame
    tables: tuple[pd.DataFrame, ...]
    gain: Floats
    half_width: Floats
    p_positive: Floats


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
        random_loss: Loss of random choice on the same inner folds; None where it was not kept.
    """

    models: tuple[GainModel, ...]
    choices: tuple[ChosenSettings, ...]
    residuals: Residuals
    spread: GainSpread
    n_trials: int
    n_pruned: int
    random_loss: float | None = None

    @property
    def beats_random(self) -> bool | None:
        """Whether it lost less than random choice on its inner folds; None where not known."""
        return None if self.random_loss is None else self.choices[0].loss < self.random_loss

    def examples_of(self, study: str) -> Mapping[str, float]:
        """Examples that intermediates were trained on in a training study, where runs tell."""
        return self.models[0].world.examples.get(study, {})

    def predict(self, rows: pd.DataFrame) -> Prediction:
        """Expected gains of candidates, with their intervals; each model's features once."""
        tables = tuple(model.table(rows) for model in self.models)
        gain = np.zeros(len(rows))
        for model, choice, table in zip(self.models, self.choices, tables, strict=True):
            gain += choice.scale.gain(model.score(rows, table), rows)
        gain /= len(self.models)
        direct, spread = is_direct(rows), self.spread.of(rows)
        gain[direct] = 0.0
        radius = np.nan if self.residuals.radius is None else self.residuals.radius
        return Prediction(
            rows,
            tables,
            gain,
            half_width=np.where(direct, 0.0, radius * spread),
            p_positive=np.where(direct, 0.0, self.residuals.p_positive(gain, spread)),
        )

    def contributions(self, found: Prediction) -> pd.DataFrame:
        """What each feature adds to the expected gain, shape (n_rows, n_features)."""
        parts = [
            model.contributions(found.rows, table).mul(
                choice.scale.slopes(found.rows), axis="index"
            )
            for model, choice, table in zip(self.models, self.choices, found.tables, strict=True)
        ]
        return sum(parts[1:], parts[0]) / len(parts)
