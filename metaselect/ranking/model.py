"""The predictor's core: features, pooled history as a prior, trees on top, a scale in gains.

`direct` is a candidate whose gain is 0 by definition: it takes no part in the fit and stands in a
ranking where the expected gain of the others crosses zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.features.base import Feature, Group, World, compute
from metaselect.features.history import History, Pooling, prior_gain
from metaselect.features.registry import features_of
from metaselect.ranking.linear import LinearGain, fit_linear
from metaselect.ranking.ranker import TaskRanker

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a fit depends on beside its rows.

    Attributes:
        groups: Feature groups in use.
        pooling: How the history is pooled; only with group `history`.
        linear_spread: How large the slopes of features may be, in usual spreads of gains.
        ranker: Parameters of `TaskRanker`.
    """

    groups: tuple[Group, ...]
    pooling: Pooling
    linear_spread: float
    ranker: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GainScale:
    """Expected gain as a straight line of the score: intercept + slope × score, slope >= 0."""

    intercept: float
    slope: float

    def gain(self, scores: Floats) -> Floats:
        """Expected gains of scores, same shape."""
        return self.intercept + self.slope * scores

    @classmethod
    def fit(cls, scores: Floats, gains: Floats) -> "GainScale":
        """Least squares on rows that the scores were not fitted on.

        Scores that are all one stand for the mean gain; fewer than three tell nothing of a scale
        and stay as they are. A negative slope would turn the ranking round: it becomes a small
        positive one, so that order is kept and expectations stay near the mean.
        """
        if len(scores) < 3:
            return cls(intercept=0.0, slope=1.0)
        if not np.ptp(scores) > 0:
            return cls(intercept=float(gains.mean() - scores.mean()), slope=1.0)
        centred = scores - scores.mean()
        slope = float(centred @ (gains - gains.mean()) / (centred @ centred))
        slope = max(slope, 1e-3)  # keeps order; expectations then hardly differ
        return cls(intercept=float(gains.mean() - slope * scores.mean()), slope=slope)


class GainModel:
    """One fitted predictor of the order of intermediates."""

    def __init__(
        self,
        settings: Settings,
        linear: LinearGain,
        history: History | None,
        ranker: TaskRanker,
        catalogue: Catalogue,
    ) -> None:
        """Take fitted parts; use `fit`."""
        self.settings = settings
        self.linear = linear
        self.history = history
        self.ranker = ranker
        self.catalogue = catalogue
        features = features_of(settings.groups)
        self.features = [*_fixed(features), *_past(features)]

    @classmethod
    def fit(
        cls,
        rows: pd.DataFrame,
        *,
        settings: Settings,
        catalogue: Catalogue,
        seed: int,
        fixed: pd.DataFrame | None = None,
    ) -> "GainModel":
        """Learn from prepared rows with gains; rows of `direct` are left out.

        Args:
            rows: From `features.table.prepare`.
            settings: Feature groups and parameters.
            catalogue: Task cards.
            seed: Of the trees' sampling.
            fixed: Values of the features that no history enters, for these rows by index, from
                `fixed_features`, where many fits share them.
        """
        known = rows[(rows["intermediate"] != DIRECT) & rows["gain"].notna()]
        if fixed is None:
            fixed = fixed_features(known, settings, catalogue)
        gains = known["gain"].to_numpy(dtype=np.float64)
        weights = _weights(known, settings.pooling.noise)
        linear = fit_linear(
            fixed.loc[known.index],
            gains,
            groups=pd.factorize(known["query"])[0],
            weights=weights,
            spread=settings.linear_spread,
        )
        beyond = known.assign(gain=gains - linear.gain(fixed.loc[known.index]))
        history = None
        if "history" in settings.groups:
            history = History.fit(beyond, pooling=settings.pooling, leave_out=True)
        ranker = TaskRanker(**{"random_state": seed, **settings.ranker})
        model = cls(settings, linear, history, ranker, catalogue)
        table = model.table(known, fixed=fixed)
        ranker.fit(
            table.to_numpy(),
            gains,
            group=known["query"].to_numpy(),
            weight=weights,
            prior=model.prior(table),
        )
        return model

    def prior(self, table: pd.DataFrame) -> Floats:
        """Expected gain before the trees: what features say, plus what history adds."""
        names = [name for name in table.columns if name.startswith("history_")]
        return self.linear.gain(table) + prior_gain(table[names])

    def table(self, rows: pd.DataFrame, *, fixed: pd.DataFrame | None = None) -> pd.DataFrame:
        """Feature values of rows, shape (n_rows, n_features)."""
        world = World(self.catalogue, self.history)
        if fixed is None:
            return compute(self.features, rows, world)
        known = compute(_past(self.features), rows, world)
        return pd.concat([fixed.loc[rows.index], known], axis="columns")

    def score(self, rows: pd.DataFrame, *, fixed: pd.DataFrame | None = None) -> Floats:
        """Scores of intermediates, shape (n_rows,); NaN for `direct`, which has none."""
        table = self.table(rows, fixed=fixed)
        scores = self.ranker.predict(table.to_numpy(), prior=self.prior(table))
        scores[(rows["intermediate"] == DIRECT).to_numpy(dtype=bool)] = np.nan
        return scores

    def contributions(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to each row's score, the history's prior included."""
        table = self.table(rows)
        added = self.ranker.contributions(table.to_numpy())
        parts = pd.DataFrame(added, index=rows.index, columns=table.columns)
        history = [name for name in table.columns if name.startswith("history_")]
        parts[history] += table[history].fillna(0.0) * self.ranker.prior_weight
        parts[list(self.linear.names)] += self.linear.parts(table) * self.ranker.prior_weight
        return parts


def fixed_features(rows: pd.DataFrame, settings: Settings, catalogue: Catalogue) -> pd.DataFrame:
    """Values of the features of a setting's groups that no history enters."""
    return compute(_fixed(features_of(settings.groups)), rows, World(catalogue))


def _fixed(features: Sequence[Feature]) -> list[Feature]:
    return [feature for feature in features if "history" not in feature.groups]


def _past(features: Sequence[Feature]) -> list[Feature]:
    return [feature for feature in features if "history" in feature.groups]


def _weights(rows: pd.DataFrame, noise: float) -> Floats:
    """1 / (what nobody can explain + squared standard error), both in gain units."""
    spreads = rows.groupby("query")["gain"].std()
    floor = max(noise * float(np.nan_to_num(spreads.median())), 1e-3)
    error = rows["score_se"].fillna(0.0).to_numpy(dtype=np.float64)
    return 1.0 / (floor**2 + error**2)
