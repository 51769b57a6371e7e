"""Intervals for gains, and the probability of a gain, that hold for a new unit.

Rows of one target are not exchangeable with another's; whole units are: clusters of targets where
new targets are asked about, language families where new languages are. Residuals of K units, each
unit weighing the same, plus one that is unknown and so infinite, give an interval that covers a
row of a new unit with at least the level asked, and none where K units cannot tell. Residuals are
divided by the spread expected of their row first, so that intervals are as wide as their row's:
gains on some targets, and of some intermediates, scatter more than others'.

Source:
    Lee, Barber and Willett 2023 (arXiv 2306.06342), hierarchical conformal prediction;
    Papadopoulos et al. 2011 for normalised residuals.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

_OWN_ROWS = 10.0  # residuals of a task that count as much as what is known of tasks in general
_OWN_CLUSTERS = 2.0  # clusters of a kind that count as much as what is known of all kinds

_N_QUANTILES = 200  # of the signed residuals that are kept


@dataclass(frozen=True, slots=True)
class GainSpread:
    """Expected size of a residual: target's spread x factor of the intermediate.

    Attributes:
        usual: Of a target of unknown kind, in gain, above 0.
        by_kind: Of targets of a kind that no run tells of themselves.
        by_target: Of targets seen.
        factor_by_intermediate: 1 for one that scatters as usual.
    """

    usual: float
    by_kind: Mapping[str, float]
    by_target: Mapping[str, float]
    factor_by_intermediate: Mapping[str, float]

    def of(self, rows: pd.DataFrame) -> Floats:
        """Spread of each row, shape (n_rows,); columns intermediate, target and target_kind."""
        target = _looked_up(rows["target"], self.by_target)
        kind = _looked_up(rows["target_kind"], self.by_kind)
        factor = _looked_up(rows["intermediate"], self.factor_by_intermediate)
        own = np.where(np.isnan(target), kind, target)
        own = np.where(np.isnan(own), self.usual, own)
        return np.asarray(own * np.where(np.isnan(factor), 1.0, factor), dtype=np.float64)

    @classmethod
    def fit(cls, residuals: Floats, rows: pd.DataFrame) -> "GainSpread":
        """Root mean squares of residuals, each drawn towards the more general one.

        Args:
            residuals: Observed minus expected gain of rows that the model had not seen; NaN is
                left out.
            rows: With columns cluster, target, target_kind and intermediate.
        """
        known = ~np.isnan(residuals)
        squares = residuals[known] ** 2
        columns = ("cluster", "target", "target_kind", "intermediate")
        cluster, target, kind, task = (_codes(rows[name][known]) for name in columns)
        by_cluster = _drawn(squares, cluster.of_rows, own=0.0, like=0.0)
        usual = float(by_cluster.mean()) if len(by_cluster) else 0.0
        if not usual > 0:
            return cls(1e-6, {}, {}, {})
        by_kind = _drawn(
            by_cluster, kind.of_rows[cluster.first], own=_OWN_CLUSTERS, like=usual,
            n_codes=len(kind.names),
        )  # fmt: skip
        like = by_kind[kind.of_rows[target.first]]
        by_target = _drawn(squares, target.of_rows, own=_OWN_ROWS, like=like)
        ratios = squares / by_target[target.of_rows]
        factors = _drawn(ratios, task.of_rows, own=_OWN_ROWS, like=1.0)
        tables = ((kind, by_kind), (target, by_target), (task, factors))
        return cls(usual**0.5, *(_roots(codes.names, values) for codes, values in tables))


@dataclass(frozen=True, slots=True)
class _Codes:
    """Names of rows as codes, the names, and the first row of each."""

    of_rows: npt.NDArray[np.intp]
    names: list[str]
    first: npt.NDArray[np.intp]


def _codes(names: pd.Series) -> _Codes:
    codes, distinct = pd.factorize(names)
    return _Codes(codes, [str(name) for name in distinct], np.unique(codes, return_index=True)[1])


def _drawn(
    values: Floats,
    codes: npt.NDArray[np.intp],
    *,
    own: float,
    like: Floats | float,
    n_codes: int = 0,
) -> Floats:
    """Means by code, drawn towards what they are like as if that were so many more members.

    A code without members, of `n_codes` in all, is what it is like.
    """
    n_codes = max(n_codes, int(codes.max()) + 1 if len(codes) else 0)
    sums = np.bincount(codes, values, minlength=n_codes)
    return np.asarray((sums + own * like) / (np.bincount(codes, minlength=n_codes) + own))


def _roots(names: Sequence[str], squares: Floats) -> dict[str, float]:
    return dict(zip(names, np.sqrt(squares).tolist(), strict=True))


def _looked_up(names: pd.Series, values: Mapping[str, float]) -> Floats:
    codes, distinct = pd.factorize(names)
    found = np.array([values.get(str(name), np.nan) for name in distinct], dtype=np.float64)
    return found[codes] if len(found) else np.empty(0)


@dataclass(frozen=True, slots=True)
class Residuals:
    """How far observed gains of unseen units lay from the expected ones, in expected spreads.

    Attributes:
        level: Coverage asked of intervals, such as 0.9.
        n_units: Units that residuals came from.
        units: What these are, for people ("clusters of targets").
        radius: Half-width of intervals in spreads; None where so few units allow no finite
            interval at that level.
        quantiles: Of the signed residuals, each unit weighing the same, from low to high.
    """

    level: float
    n_units: int
    units: str
    radius: float | None
    quantiles: tuple[float, ...]

    @classmethod
    def of(
        cls, residuals: Floats, names: npt.NDArray[np.object_], *, level: float, units: str
    ) -> "Residuals":
        """Residuals of rows that the model had not seen.

        Args:
            residuals: Observed minus expected gain, in expected spreads, shape (n,); NaN is left
                out.
            names: Unit of each row, same shape.
            level: Between 0 and 1, both excluded.
            units: What units are called.

        Raises:
            ValueError: level out of range.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {level=}")
        known = ~np.isnan(residuals)
        values = residuals[known]
        found, codes = np.unique(names[known].astype(str), return_inverse=True)
        if not len(found):
            return cls(level, 0, units, None, ())
        weights = 1.0 / np.bincount(codes)[codes]
        radius = _reached(np.abs(values), weights / (len(found) + 1), level)
        return cls(level, len(found), units, radius, _quantiles(values, weights / len(found)))

    def p_positive(self, expected: Floats, spread: Floats) -> Floats:
        """Probability that the gain is above 0, shape of expected.

        The share of the residuals that leave it so; the unknown unit counts half for it.
        """
        if not self.quantiles:
            return np.full(expected.shape, np.nan)
        needed = -expected / spread
        below = np.searchsorted(np.array(self.quantiles), needed, side="right")
        above = 1.0 - below / len(self.quantiles)
        return np.asarray((self.n_units * above + 0.5) / (self.n_units + 1), dtype=np.float64)

    @property
    def highest_level(self) -> float:
        """The highest level that this many units allow."""
        return self.n_units / (self.n_units + 1)

    def describe(self) -> str:
        """What a reader should know of the intervals, in a sentence."""
        if self.radius is not None:
            return f"{self.level:.0%} intervals from {self.n_units} {self.units}"
        needed = math.ceil(round(self.level / (1 - self.level), 9))
        return (
            f"no {self.level:.0%} interval: it needs {needed} {self.units}, there are "
            f"{self.n_units} (enough for {self.highest_level:.0%})"
        )

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Residuals":
        """The record back from its JSON form (`dataclasses.asdict`)."""
        radius = None if entry["radius"] is None else float(entry["radius"])
        return cls(
            level=float(entry["level"]),
            n_units=int(entry["n_units"]),
            units=str(entry["units"]),
            radius=radius,
            quantiles=tuple(float(value) for value in entry["quantiles"]),
        )


def _reached(sizes: Floats, weights: Floats, level: float) -> float | None:
    """The smallest size that the weights up to it bring to the level; None where none does."""
    order = np.argsort(sizes, kind="stable")
    enough = np.flatnonzero(np.cumsum(weights[order]) >= level - 1e-12)
    return float(sizes[order][enough[0]]) if len(enough) else None


def _quantiles(values: Floats, weights: Floats) -> tuple[float, ...]:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    wanted = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES
    places = np.minimum(np.searchsorted(reached, wanted), len(values) - 1)
    return tuple(float(value) for value in values[order][places])
