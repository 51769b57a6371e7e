"""Optuna chooses the settings on inner folds of whole units, and the scale in gains comes with it.

The one owner of Optuna. A search is in memory unless it is given a storage: a journal file or a
PostgreSQL URL, where a broken search goes on from its last trial and several processes may share
the work (SQLite locks under them).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.base import Group
from metaselect.features.history import EFFECTS, Pooling
from metaselect.features.table import NEW
from metaselect.ranking.measures import regret_at
from metaselect.ranking.model import GainModel, GainScale, Settings, fixed_features
from metaselect.ranking.ranker import OBJECTIVES
from metaselect.seeding import derive_seed

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

DEFAULT_POOLING = Pooling(
    spreads={"popularity": 0.4, "study": 0.3, "kind": 0.3, "kinds": 0.3, "siblings": 0.2}
    | {"pair": 0.3, "family": 0.1},
    level=0.4,
    noise=1.0,
)
_SPREAD_RANGE = {
    "popularity": (0.2, 1.0),
    "study": (0.05, 0.6),
    "kind": (0.1, 0.8),
    "kinds": (0.05, 0.6),
    "siblings": (0.05, 0.6),
    "pair": (0.05, 0.6),
    "family": (0.05, 0.6),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How to search.

    Attributes:
        n_trials: Settings tried, the defaults among them; 1 means the defaults alone.
        n_folds: Inner folds of whole units; fewer units than that make fewer folds.
        n_best: Best trials whose models are averaged: inner folds are too few to trust one.
        seed: Of folds, sampler and trees.
        storage: Journal file, or a database URL for Optuna; None keeps the search in memory.
    """

    n_trials: int
    n_folds: int
    n_best: int
    seed: int
    storage: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One chosen setting: its loss on the inner folds and its scale in gains."""

    settings: Settings
    scale: GainScale
    loss: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        choices: The best settings, best first.
        n_trials: Trials in all; n_pruned of them were cut short.
        out_of_fold: Expected gain of every training row, by models that had not seen its unit,
            averaged over the choices, shape (n_rows,); NaN for `direct`.
    """

    choices: tuple[Choice, ...]
    n_trials: int
    n_pruned: int
    out_of_fold: Floats


