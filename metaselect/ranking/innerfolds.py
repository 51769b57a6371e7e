"""Inner folds of whole units: what a setting loses on rows that it did not see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.base import Group
from metaselect.features.table import NEW
from metaselect.ranking.metrics import regret_at
from metaselect.ranking.model import FittedPrior, Settings, fit_prior, fixed_features
from metaselect.ranking.scale import GainScale
from metaselect.ranking.searchspace import default_settings
from metaselect.runs.gains import complete_queries, with_known_gain
from metaselect.seeding import derive_seed

Floats = npt.NDArray[np.float64]

_UNIT_WORDS = {
    "cluster": "clusters of targets",
    "family": "language families",
    "encoder": "encoders",
}


def folds_of(units: Sequence[str], *, n_folds: int, seed: int) -> list[tuple[str, ...]]:
    """Units in at most n_folds groups of nearly one size, in an order fixed by seed and names."""
    order = sorted(set(units), key=lambda unit: (derive_seed(seed, unit), unit))
    count = min(n_folds, len(order))
    return [tuple(order[start::count]) for start in range(count)]


@dataclass(frozen=True, slots=True, eq=False)
class _LastPrior:
    """The prior that a fold fitted last, and the features of the fold's own rows."""

    settings: Settings
    prior: FittedPrior
    table: pd.DataFrame


class InnerFolds:
    """The inner folds of one search, and what each setting scored on them."""

    def __init__(
        self,
        rows: pd.DataFrame,
        catalogue: Catalogue,
        groups: Sequence[Group],
        *,
        n_folds: int,
        seed: int,
    ) -> None:
        known = with_known_gain(rows)
        self.rows = known.reset_index(drop=True)
        self.catalogue = catalogue
        self.groups = tuple(groups)
        self.seed = seed
        self.known: dict[str, Floats] = {}
        self.last_priors: dict[tuple[str, ...], _LastPrior] = {}
        self.units = self.rows["held_out"].to_numpy(dtype=object)
        self.folds = folds_of(self.units.tolist(), n_folds=n_folds, seed=seed)
        place = {unit: number for number, fold in enumerate(self.folds) for unit in fold}
        self.rows["fold"] = [place[unit] for unit in self.units]
        if len(self.folds) < 2:
            raise MetaselectError(
                "Tuning needs runs of at least two independent units (targets that share no "
                f"training data, say), got {len(self.folds)}: add runs of others."
            )

    @cached_property
    def fixed(self) -> pd.DataFrame:
        """Features that no history enters: the same in every trial and fold."""
        return fixed_features(self.rows, default_settings(self.groups), self.catalogue)

    @property
    def unit_description(self) -> str:
        """What the units are called, by the column that names them."""
        for column, words in _UNIT_WORDS.items():
            if (self.rows[column].to_numpy(dtype=object) == self.units).all():
                return words
        return "groups of intermediates"

    @cached_property
    def queries(self) -> list[tuple[npt.NDArray[np.intp], str]]:
        """Rows of each query and its cluster; queries of one candidate rank nothing."""
        grouped = self.rows.groupby("query", sort=True)
        clusters = self.rows["cluster"].to_numpy(dtype=object)
        return [
            (np.asarray(places), str(clusters[places[0]]))
            for places in grouped.indices.values()
            if len(places) > 1
        ]

    def steps(self, settings: Settings) -> Iterator[float]:
        """Fit and score fold by fold, giving each fold's loss as soon as it is known."""
        scores = np.full(len(self.rows), np.nan)
        for fold in self.folds:
            self._fill(scores, settings, fold)
            yield self._loss(scores, np.isin(self.units, fold))
        self.known[repr(settings)] = scores

    def loss_of(self, settings: Settings) -> float:
        """Mean loss of a setting over clusters."""
        return self._loss(self.scores(settings), np.ones(len(self.rows), dtype=bool))

    def losses_of(self, settings: Settings) -> dict[str, float]:
        """Loss of a setting on each cluster."""
        return self._losses(self.scores(settings), np.ones(len(self.rows), dtype=bool))

    def random_loss(self) -> float:
        """Mean loss of random choice over clusters."""
        return self._loss(np.zeros(len(self.rows)), np.ones(len(self.rows), dtype=bool))

    def scores(self, settings: Settings) -> Floats:
        """Out-of-fold scores of a setting, shape (n_rows,)."""
        key = repr(settings)
        if key not in self.known:
            for _ in self.steps(settings):
                pass
        return self.known[key]

    @cached_property
    def absolute_rows(self) -> pd.DataFrame:
        """The rows of complete queries whose gain over `direct` is known."""
        return self.rows[self._is_absolute]

    @cached_property
    def _is_absolute(self) -> npt.NDArray[np.bool_]:
        complete = self.rows["query"].isin(complete_queries(self.rows)).to_numpy()
        return np.asarray(complete & self.rows["absolute"].to_numpy(dtype=bool))

    def scale_of(self, settings: Settings) -> GainScale:
        """The scale in gains of a setting's out-of-fold scores."""
        return GainScale.fit(self._absolute_scores(settings), self.absolute_rows)

    def expected_gains(self, settings: Settings) -> Floats:
        """Expected gains of `absolute_rows`, each by a scale learnt without the row's unit."""
        scores, rows = self._absolute_scores(settings), self.absolute_rows
        units = rows["held_out"].to_numpy(dtype=object)
        expected = np.full(len(rows), np.nan)
        for unit in sorted(set(units)):
            own = units == unit
            scale = GainScale.fit(scores[~own], rows[~own])
            expected[own] = scale.gain(scores[own], rows[own])
        return expected

    def _absolute_scores(self, settings: Settings) -> Floats:
        return np.asarray(self.scores(settings)[self._is_absolute], dtype=np.float64)

    def _fill(self, scores: Floats, settings: Settings, fold: tuple[str, ...]) -> None:
        """Score a fold's rows; settings that differ in their trees alone share the prior."""
        away = np.isin(self.units, fold)
        unseen = self.rows[away].assign(held_out=NEW)
        before_trees = replace(settings, ranker={})
        last = self.last_priors.get(fold)
        if last is None or last.settings != before_trees:
            prior = fit_prior(
                self.rows[~away], settings=settings, catalogue=self.catalogue, fixed=self.fixed
            )
            model = prior.with_trees(settings, seed=self.seed)
            table = model.table(unseen, fixed=self.fixed)
            self.last_priors[fold] = _LastPrior(before_trees, prior, table)
        else:
            model, table = last.prior.with_trees(settings, seed=self.seed), last.table
        scores[away] = model.score(unseen, table)

    def _losses(self, scores: Floats, among: npt.NDArray[np.bool_]) -> dict[str, float]:
        """Regret@1 and regret@3, halved, among some rows: means of each cluster's queries."""
        gains = self.rows["gain"].to_numpy(dtype=np.float64)
        losses: dict[str, list[float]] = {}
        for places, cluster in self.queries:
            kept = places[among[places]]
            if len(kept) > 1:
                regrets = [regret_at(scores[kept], gains[kept], k=k) for k in (1, 3)]
                losses.setdefault(cluster, []).append(float(np.mean(regrets)))
        return {cluster: float(np.mean(values)) for cluster, values in losses.items()}

    def _loss(self, scores: Floats, among: npt.NDArray[np.bool_]) -> float:
        """Mean loss over clusters; 0 where no query has two rows among them."""
        losses = self._losses(scores, among)
        return float(np.mean(list(losses.values()))) if losses else 0.0
