"""A predictor as text: LightGBM's own model format and JSON, never a pickle."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.base import GROUPS, World
from metaselect.features.history import History, Pooling
from metaselect.features.profiles import WHOLE, Profiles
from metaselect.files import is_inside, write_text
from metaselect.ranking.composite import Composite
from metaselect.ranking.intervals import GainSpread, Residuals
from metaselect.ranking.linear import LinearGain
from metaselect.ranking.model import GainModel, Settings
from metaselect.ranking.predictor import ChosenSettings, Predictor
from metaselect.ranking.ranker import TaskRanker
from metaselect.ranking.scale import GainScale


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
                "composite": asdict(model.composite),
                **_world_to_json(model.world),
            }
        )
    return {
        "models": models,
        "residuals": asdict(predictor.residuals),
        "spread": asdict(predictor.spread),
        "n_trials": predictor.n_trials,
        "n_pruned": predictor.n_pruned,
        "random_loss": predictor.random_loss,
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
        world = _world_from_json(entry, catalogue)
        ranker = TaskRanker(**settings.ranker)
        ranker.spread_ = float(entry["spread"])
        linear, composite = (
            _linear_from_json(entry["linear"]),
            Composite.from_json(entry["composite"]),
        )
        model = GainModel(settings, linear, world, composite, ranker)
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
        choices.append(ChosenSettings(settings, GainScale(**entry["scale"]), float(entry["loss"])))
    return Predictor(
        tuple(models),
        tuple(choices),
        Residuals.from_json(content["residuals"]),
        GainSpread(**content["spread"]),
        int(content["n_trials"]),
        int(content["n_pruned"]),
        content.get("random_loss"),
    )


def _settings_from_json(entry: Mapping[str, Any]) -> Settings:
    groups = tuple(group for group in GROUPS if group in entry["groups"])
    return Settings(
        groups,
        Pooling(**entry["pooling"]),
        float(entry["linear_spread"]),
        float(entry["composite_share"]),
        dict(entry["ranker"]),
    )


def _linear_from_json(entry: Mapping[str, Any]) -> LinearGain:
    names = [field.name for field in fields(LinearGain)]
    return LinearGain(*(tuple(entry[name]) for name in names))


def _world_to_json(world: World) -> dict[str, Any]:
    """What training gains tell, as far as new rows need it."""
    return {
        "history": None if world.history is None else _history_to_json(world.history),
        "profiles": None if world.profiles is None else _profiles_to_json(world.profiles),
        "examples": world.examples,
    }


def _world_from_json(entry: Mapping[str, Any], catalogue: Catalogue) -> World:
    history, profiles = entry["history"], entry["profiles"]
    return World(
        catalogue,
        None if history is None else _history_from_json(history),
        None if profiles is None else _profiles_from_json(profiles),
        entry["examples"],
    )


def _profiles_to_json(profiles: Profiles) -> dict[str, Any]:
    """Standardised gains with all units."""
    gains = [
        [None if np.isnan(gain) else float(gain) for gain in row] for row in profiles.gains[WHOLE]
    ]
    return {
        "intermediates": profiles.intermediates,
        "targets": profiles.targets,
        "gains": gains,
        "sources": profiles.sources,
    }


def _profiles_from_json(entry: Mapping[str, Any]) -> Profiles:
    gains = np.array(
        [[np.nan if gain is None else gain for gain in row] for row in entry["gains"]],
        dtype=np.float64,
    )
    shape = (len(entry["intermediates"]), len(entry["targets"]))
    return Profiles(
        entry["intermediates"], entry["targets"], {WHOLE: gains.reshape(shape)}, entry["sources"]
    )


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
