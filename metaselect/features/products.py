"""Products of two features: the only way a language can reorder English intermediates.

A product belongs to the groups of both factors and goes when either goes.
"""

from collections.abc import Sequence
from itertools import product as pairs

import numpy as np
import pandas as pd

from metaselect.features.base import Feature, Floats, Group, Values, World
from metaselect.runs.keys import distinct_keys

_TIMES = "_x_"


def product_of(first: Feature, second: Feature) -> Feature:
    """The feature first × second; missing where either is."""
    corners = [a * b for a, b in pairs((first.low, first.high), (second.low, second.high))]
    groups: tuple[Group, ...] = tuple(dict.fromkeys((*first.groups, *second.groups)))
    return Feature(
        name=f"{first.name}{_TIMES}{second.name}",
        groups=groups,
        keys=tuple(dict.fromkeys((*first.keys, *second.keys))),
        words=f"{first.words}, times {second.words}",
        unit=" x ".join(unit for unit in (first.unit, second.unit) if unit),
        low=min(corners),
        high=max(corners),
        missing="either factor missing",
        source="product of its two factors",
        values=_values(first, second),
    )


def products_of(features: Sequence[Feature], names: Sequence[tuple[str, str]]) -> list[Feature]:
    """The named products of features."""
    by_name = {feature.name: feature for feature in features}
    return [product_of(by_name[first], by_name[second]) for first, second in names]


def _values(first: Feature, second: Feature) -> Values:
    def values(keys: pd.DataFrame, world: World) -> Floats:
        return _spread(first, keys, world) * _spread(second, keys, world)

    return values


def _spread(factor: Feature, keys: pd.DataFrame, world: World) -> Floats:
    """A factor's values, computed once for each of its own keys."""
    codes, own = distinct_keys(keys, factor.keys)
    return np.asarray(factor.values(own, world), dtype=np.float64)[codes]
