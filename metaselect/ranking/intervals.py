"""Intervals for gains, and the probability of a gain, that hold for a new unit.

Rows of one target are not exchangeable with another's; whole units are: clusters of targets where
new targets are asked about, language families where new languages are. Residuals of K units, each
unit weighing the same, plus one that is unknown and so infinite, give an interval that covers a
row of a new unit with at least the level asked, and none where K units cannot tell. Residuals are
divided by the spread expected of their row first, so that intervals are as wide as their row's.

Source:
    Lee, Barber and Willett 2023 (arXiv 2306.06342), hierarchical conformal prediction;
    Papadopoulos et al. 2011 for normalised residuals.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_N_QUANTILES = 200  # of the signed residuals that are kept


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
