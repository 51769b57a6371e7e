"""The feature record, and the values of features over rows of candidates.

A feature is a function of a few columns of a row (its `keys`): of the intermediate, of the target,
of the language, of a pair. Values are computed once for each distinct key and spread over the
rows, so that a million rows cost little more than their distinct keys. Products of two features are
the only way a language can reorder English intermediates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product as pairs
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.runs.keys import distinct_keys

if TYPE_CHECKING:
    from metaselect.features.history import History
    from metaselect.features.profiles import Profiles

Group = Literal["size", "difficulty", "language", "diversity", "affinity", "history", "measured"]
DEFAULT_GROUPS: tuple[Group, ...] = (
    "size", "difficulty", "language", "diversity", "affinity", "history"
)  # fmt: skip
GROUPS: tuple[Group, ...] = (*DEFAULT_GROUPS, "measured")
"""All groups. A measured feature belongs to `measured` and to the group of what it says."""
Floats = npt.NDArray[np.float64]


_TIMES = "_x_"


@dataclass(frozen=True, slots=True)
class World:
    """What features are computed from.

    Attributes:
        catalogue: Task cards; a task without one has missing values.
        history: Gains known from training runs; None where a selector has seen none.
        profiles: Likewise, what tasks give as intermediates.
        examples: How many examples intermediates were trained on, by study and name, where runs
            tell.
    """

    catalogue: Catalogue
    history: "History | None" = None
    profiles: "Profiles | None" = None
    examples: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


Values = Callable[[pd.DataFrame, World], Floats]
"""Takes the distinct keys (one column a key, fresh index) and gives shape (n_keys,); NaN is
missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature: what it is, what range it has, and how it is computed.

    Attributes:
        name: Unique, snake_case, with its unit where it has one.
        groups: Groups that it belongs to: a product to both of its factors', a measured feature to
            `measured` too. It goes when any of them goes.
        keys: Columns that it is a function of, among those of `features.table.prepare`: study,
            encoder, intermediate, target, language, their kinds and family, and held_out.
        words: What it says, for reasons shown to people ("training size of the intermediate").
        unit: Unit, or "" for a pure number.
        low, high: Range that values must lie in; infinities where there is none.
        missing: When it is missing.
        source: Formula's paper, or where the facts come from.
        values: The function; None of a product.
        factors: Of a product, the two features that are multiplied; missing where either is.
        otherwise: What the value 0 says, of a feature that is 0 or 1.
    """

    name: str
    groups: tuple[Group, ...]
    keys: tuple[str, ...]
    words: str
    unit: str
    low: float
    high: float
    missing: str
    source: str
    values: Values | None = None
    factors: "tuple[Feature, Feature] | None" = None
    otherwise: str | None = None


def compute(features: Sequence[Feature], rows: pd.DataFrame, world: World) -> pd.DataFrame:
    """Values of the features over rows, shape (n_rows, n_features), float32, same index.

    Args:
        features: What to compute; their order is the order of the columns.
        rows: Candidates, with every column that the features name as keys.
        world: Cards and history.

    Raises:
        ValueError: A feature gave a wrong shape or a value outside its range.
    """
    matrix = np.empty((len(rows), len(features)), dtype=np.float32, order="F")
    columns = _Columns(rows, world)
    for place, feature in enumerate(features):
        matrix[:, place] = columns.of(feature)
    return pd.DataFrame(matrix, index=rows.index, columns=[f.name for f in features], copy=False)


def product_of(first: Feature, second: Feature) -> Feature:
    """The feature first × second, of both factors' groups; missing where either is."""
    corners = [a * b for a, b in pairs((first.low, first.high), (second.low, second.high))]
    groups: tuple[Group, ...] = tuple(dict.fromkeys((*first.groups, *second.groups)))
    return Feature(
        name=f"{first.name}{_TIMES}{second.name}",
        groups=groups,
        keys=tuple(dict.fromkeys((*first.keys, *second.keys))),
        words=f"{first.words} × {second.words}",
        unit=" x ".join(unit for unit in (first.unit, second.unit) if unit),
        low=min(corners),
        high=max(corners),
        missing="either factor missing",
        source="product of its two factors",
        factors=(first, second),
    )


def products_of(features: Sequence[Feature], names: Sequence[tuple[str, str]]) -> list[Feature]:
    """The named products of features."""
    by_name = {feature.name: feature for feature in features}
    return [product_of(by_name[first], by_name[second]) for first, second in names]


class _Columns:
    """Features over rows, each computed once for its distinct keys, whatever products use it."""

    def __init__(self, rows: pd.DataFrame, world: World) -> None:
        self._rows, self._world = rows, world
        self._keys: dict[tuple[str, ...], tuple[npt.NDArray[np.intp], pd.DataFrame]] = {}
        self._values: dict[Feature, Floats] = {}

    def of(self, feature: Feature) -> Floats:
        """Values of each row, shape (n_rows,)."""
        if feature.factors is not None:
            first, second = feature.factors
            return self.of(first) * self.of(second)
        if feature.keys not in self._keys:
            self._keys[feature.keys] = distinct_keys(self._rows, feature.keys)
        codes, keys = self._keys[feature.keys]
        if feature not in self._values:
            self._values[feature] = _checked(feature, keys, self._world)
        return self._values[feature][codes]


def _checked(feature: Feature, keys: pd.DataFrame, world: World) -> Floats:
    if feature.values is None:
        raise ValueError(f"{feature.name} has neither a function nor factors")
    values = np.asarray(feature.values(keys, world), dtype=np.float64)
    if values.shape != (len(keys),):
        raise ValueError(f"{feature.name} gave shape {values.shape} for {len(keys)} keys")
    known = values[~np.isnan(values)]
    if known.size and (known.min() < feature.low or known.max() > feature.high):
        raise ValueError(
            f"{feature.name} gave {known.min():.4g} to {known.max():.4g}, "
            f"outside {feature.low} to {feature.high}"
        )
    return values
