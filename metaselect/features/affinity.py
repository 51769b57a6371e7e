"""What an intermediate and a target share by their cards: kind, format, labels, source."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import TaskCard
from metaselect.features.base import Feature, Floats, Values, World
from metaselect.features.size import of_card

_CARDS = "task cards"


def _compare(same: Callable[[TaskCard, TaskCard], bool]) -> Values:
    def values(keys: pd.DataFrame, world: World) -> Floats:
        cards = world.catalogue
        return np.array(
            [
                float(same(cards[first], cards[second]))
                if first in cards and second in cards
                else np.nan
                for first, second in zip(keys["intermediate"], keys["target"], strict=True)
            ],
            dtype=np.float64,
        )

    return values


def _share_source(keys: pd.DataFrame, world: World) -> Floats:
    pairs = zip(keys["intermediate"], keys["target"], strict=True)
    return np.array([float(world.catalogue.share_source(*pair)) for pair in pairs])


def _n_outcomes(card: TaskCard) -> float | None:
    return card.n_choices or len(card.labels) or None


def _flag(name: str, words: str, otherwise: str, missing: str, values: Values) -> Feature:
    return Feature(
        name=name,
        groups=("affinity",),
        keys=("intermediate", "target"),
        words=words,
        otherwise=otherwise,
        unit="0 or 1",
        low=0.0,
        high=1.0,
        missing=missing,
        source=_CARDS,
        values=values,
    )


FEATURES = (
    _flag(
        "same_kind",
        "same kind of task",
        "another kind of task",
        "either has no card",
        _compare(lambda first, second: first.kind == second.kind),
    ),
    _flag(
        "same_head",
        "same output format",
        "another output format",
        "either has no card",
        _compare(lambda first, second: first.head == second.head),
    ),
    _flag("same_source", "shared training data", "no shared training data", "never", _share_source),
    Feature(
        name="n_outcomes_intermediate",
        groups=("affinity",),
        keys=("intermediate",),
        words="number of labels or choices of the intermediate",
        unit="outcomes",
        low=1.0,
        high=1e6,
        missing="no card, or neither labels nor choices",
        source=_CARDS,
        values=of_card("intermediate", _n_outcomes),
    ),
    _flag(
        "same_n_outcomes",
        "as many labels or choices",
        "another number of labels or choices",
        "either has no card",
        _compare(lambda first, second: _n_outcomes(first) == _n_outcomes(second)),
    ),
)
