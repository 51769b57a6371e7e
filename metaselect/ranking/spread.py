"""How far a gain may lie from the expected one: by intermediate, target, and kind of target.

Gains on some targets, and of some intermediates, scatter more than others'. Intervals are as wide
as the scatter that is known of the very candidate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

_OWN_ROWS = 10.0  # residuals of a task that count as much as what is known of tasks in general
_OWN_CLUSTERS = 2.0  # clusters of a kind that count as much as what is known of all kinds


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
