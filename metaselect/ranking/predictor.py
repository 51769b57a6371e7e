"""The whole predictor: settings searched, models averaged, gains expected with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.features.base import Group
from metaselect.ranking.intervals import ConformalRadius, conformal_radius
from metaselect.ranking.model import GainModel
from metaselect.ranking.tuning import Choice, Found, Plan, Progress, search

Floats = npt.NDArray[np.float64]


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

    @classmethod
    def fit(
        cls,
        rows: pd.DataFrame,
        *,
        catalogue: Catalogue,
        groups: Sequence[Group],
        plan: Plan,
        level: float,
        progress: Progress | None = None,
    ) -> "Predictor":
        """Search settings on inner folds of the rows' units, then fit on all rows.

        Args:
            rows: From `features.table.prepare`.
            catalogue: Task cards.
            groups: Feature groups to use.
            plan: How much to search.
            level: Coverage of the gains' intervals.
            progress: Called with a line after each trial.
        """
        found = search(rows, catalogue=catalogue, groups=groups, plan=plan, progress=progress)
        models = tuple(
            GainModel.fit(rows, settings=choice.settings, catalogue=catalogue, seed=plan.seed)
            for choice in found.choices
        )
        radius = _radius(rows, found, level)
        return cls(models, found.choices, radius, found.n_trials, found.n_pruned)

    def expected(self, rows: pd.DataFrame) -> Floats:
        """Expected gain of candidates, shape (n_rows,); 0 for `direct`."""
        total = np.zeros(len(rows))
        for model, choice in zip(self.models, self.choices, strict=True):
            total += choice.scale.gain(model.score(rows))
        total /= len(self.models)
        total[(rows["intermediate"] == DIRECT).to_numpy(dtype=bool)] = 0.0
        return total

    def contributions(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the expected gain, shape (n_rows, n_features)."""
        parts = [
            model.contributions(rows) * choice.scale.slope
            for model, choice in zip(self.models, self.choices, strict=True)
        ]
        return sum(parts[1:], parts[0]) / len(parts)


def _radius(rows: pd.DataFrame, found: Found, level: float) -> ConformalRadius:
    absolute = rows["absolute"].to_numpy(dtype=bool)
    residuals = rows["gain"].to_numpy(dtype=np.float64) - found.out_of_fold
    clusters = rows["cluster"].to_numpy(dtype=object)
    return conformal_radius(residuals[absolute], clusters[absolute], level=level)
