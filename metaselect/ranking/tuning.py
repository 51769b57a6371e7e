"""Optuna chooses the settings on inner folds of whole units; the models are fitted on all rows.

The one owner of Optuna. A search is in memory unless it is given a storage: a journal file or a
PostgreSQL URL, where a broken search goes on from its last trial and several processes may share
the work (SQLite locks under them).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from scipy import stats

from metaselect.catalogue.tasks import Catalogue
from metaselect.features.base import Group
from metaselect.parallel import ExecutorName
from metaselect.ranking.innerfolds import InnerFolds
from metaselect.ranking.intervals import GainSpread, Residuals
from metaselect.ranking.model import GainModel, Settings
from metaselect.ranking.predictor import ChosenSettings, Predictor
from metaselect.ranking.searchspace import (
    N_TREES,
    default_settings,
    default_values,
    settings_of,
    settings_with_trees,
    suggest,
)
from metaselect.seeding import derive_seed

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

_TRIED = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How the hyperparameter search runs.

    Attributes:
        n_trials: Settings tried, including the defaults; 1 means only the defaults.
        n_folds: Inner folds of whole units; fewer where there are fewer units.
        n_best: Maximum number of best settings whose models are averaged.
        seed: Seed of folds, sampler and trees.
        chance: Significance level at which found settings replace the defaults; None takes the
            best settings without a test.
        trees: Without a search, whether inner folds decide if trees are used.
        storage: Journal file or database URL for Optuna; None keeps the search in memory.
        workers: Processes that share the search.
        executor: Where they run: on this machine, or one per core of a Ray cluster.
    """

    n_trials: int
    n_folds: int
    n_best: int
    seed: int
    chance: float | None
    trees: bool = True
    storage: str | None = None
    workers: int = 1
    executor: ExecutorName = "local"


def fit_predictor(
    rows: pd.DataFrame,
    *,
    catalogue: Catalogue,
    groups: Sequence[Group],
    search: SearchSettings,
    level: float,
    progress: Progress | None = None,
) -> Predictor:
    """Search settings on inner folds of the rows' units, then fit the best on all rows.

    Args:
        rows: From `features.table.prepare`, with `held_out` naming the units.
        catalogue: Task cards.
        groups: Feature groups to use.
        search: How to search.
        level: Coverage of the gains' intervals.
        progress: Called with a line after each trial.

    Raises:
        MetaselectError: Fewer than two units.
    """
    inner = InnerFolds(rows, catalogue, groups, n_folds=search.n_folds, seed=search.seed)
    chosen, n_trials, n_pruned = _search(inner, search, progress)
    choices = tuple(
        ChosenSettings(settings, inner.scale_of(settings), inner.loss_of(settings))
        for settings in chosen
    )
    models = tuple(
        GainModel.fit(rows, settings=settings, catalogue=catalogue, seed=search.seed)
        for settings in chosen
    )
    residuals, spread = _residuals(inner, chosen, level)
    return Predictor(
        models, choices, residuals, spread, n_trials, n_pruned, random_loss=inner.random_loss()
    )


def try_settings(
    rows: pd.DataFrame,
    catalogue: Catalogue,
    groups: Sequence[Group],
    search: SearchSettings,
    helper: int,
) -> None:
    """Run trials of a shared search until enough are done or running.

    Args:
        rows: As for `fit_predictor`.
        catalogue: Task cards.
        groups: Feature groups to use.
        search: With a storage that all processes reach.
        helper: Number of this process; processes with equal numbers would try equal settings.
    """
    inner = InnerFolds(rows, catalogue, groups, n_folds=search.n_folds, seed=search.seed)
    if inner.groups:
        _try(inner, search, None, states=(*_TRIED, optuna.trial.TrialState.RUNNING), helper=helper)


def _search(
    inner: InnerFolds, search: SearchSettings, progress: Progress | None
) -> tuple[list[Settings], int, int]:
    """The best settings, best first, with the number of trials and of those cut short."""
    if search.n_trials == 1 or not inner.groups:
        return [_usual_settings(inner, trees=search.trees)], 1, 0
    study = _try(inner, search, progress, states=_TRIED)
    n_tried = len(study.get_trials(deepcopy=False, states=_TRIED))
    done = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    best = sorted(done, key=lambda trial: (trial.value, trial.number))
    settings = [settings_of(trial.params, inner.groups) for trial in best]
    if search.chance is not None:
        settings = _proven(inner, settings, chance=search.chance / n_tried)
    return settings[: search.n_best], n_tried, n_tried - len(done)


