"""How much English training data the intermediate and the target have, and how much was used."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import TaskCard
from metaselect.features.base import Feature, Floats, Values, World
from metaselect.runs.gains import TRAIN_EXAMPLES

_SOURCE = "training sizes of the task cards"


def card_values(names: pd.Series, world: World, read: Callable[[TaskCard], float | None]) -> Floats:
    """One number from each named task's card; NaN without a card or where the card has none."""
    values = np.full(len(names), np.nan)
    for position, name in enumerate(names):
        if name in world.catalogue:
            value = read(world.catalogue[name])
            values[position] = np.nan if value is None else value
    return values


def of_card(column: str, read: Callable[[TaskCard], float | None]) -> Values:
    """A feature's function: a number from the card of the task in one column."""
    return lambda keys, world: card_values(keys[column], world, read)


def gap_of_cards(read: Callable[[TaskCard], float | None]) -> Values:
    """A feature's function: the intermediate's number minus the target's."""
    return lambda keys, world: (
        card_values(keys["intermediate"], world, read) - card_values(keys["target"], world, read)
    )


def with_examples(world: World, rows: pd.DataFrame) -> World:
    """A world that also knows how many examples the intermediates of some rows were trained on.

    Args:
        world: What it knows of an intermediate in a study already stays.
        rows: Gains; without the column train_examples they tell nothing.
    """
    if TRAIN_EXAMPLES not in rows:
        return world
    told = rows[rows[TRAIN_EXAMPLES] > 0]
    means = told.groupby(["study", "intermediate"], observed=True)[TRAIN_EXAMPLES].mean()
    found = {study: dict(own) for study, own in world.examples.items()}
    for study, name, examples in means.reset_index().itertuples(index=False):
        found.setdefault(str(study), {}).setdefault(str(name), float(examples))
    return replace(world, examples=found)


def _log_examples(keys: pd.DataFrame, world: World) -> Floats:
    """As the row's own study tells, else the mean of those that do."""
    values = np.full(len(keys), np.nan)
    for place, (study, name) in enumerate(zip(keys["study"], keys["intermediate"], strict=True)):
        own = world.examples.get(str(study), {})
        others = (other[name] for other in world.examples.values() if name in other)
        told = [own[name]] if name in own else list(others)
        if told:
            values[place] = math.log10(max(float(np.mean(told)), 1.0))
    return values


def _log_size(card: TaskCard) -> float | None:
    return math.log10(card.train_size) if card.train_size else None


FEATURES = (
    Feature(
        name="log_size_intermediate",
        groups=("size",),
        keys=("intermediate",),
        words="training data of the intermediate",
        unit="log10 rows",
        low=0.0,
        high=12.0,
        missing="no card, or no training data",
        source=_SOURCE,
        values=of_card("intermediate", _log_size),
    ),
    Feature(
        name="log_examples_intermediate",
        groups=("size",),
        keys=("study", "intermediate"),
        words="examples that the intermediate was trained on",
        unit="log10 examples",
        low=0.0,
        high=12.0,
        missing="no run of the intermediate tells",
        source="column train_examples of the runs, repeats counted",
        values=_log_examples,
    ),
    Feature(
        name="log_size_target",
        groups=("size",),
        keys=("target",),
        words="training data of the target",
        unit="log10 rows",
        low=0.0,
        high=12.0,
        missing="no card, or no training data",
        source=_SOURCE,
        values=of_card("target", _log_size),
    ),
    Feature(
        name="log_size_ratio",
        groups=("size",),
        keys=("intermediate", "target"),
        words="training data of the intermediate over the target's",
        unit="log10",
        low=-12.0,
        high=12.0,
        missing="either size missing",
        source="size ratio as in LangRank (Lin et al. 2019), in logs",
        values=gap_of_cards(_log_size),
    ),
)
