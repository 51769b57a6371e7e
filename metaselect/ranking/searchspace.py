"""Settings that are sensible without a search, and the ranges that a search may try.

Ranges keep the trees small: with a dozen independent targets, larger ones memorise.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from metaselect.features.base import Group
from metaselect.features.history import EFFECTS, Pooling
from metaselect.ranking.model import Settings
from metaselect.ranking.relevance import Objective

DEFAULT_POOLING = Pooling(
    spreads={"popularity": 0.4, "study": 0.3, "kind": 0.3, "kinds": 0.3, "siblings": 0.2}
    | {"pair": 0.3, "family": 0.1},
    level=0.4,
    noise=1.0,
)
N_TREES = 30
"""Of a model with trees where nobody searched."""
_OBJECTIVES: tuple[Objective, ...] = ("lambdarank", "rank_xendcg", "regression")
_SPREAD_RANGE = {
    "popularity": (0.2, 1.0),
    "study": (0.05, 0.6),
    "kind": (0.1, 0.8),
    "kinds": (0.05, 0.6),
    "siblings": (0.05, 0.6),
    "pair": (0.05, 0.6),
    "family": (0.05, 0.6),
}

_NOT_OF_TREES = ("noise", "linear_spread", "composite_share")


class Suggests(Protocol):
    """What an Optuna trial can do, as far as it is used here."""

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any:
        """One of the choices."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""


def default_settings(groups: Sequence[Group]) -> Settings:
    """Settings that are sensible without a search: the prior alone, without trees."""
    return settings_of(default_values(groups), groups)


def settings_with_trees(groups: Sequence[Group]) -> Settings:
    """The same with a few small trees."""
    return settings_of({**default_values(groups), "n_trees": N_TREES}, groups)


def are_default(settings: Settings) -> bool:
    """Whether settings are those without a search, with trees or without."""
    return settings in (default_settings(settings.groups), settings_with_trees(settings.groups))


def default_values(groups: Sequence[Group]) -> dict[str, Any]:
    """The values of the first trial of every search."""
    trial: dict[str, Any] = {
        "objective": "rank_xendcg",
        "n_trees": 0,
        "learning_rate": 0.05,
        "n_leaves": 4,
        "min_rows": 40,
        "l2": 20.0,
        "column_share": 0.5,
        "prior_weight": 1.5,
        "grade_step": 0.5,
        "linear_spread": 0.3,
        "composite_share": 1 / 3,
        "noise": DEFAULT_POOLING.noise,
    }
    if "history" in groups:
        trial |= {f"spread_{name}": spread for name, spread in DEFAULT_POOLING.spreads.items()}
    return trial


def suggest(trial: Suggests, groups: Sequence[Group]) -> dict[str, Any]:
    """The values of a trial, asked of Optuna."""
    values: dict[str, Any] = {
        "objective": trial.suggest_categorical("objective", _OBJECTIVES),
        "n_trees": trial.suggest_int("n_trees", 0, 100),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "n_leaves": trial.suggest_int("n_leaves", 2, 8),
        "min_rows": trial.suggest_int("min_rows", 10, 80, log=True),
        "l2": trial.suggest_float("l2", 1.0, 100.0, log=True),
        "column_share": trial.suggest_float("column_share", 0.2, 1.0),
        "prior_weight": trial.suggest_float("prior_weight", 0.5, 3.0, log=True),
        "grade_step": trial.suggest_float("grade_step", 0.2, 1.0, log=True),
        "linear_spread": trial.suggest_float("linear_spread", 0.03, 1.0, log=True),
        "composite_share": trial.suggest_float("composite_share", 0.0, 0.6),
        "noise": trial.suggest_float("noise", 0.4, 1.6, log=True),
    }
    if "history" in groups:
        for name, (low, high) in _SPREAD_RANGE.items():
            values[f"spread_{name}"] = trial.suggest_float(f"spread_{name}", low, high, log=True)
    return values


def settings_of(values: dict[str, Any], groups: Sequence[Group]) -> Settings:
    """Values of a trial as settings."""
    spreads = {
        effect.name: float(values[f"spread_{effect.name}"])
        for effect in EFFECTS
        if f"spread_{effect.name}" in values
    }
    pooling = Pooling(spreads, level=DEFAULT_POOLING.level, noise=float(values["noise"]))
    ranker = {
        name: value
        for name, value in values.items()
        if name not in _NOT_OF_TREES and not name.startswith("spread_")
    }
    return Settings(
        tuple(groups),
        pooling,
        float(values["linear_spread"]),
        float(values["composite_share"]),
        ranker,
    )
