"""How much English training data the intermediate and the target have."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import TaskCard
from metaselect.features.base import Feature, Floats, Values, World

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
