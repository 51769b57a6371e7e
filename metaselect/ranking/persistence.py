"""A predictor as text: LightGBM's own model format and JSON, never a pickle."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.base import GROUPS
from metaselect.features.history import History, Pooling
from metaselect.files import is_inside, write_text
from metaselect.ranking.intervals import ConformalRadius
from metaselect.ranking.linear import LinearGain
from metaselect.ranking.model import GainModel, GainScale, Settings
from metaselect.ranking.predictor import Choice, Predictor
from metaselect.ranking.ranker import TaskRanker


def predictor_to_json(predictor: Predictor, folder: Path, *, prefix: str) -> dict[str, Any]:
    """Write a predictor's trees into a folder; return the rest for a JSON file.

    Args:
        predictor: What to save.
        folder: Where tree files go, as `<prefix>-<model>-<seed>.txt`.
        prefix: Tells this predictor's files from another's.
    """
    models = []
    pairs = zip(predictor.models, predictor.choices, strict=True)
    for number, (model, choice) in enumerate(pairs):
        names = []
        for seed, booster in enumerate(model.ranker.boosters_):
            names.append(f"{prefix}-{number}-{seed}.txt")
            write_text(folder / names[-1], booster.model_to_string())
        models.append(
            {
                "features": [feature.name for feature in model.features],
                "settings": asdict(choice.settings),
                "linear": asdict(model.linear),
                "scale": asdict(choice.scale),
                "loss": choice.loss,
                "spread": model.ranker.spread_,
                "boosters": names,
                "history": None if model.history is None else _history_to_json(model.history),
            }
        )
    return {
        "models": models,
        "radius": asdict(predictor.radius),
        "n_trials": predictor.n_trials,
        "n_pruned": predictor.n_pruned,
    }


def predictor_from_json(
    content: Mapping[str, Any], folder: Path, *, catalogue: Catalogue
) -> Predictor:
    """Read a predictor back; expected gains are the same to the last bit.

    Raises:
        MetaselectError: The features are not those of this version, or trees cannot be read.
    """
    models, choices = [], []
    for entry in content["models"]:
        settings = _settings_from_json(entry["settings"])
        history = None if entry["history"] is None else _history_from_json(entry["history"])
        ranker = TaskRanker(**settings.ranker)
        ranker.spread_ = float(entry["spread"])
        model = GainModel(settings, _linear_from_json(entry["linear"]), history, ranker, catalogue)
        names = [feature.name for feature in model.features]
        if names != entry["features"]:
            raise MetaselectError(
                f"{folder} was trained on other features than this version computes: train it "
                "again with metaselect train."
            )
        ranker.n_features_in_ = len(names)
        ranker.boosters_ = [
            _read_trees(folder, str(name), n_features=len(names)) for name in entry["boosters"]
        ]
        models.append(model)
        choices.append(Choice(settings, GainScale(**entry["scale"]), float(entry["loss"])))
    return Predictor(
        tuple(models),
        tuple(choices),
        ConformalRadius(**content["radius"]),
        int(content["n_trials"]),
        int(content["n_pruned"]),
    )


def _settings_from_json(entry: Mapping[str, Any]) -> Settings:
    groups = tuple(group for group in GROUPS if group in entry["groups"])
    pooling, spread = Pooling(**entry["pooling"]), float(entry["linear_spread"])
    return Settings(groups, pooling, spread, dict(entry["ranker"]))


def _linear_from_json(entry: Mapping[str, Any]) -> LinearGain:
    return LinearGain(*(tuple(entry[name]) for name in ("names", "means", "scales", "slopes")))


def _history_to_json(history: History) -> dict[str, Any]:
    """Levels and their effects with all units: what new rows need."""
    return {
        name: {
            str(level): None if np.isnan(value) else float(value)
            for level, value in zip(index, history.values[name][0], strict=True)
        }
        for name, index in history.levels.items()
    }


def _history_from_json(entry: Mapping[str, Mapping[str, float | None]]) -> History:
    levels = {name: pd.Index(list(table), dtype=object) for name, table in entry.items()}
    values = {
        name: np.array([[np.nan if value is None else value for value in table.values()]])
        for name, table in entry.items()
    }
    return History(levels, values, {})


def _read_trees(folder: Path, name: str, *, n_features: int) -> lightgbm.Booster:
    path = folder / name
    if not is_inside(name):
        raise MetaselectError(f"{folder} names trees outside its folder: {name}.")
    try:
        trees = lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
        raise MetaselectError(f"{path} does not hold LightGBM trees: {error}.") from error
    if trees.num_feature() != n_features:
        raise MetaselectError(
            f"{path} takes {trees.num_feature()} features, but its predictor has {n_features}."
        )
    return trees
