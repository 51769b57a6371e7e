"""The predictor's core: features, pooled history and equal weights as a prior, trees on top.

`direct` is a candidate whose gain is 0 by definition: it takes no part in the fit and stands in a
ranking where the expected gain of the others crosses zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.features import history, profiles
from metaselect.features.base import Feature, Group, World, compute
from metaselect.features.history import History, Pooling, prior_gain
from metaselect.features.profiles import Profiles
from metaselect.features.registry import features_of
from metaselect.features.size import with_examples
from metaselect.ranking.composite import Composite
from metaselect.ranking.linear import LinearGain, fit_linear
from metaselect.ranking.ranker import TaskRanker
from metaselect.ranking.relevance import spread_roots
from metaselect.runs.gains import is_direct, with_known_gain

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a fit depends on beside its rows.

    Attributes:
        groups: Feature groups in use.
        pooling: How the history is pooled; only with group `history`.
        linear_spread: How large the slopes of features may be, in usual spreads of gains.
        composite_share: Part of the prior that is the equal-weight sum of single signals, 0 to 1.
        ranker: Parameters of `TaskRanker`.
    """

    groups: tuple[Group, ...]
    pooling: Pooling
    linear_spread: float
    composite_share: float
    ranker: Mapping[str, Any] = field(default_factory=dict)