def _try(
    inner: InnerFolds,
    search: SearchSettings,
    progress: Progress | None,
    *,
    states: tuple[optuna.trial.TrialState, ...],
    helper: int | None = None,
) -> optuna.Study:
    """Run trials until `search.n_trials` of them are in one of the given states."""
    study = _open_study(inner, search)

    def objective(trial: optuna.Trial) -> float:
        settings = settings_of(suggest(trial, inner.groups), inner.groups)
        for step, loss in enumerate(inner.steps(settings)):
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return inner.loss_of(settings)

    while (n_tried := len(study.get_trials(deepcopy=False, states=states))) < search.n_trials:
        study.sampler = _sampler(study, search, helper)
        if not helper:
            _enqueue_start(study, inner.groups)
        study.optimize(objective, n_trials=1)
        if progress is not None:
            best = f"best mean regret {study.best_value * 100:.2f} points"
            progress(f"trial {n_tried + 1}/{search.n_trials}  {best}")
    return study


def _proven(inner: InnerFolds, settings: Sequence[Settings], *, chance: float) -> list[Settings]:
    """The settings that beat the defaults by more than the best of so many tries would by chance.

    A paired t-test over clusters, one-sided, with Bonferroni's correction: a dozen targets cannot
    tell good settings from lucky ones, and the lucky ones do worse on the next target. Where none
    is proven, the defaults stand.
    """
    start = _usual_settings(inner, trees=True)
    usual = inner.losses_of(start)
    better = [item for item in settings if _beats(inner.losses_of(item), usual, chance=chance)]
    return better or [start]


def _usual_settings(inner: InnerFolds, *, trees: bool) -> Settings:
    """The settings without a search: trees where inner folds say that they help.

    They are kept where the mean loss over clusters falls by more than its standard error.
    """
    plain = default_settings(inner.groups)
    if not trees or not inner.groups:
        return plain
    usual = inner.losses_of(plain)
    grown = settings_with_trees(inner.groups)
    losses = inner.losses_of(grown)
    gained = np.array([usual[cluster] - losses[cluster] for cluster in usual])
    helps = len(gained) > 1 and gained.mean() > stats.sem(gained)
    return grown if helps else plain


def _beats(losses: Mapping[str, float], usual: Mapping[str, float], *, chance: float) -> bool:
    gained = np.array([usual[cluster] - losses[cluster] for cluster in usual])
    if len(gained) < 2 or gained.mean() <= 0 or not np.ptp(gained) > 0:
        return False
    return bool(stats.ttest_1samp(gained, 0.0, alternative="greater").pvalue < chance)


def _enqueue_start(study: optuna.Study, groups: Sequence[Group]) -> None:
    """The defaults come first, then trees on them; also where a broken search lost them."""
    known = [trial.params for trial in study.get_trials(states=_TRIED)]
    for start in (default_values(groups), {**default_values(groups), "n_trees": N_TREES}):
        if start not in known:
            study.enqueue_trial(start)
            return


def _sampler(
    study: optuna.Study, search: SearchSettings, helper: int | None
) -> optuna.samplers.BaseSampler:
    """A sampler for the next trial, seeded by its place: a resumed search equals an unbroken one,
    and processes that share a search do not try the same settings. Trials cut off do not count.
    """
    trials = study.get_trials(deepcopy=False)
    place = sum(trial.state != optuna.trial.TrialState.FAIL for trial in trials)
    names = (str(place),) if helper is None else (str(place), str(helper))
    seed = derive_seed(search.seed, "trial", *names)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=8)


def _residuals(
    inner: InnerFolds, chosen: Sequence[Settings], level: float
) -> tuple[Residuals, GainSpread]:
    """Residuals of rows left out, scale and spread learnt without their unit as well."""
    rows = inner.absolute_rows
    expected = np.mean([inner.expected_gains(settings) for settings in chosen], axis=0)
    away = rows["gain"].to_numpy(dtype=np.float64) - expected
    units = rows["held_out"].to_numpy(dtype=object)
    scaled = np.full(len(rows), np.nan)
    for unit in sorted(set(units)):
        own = units == unit
        if not own.all():
            scaled[own] = away[own] / GainSpread.fit(away[~own], rows[~own]).of(rows[own])
    found = Residuals.of(scaled, units, level=level, units=inner.unit_description)
    return found, GainSpread.fit(away, rows)


def _open_study(inner: InnerFolds, search: SearchSettings) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a stopped trial warns with a traceback
    return optuna.create_study(
        study_name=f"metaselect-{_fingerprint(inner, search)}",
        storage=_storage(search.storage),
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )


def _storage(storage: str | None) -> optuna.storages.BaseStorage | str | None:
    if storage is None or "://" in storage:
        return storage
    Path(storage).parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(storage))


def _fingerprint(inner: InnerFolds, search: SearchSettings) -> str:
    """Names what a search depends on: other runs, task cards or groups start one of their own."""
    columns = ["query", "cluster", "intermediate", "held_out", "gain", "score_se"]
    facts = inner.fixed.round(4) + 0.0  # the same on every machine
    tables = (inner.rows[columns], facts)
    content = b"".join(
        pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes() for table in tables
    )
    fixed = (search.n_folds, search.seed)  # more trials go on with the same search
    text = f"{inner.groups}{fixed}"
    return hashlib.blake2b(content + text.encode(), digest_size=8).hexdigest()
