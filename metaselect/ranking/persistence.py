"""A predictor as text: LightGBM's own model format and JSON, never a pickle.

LightGBM believes what stands in its text: a tree that is cut short, or whose children point
elsewhere, can end the whole process. So the text is checked before LightGBM reads it. Trees here
split on numbers alone and have one output.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

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

_END: Final = "end of trees"
_ONE_OUTPUT = ("num_class", "num_tree_per_iteration")
_NODES = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_NODES_IF_ANY = ("split_gain", "internal_value", "internal_weight", "internal_count")
_LEAVES_IF_ANY = ("leaf_weight", "leaf_count")
_MOST = 1 << 16  # leaves and features: more than any table of runs is worth
_PARAMETER = re.compile(r"\[\w+: .*\]", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|inf|nan)", re.ASCII)


def check_trees(text: str) -> None:
    """Refuse a text whose trees LightGBM cannot read safely.

    Raises:
        ValueError: What is wrong with it.
    """
    head, *trees = re.split(r"^(?=Tree=)", text.partition(_END)[0], flags=re.MULTILINE)
    if "\r" in text:
        raise ValueError("it has carriage returns")
    header = _fields(line for line in head.splitlines() if "=" in line)
    if any(header.get(name) != "1" for name in _ONE_OUTPUT):
        raise ValueError(f"{' and '.join(_ONE_OUTPUT)} are to be 1")
    if _END not in text or [len(tree.encode()) for tree in trees] != _whole(header, "tree_sizes"):
        raise ValueError("its trees are not as long as tree_sizes says")
    _check_parameters(text.partition(_END)[2])
    n_features = _count(header, "max_feature_idx", least=0) + 1
    for number, tree in enumerate(trees):
        try:
            _check_tree(tree, number, n_features)
        except ValueError as error:
            raise ValueError(f"tree {number} is broken: {error}") from error


def _check_parameters(text: str) -> None:
    _, found, rest = text.partition("\nparameters:\n")
    lines, end, _ = rest.partition("\nend of parameters\n")
    if not found or not end:
        raise ValueError("it has no parameters")
    wrong = [line for line in lines.split("\n") if line and not _PARAMETER.fullmatch(line)]
    if wrong:
        raise ValueError(f"{wrong[0][:60]!r} is no parameter")


def _check_tree(text: str, number: int, n_features: int) -> None:
    fields = _fields(line for line in text.splitlines() if line)
    plain = {"Tree": str(number), "num_cat": "0", "is_linear": "0"}
    if any(_given(fields, name) != value for name, value in plain.items()):
        raise ValueError("another number, categories, or linear leaves")
    n_leaves = _count(fields, "num_leaves", least=1)
    for name in (*_NODES, *(name for name in _NODES_IF_ANY if fields.get(name))):
        _check_numbers(fields, name, n_leaves - 1)
    for name in ("leaf_value", *(name for name in _LEAVES_IF_ANY if fields.get(name))):
        _check_numbers(fields, name, n_leaves)
    _check_numbers(fields, "shrinkage", 1)
    if any(not 0 <= feature < n_features for feature in _whole(fields, "split_feature")):
        raise ValueError("it splits on a feature that is not there")
    children = [*_whole(fields, "left_child"), *_whole(fields, "right_child")]
    # every node but the root, and every leaf (-1 is the first), is a child exactly once; a child
    # node comes after its parent, so that no way down is a circle
    if sorted(children) != [*range(-n_leaves, 0), *range(1, n_leaves - 1)] and n_leaves > 1:
        raise ValueError("its children are not the nodes and leaves that it has")
    if any(0 <= child <= at % (n_leaves - 1) for at, child in enumerate(children)):
        raise ValueError("a node stands before its parent")


def _fields(lines: Iterable[str]) -> dict[str, str]:
    pairs = [line.partition("=") for line in lines]
    fields = {name: value for name, _, value in pairs}
    if len(fields) != len(pairs):
        raise ValueError("a line stands twice")
    return fields


def _whole(fields: Mapping[str, str], name: str) -> list[int]:
    _check_numbers(fields, name, len(_given(fields, name).split()))
    return [int(word) for word in fields[name].split()]


def _count(fields: Mapping[str, str], name: str, *, least: int) -> int:
    value = int(_given(fields, name))
    if not least <= value <= _MOST:
        raise ValueError(f"{name} is to be {least} to {_MOST}, not {value}")
    return value


def _given(fields: Mapping[str, str], name: str) -> str:
    if name not in fields:
        raise ValueError(f"{name} is missing")
    return fields[name]


def _check_numbers(fields: Mapping[str, str], name: str, count: int) -> None:
    words = _given(fields, name).split(" ") if _given(fields, name) else []
    if len(words) != count:
        raise ValueError(f"{name} is to have {count} numbers, not {len(words)}")
    if not all(re.fullmatch(_NUMBER, word) for word in words):
        raise ValueError(f"{name} has what is no number")


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
    return LinearGain(*(tuple(entry[name]) for name in ("names", "means", "scales", "slopes")))


def _world_to_json(world: World) -> dict[str, Any]:
    """What training gains tell, as far as new rows need it."""
    return {
        "history": None if world.history is None else _history_to_json(world.history),
        "profiles": None if world.profiles is None else _profiles_to_json(world.profiles),
    }


def _world_from_json(entry: Mapping[str, Any], catalogue: Catalogue) -> World:
    history, profiles = entry["history"], entry["profiles"]
    return World(
        catalogue,
        None if history is None else _history_from_json(history),
        None if profiles is None else _profiles_from_json(profiles),
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