class GainModel:
    """One fitted predictor of the order of intermediates."""

    def __init__(
        self,
        settings: Settings,
        linear: LinearGain,
        world: World,
        composite: Composite,
        ranker: TaskRanker,
    ) -> None:
        """Take fitted parts; use `fit`."""
        self.settings = settings
        self.linear = linear
        self.world = world
        self.composite = composite
        self.ranker = ranker
        self.features = [*_fixed(settings), *_profiles(settings), *_effects(settings)]

    @classmethod
    def fit(
        cls,
        rows: pd.DataFrame,
        *,
        settings: Settings,
        catalogue: Catalogue,
        seed: int,
    ) -> "GainModel":
        """Learn from prepared rows with gains; rows of `direct` are left out.

        Args:
            rows: From `features.table.prepare`.
            settings: Feature groups and parameters.
            catalogue: Task cards.
            seed: Of the trees' sampling.
        """
        prior = fit_prior(rows, settings=settings, catalogue=catalogue)
        return prior.with_trees(settings, seed=seed)

    def table(self, rows: pd.DataFrame, *, fixed: pd.DataFrame | None = None) -> pd.DataFrame:
        """Feature values of rows, shape (n_rows, n_features)."""
        if fixed is None:
            return compute(self.features, rows, with_examples(self.world, rows))
        past = [feature for feature in self.features if "history" in feature.groups]
        return _beside(fixed.loc[rows.index], past, rows, self.world)

    def score(self, rows: pd.DataFrame, table: pd.DataFrame) -> Floats:
        """Scores of intermediates, shape (n_rows,), from their `table`; NaN for `direct`."""
        parts = self.composite.parts(rows, table)
        prior = _mixed(_fitted_prior(self.linear, table), parts, share=self._share)
        scores = self.ranker.predict(table.to_numpy(), prior=prior)
        scores[is_direct(rows)] = np.nan
        return scores

    def contributions(self, rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to each row's score, shape (n_rows, n_features) as the table."""
        added = self.ranker.contributions(table.to_numpy())
        parts = pd.DataFrame(added, index=rows.index, columns=table.columns)
        weight, share = self.ranker.prior_weight, self._share
        effects = [name for name in table.columns if name in _EFFECT_NAMES]
        parts[effects] += table[effects].fillna(0.0) * (weight * (1.0 - share))
        parts[list(self.linear.names)] += self.linear.parts(table) * (weight * (1.0 - share))
        parts[list(self.composite.names)] += self.composite.parts(rows, table) * (weight * share)
        return parts

    @property
    def _share(self) -> float:
        return self.settings.composite_share if self.composite.names else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class FittedPrior:
    """All that is learnt before the trees, with the rows that it was learnt from.

    Attributes:
        linear, world, composite: Parts of a `GainModel`.
        table: Feature values of the rows, shape (n_rows, n_features).
        gains, weights: Of the rows, over the root of their query's spread, shape (n_rows,).
        queries: Of the rows, shape (n_rows,).
        values: The prior of the rows, shape (n_rows,).
    """

    linear: LinearGain
    world: World
    composite: Composite
    table: pd.DataFrame
    gains: Floats
    weights: Floats
    queries: npt.NDArray[Any]
    values: Floats

    def with_trees(self, settings: Settings, *, seed: int) -> GainModel:
        """A model of the prior and trees; settings differ in `ranker` alone from the prior's."""
        ranker = TaskRanker(**{"random_state": seed, **settings.ranker})
        ranker.fit(
            self.table.to_numpy(),
            self.gains,
            group=self.queries,
            weight=self.weights,
            prior=self.values,
        )
        return GainModel(settings, self.linear, self.world, self.composite, ranker)


def fit_prior(
    rows: pd.DataFrame,
    *,
    settings: Settings,
    catalogue: Catalogue,
    fixed: pd.DataFrame | None = None,
) -> FittedPrior:
    """Learn what comes before the trees.

    Args:
        rows: As for `GainModel.fit`.
        settings: Feature groups and parameters.
        catalogue: Task cards.
        fixed: Values of the features that no training gain enters, for these rows by index, from
            `fixed_features`, where many fits share them.
    """
    known = _evened(with_known_gain(rows))
    own = fixed_features(known, settings, catalogue) if fixed is None else fixed
    gains = known["gain"].to_numpy(dtype=np.float64)
    weights = _weights(known, settings.pooling.noise)
    world = with_examples(World(catalogue), known)
    if "history" in settings.groups:
        world = replace(world, profiles=Profiles.fit(known, catalogue, leave_out=True))
    told = _beside(own.loc[known.index], _profiles(settings), known, world)
    linear = fit_linear(
        told,
        gains,
        groups=pd.factorize(known["query"])[0],
        weights=weights,
        spread=settings.linear_spread,
    )
    if "history" in settings.groups:
        beyond = known.assign(gain=gains - linear.gain(told))
        pooled = History.fit(beyond, pooling=settings.pooling, leave_out=True)
        world = replace(world, history=pooled)
    table = _beside(told, _effects(settings), known, world)
    fitted = _fitted_prior(linear, table)
    composite, parts = Composite.fit(known, table, groups=settings.groups, like=fitted)
    values = _mixed(fitted, parts, share=settings.composite_share if composite.names else 0.0)
    queries = known["query"].to_numpy()
    return FittedPrior(linear, world, composite, table, gains, weights, queries, values)


def fixed_features(rows: pd.DataFrame, settings: Settings, catalogue: Catalogue) -> pd.DataFrame:
    """Values of the features of a setting's groups that no training gain enters."""
    return compute(_fixed(settings), rows, with_examples(World(catalogue), rows))


_EFFECT_NAMES = frozenset(feature.name for feature in history.FEATURES)
_PROFILE_NAMES = frozenset(feature.name for feature in profiles.FEATURES)


def _fixed(settings: Settings) -> list[Feature]:
    return [item for item in features_of(settings.groups) if "history" not in item.groups]


def _profiles(settings: Settings) -> list[Feature]:
    return [item for item in features_of(settings.groups) if item.name in _PROFILE_NAMES]


def _effects(settings: Settings) -> list[Feature]:
    return [item for item in features_of(settings.groups) if item.name in _EFFECT_NAMES]


def _beside(
    table: pd.DataFrame, features: Sequence[Feature], rows: pd.DataFrame, world: World
) -> pd.DataFrame:
    """A table with the columns of more features for the same rows."""
    return pd.concat([table, compute(features, rows, world)], axis="columns")


def _fitted_prior(linear: LinearGain, table: pd.DataFrame) -> Floats:
    """Expected gain before the trees: what features say, plus what history adds."""
    effects = [name for name in table.columns if name in _EFFECT_NAMES]
    return linear.gain(table) + prior_gain(table[effects])


def _mixed(fitted: Floats, parts: Floats, *, share: float) -> Floats:
    """The prior: what was fitted, and the composite's equal weights."""
    return np.asarray((1.0 - share) * fitted + share * parts.sum(axis=1))


def _evened(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose gains and errors are divided by the root of their query's relative spread.

    Gains on some targets spread ten times as far as on others. Undivided, these few targets
    would decide what is learnt; divided by the whole spread, the noise of targets without any
    effect would count as much as the effects of the others.
    """
    codes = pd.factorize(rows["query"])[0]
    root = spread_roots(rows["gain"].to_numpy(dtype=np.float64), codes)[codes]
    return rows.assign(**{name: rows[name] / root for name in ("gain", "gain_se", "score_se")})


def _weights(rows: pd.DataFrame, noise: float) -> Floats:
    """1 / (what nobody can explain + squared standard error), both in gain units."""
    spreads = rows.groupby("query")["gain"].std()
    floor = max(noise * float(np.nan_to_num(spreads.median())), 1e-3)
    error = rows["score_se"].fillna(0.0).to_numpy(dtype=np.float64)
    return 1.0 / (floor**2 + error**2)