def search(
    rows: pd.DataFrame,
    *,
    catalogue: Catalogue,
    groups: Sequence[Group],
    plan: Plan,
    progress: Progress | None = None,
) -> Found:
    """Find settings for prepared rows.

    Args:
        rows: From `features.table.prepare`, with `held_out` naming the units.
        catalogue: Task cards.
        groups: Feature groups in use.
        plan: How much to search.
        progress: Called with a line after each trial.
    """
    inner = _InnerFolds(rows, catalogue, tuple(groups), plan)
    if plan.n_trials == 1 or not groups:
        settings = default_settings(groups)
        return _found(inner, [(settings, inner.loss_of(settings))], n_trials=1, n_pruned=0)
    study = _open_study(inner, plan)
    if not study.trials:
        study.enqueue_trial(_default_trial(tuple(groups)))
        study.enqueue_trial({**_default_trial(tuple(groups)), "n_trees": 0})  # history alone
    missing = plan.n_trials - sum(trial.state.is_finished() for trial in study.trials)

    def tell(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if progress is not None:
            progress(f"trial {trial.number + 1}/{plan.n_trials}  best {study.best_value:.4f}")

    if missing > 0:
        study.optimize(inner.objective, n_trials=missing, callbacks=[tell])
    done = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    best = sorted(done, key=lambda trial: (trial.value, trial.number))[: plan.n_best]
    chosen = [(_settings(trial.params, tuple(groups)), float(trial.value or 0.0)) for trial in best]
    return _found(inner, chosen, n_trials=len(study.trials), n_pruned=len(study.trials) - len(done))


def default_settings(groups: Sequence[Group]) -> Settings:
    """Settings that are sensible without a search."""
    return _settings(_default_trial(tuple(groups)), tuple(groups))


def folds_of(units: Sequence[str], *, n_folds: int, seed: int) -> list[tuple[str, ...]]:
    """Units in at most n_folds groups of nearly one size, in an order fixed by seed and names."""
    order = sorted(set(units), key=lambda unit: (derive_seed(seed, unit), unit))
    count = min(n_folds, len(order))
    return [tuple(order[start::count]) for start in range(count)]


class _InnerFolds:
    """The inner folds of one search, and what each setting scored on them."""

    def __init__(
        self, rows: pd.DataFrame, catalogue: Catalogue, groups: tuple[Group, ...], plan: Plan
    ) -> None:
        self.rows = rows[(rows["intermediate"] != DIRECT) & rows["gain"].notna()]
        self.places = np.flatnonzero(rows.index.isin(self.rows.index))
        self.n_rows = len(rows)
        self.catalogue = catalogue
        self.groups = groups
        self.plan = plan
        self.known: dict[str, Floats] = {}
        self.units = self.rows["held_out"].to_numpy(dtype=object)
        self.folds = folds_of(self.units.tolist(), n_folds=plan.n_folds, seed=plan.seed)
        if len(self.folds) < 2:
            raise MetaselectError(
                "Tuning needs runs of at least two independent units (targets that share no "
                f"training data, say), got {len(self.folds)}: add runs, or --trials 1."
            )

    @cached_property
    def fixed(self) -> pd.DataFrame:
        """Features that no history enters: the same in every trial and fold."""
        return fixed_features(self.rows, default_settings(self.groups), self.catalogue)

    @cached_property
    def queries(self) -> list[tuple[npt.NDArray[np.intp], str]]:
        """Rows of each query and its cluster; queries of one candidate rank nothing."""
        grouped = self.rows.reset_index(drop=True).groupby("query", sort=True)
        clusters = self.rows["cluster"].to_numpy(dtype=object)
        return [
            (np.asarray(places), str(clusters[places[0]]))
            for places in grouped.indices.values()
            if len(places) > 1
        ]

    def objective(self, trial: optuna.Trial) -> float:
        """Mean loss over clusters of a trial's setting, pruned fold by fold."""
        settings = _settings(_suggest(trial, self.groups), self.groups)
        scores = np.full(len(self.rows), np.nan)
        for step, fold in enumerate(self.folds):
            self._fill(scores, settings, fold)
            trial.report(self._loss(scores, np.isin(self.units, fold)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        self.known[repr(settings)] = scores
        return self._loss(scores, np.ones(len(scores), dtype=bool))

    def loss_of(self, settings: Settings) -> float:
        """Loss of a setting outside a search."""
        return self._loss(self.scores(settings), np.ones(len(self.rows), dtype=bool))

    def scores(self, settings: Settings) -> Floats:
        """Out-of-fold scores of a setting, shape (n_rows,)."""
        key = repr(settings)
        if key not in self.known:
            scores = np.full(len(self.rows), np.nan)
            for fold in self.folds:
                self._fill(scores, settings, fold)
            self.known[key] = scores
        return self.known[key]

    def _fill(self, scores: Floats, settings: Settings, fold: Sequence[str]) -> None:
        away = np.isin(self.units, fold)
        model = GainModel.fit(
            self.rows[~away],
            settings=settings,
            catalogue=self.catalogue,
            seed=self.plan.seed,
            fixed=self.fixed,
        )
        scores[away] = model.score(self.rows[away].assign(held_out=NEW), fixed=self.fixed)

    def _loss(self, scores: Floats, among: npt.NDArray[np.bool_]) -> float:
        """Mean over clusters of regret@1 and regret@3, halved, among some rows."""
        gains = self.rows["gain"].to_numpy(dtype=np.float64)
        losses: dict[str, list[float]] = {}
        for places, cluster in self.queries:
            kept = places[among[places]]
            if len(kept) > 1:
                regrets = [regret_at(scores[kept], gains[kept], k=k) for k in (1, 3)]
                losses.setdefault(cluster, []).append(float(np.mean(regrets)))
        return float(np.mean([np.mean(values) for values in losses.values()])) if losses else 0.0


def _found(
    inner: _InnerFolds, chosen: Sequence[tuple[Settings, float]], *, n_trials: int, n_pruned: int
) -> Found:
    absolute = inner.rows["absolute"].to_numpy(dtype=bool)
    gains = inner.rows["gain"].to_numpy(dtype=np.float64)
    choices, expected = [], np.zeros(len(inner.rows))
    for settings, loss in chosen:
        scores = inner.scores(settings)
        scale = GainScale.fit(scores[absolute], gains[absolute])
        choices.append(Choice(settings, scale, loss))
        expected += scale.gain(scores) / len(chosen)
    everywhere = np.full(inner.n_rows, np.nan)
    everywhere[inner.places] = expected
    return Found(tuple(choices), n_trials, n_pruned, everywhere)


def _default_trial(groups: tuple[Group, ...]) -> dict[str, Any]:
    trial: dict[str, Any] = {
        "objective": "rank_xendcg",
        "n_trees": 30,
        "learning_rate": 0.05,
        "n_leaves": 4,
        "min_rows": 40,
        "l2": 20.0,
        "column_share": 0.5,
        "prior_weight": 1.5,
        "grade_step": 0.5,
        "noise": DEFAULT_POOLING.noise,
    }
    if "history" in groups:
        trial |= {f"spread_{name}": spread for name, spread in DEFAULT_POOLING.spreads.items()}
    return trial


def _suggest(trial: optuna.Trial, groups: tuple[Group, ...]) -> dict[str, Any]:
    """Ranges keep the trees small: with a dozen independent targets, larger ones memorise."""
    values: dict[str, Any] = {
        "objective": trial.suggest_categorical("objective", OBJECTIVES),
        "n_trees": trial.suggest_int("n_trees", 0, 100),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "n_leaves": trial.suggest_int("n_leaves", 2, 8),
        "min_rows": trial.suggest_int("min_rows", 10, 80, log=True),
        "l2": trial.suggest_float("l2", 1.0, 100.0, log=True),
        "column_share": trial.suggest_float("column_share", 0.2, 1.0),
        "prior_weight": trial.suggest_float("prior_weight", 0.5, 3.0, log=True),
        "grade_step": trial.suggest_float("grade_step", 0.2, 1.0, log=True),
        "noise": trial.suggest_float("noise", 0.4, 1.6, log=True),
    }
    if "history" in groups:
        for name, (low, high) in _SPREAD_RANGE.items():
            values[f"spread_{name}"] = trial.suggest_float(f"spread_{name}", low, high, log=True)
    return values


def _settings(values: dict[str, Any], groups: tuple[Group, ...]) -> Settings:
    spreads = {
        effect.name: float(values[f"spread_{effect.name}"])
        for effect in EFFECTS
        if f"spread_{effect.name}" in values
    }
    pooling = Pooling(spreads, level=DEFAULT_POOLING.level, noise=float(values["noise"]))
    ranker = {
        name: value
        for name, value in values.items()
        if name != "noise" and not name.startswith("spread_")
    }
    return Settings(groups=groups, pooling=pooling, ranker=ranker)


def _open_study(inner: _InnerFolds, plan: Plan) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=f"metaselect-{_fingerprint(inner)}",
        storage=_storage(plan.storage),
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=plan.seed, n_startup_trials=8),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )


def _storage(storage: str | None) -> optuna.storages.BaseStorage | str | None:
    if storage is None or "://" in storage:
        return storage
    Path(storage).parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(storage))


def _fingerprint(inner: _InnerFolds) -> str:
    """Names what a search depends on, so that other data or groups start a search of their own."""
    columns = ["query", "intermediate", "held_out", "gain", "gain_se"]
    content = pd.util.hash_pandas_object(inner.rows[columns], index=False).to_numpy().tobytes()
    plan = {key: value for key, value in asdict(inner.plan).items() if key != "storage"}
    plan.pop("n_trials")  # more trials go on with the same search
    text = f"{inner.groups}{sorted(plan.items())}"
    return hashlib.blake2b(content + text.encode(), digest_size=8).hexdigest()
