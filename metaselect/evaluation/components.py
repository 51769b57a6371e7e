"""Variance components of gains by the method of moments, whatever cells are missing.

Half the squared difference of two observations has as its mean the sum of the components that the
two do not share; least squares over all pairs, with no component below 0, gives them. What depends
on the observations' names alone is worked out once, so that many draws of gains cost little.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

THREE_WAY = "intermediate x target x language"
FACTORS: Mapping[str, tuple[str, ...]] = {
    "intermediate": ("intermediate",),
    "target": ("target",),
    "language": ("language",),
    "intermediate x target": ("intermediate", "target"),
    "target x language": ("target", "language"),
    "intermediate x language": ("intermediate", "language"),
    THREE_WAY: ("intermediate", "target", "language"),
    "training of the baseline": ("target", "seed"),
    "scoring of the baseline": ("target", "language", "seed"),
    "training": ("intermediate", "target", "seed"),
}
"""What observations of a gain may share; what they never share is the residual.

A gain is a difference from the baseline's score, so that the baseline's noise is shared by all
intermediates of a seed. With one seed, noise and the three-way product cannot be told apart.
"""


def factor_names(gains: pd.DataFrame) -> list[str]:
    """The factors of `FACTORS` that these gains can tell from the residual."""
    varied = {name for name in gains.columns if gains[name].nunique() > 1}
    return [
        name
        for name, parts in FACTORS.items()
        if set(parts) <= varied and gains.duplicated(list(parts)).any()
    ]


def codes_of(gains: pd.DataFrame) -> dict[str, Codes]:
    """Whole numbers from 0 in place of the names of each column that factors are made of."""
    columns = ("intermediate", "target", "language", "seed")
    return {name: pd.factorize(gains[name])[0].astype(np.int64) for name in columns}


def combined(columns: Mapping[str, Codes], part: Iterable[str]) -> Codes:
    """One code for each combination of some columns' values, from 0."""
    names = sorted(part)
    if not names:
        return np.zeros(len(columns["target"]), dtype=np.int64)
    codes = columns[names[0]]
    for name in names[1:]:
        joined = codes * (columns[name].max() + 1) + columns[name]
        codes = pd.factorize(joined)[0].astype(np.int64)
    return codes


class Components:
    """The components of some factors, for any gains of one set of observations.

    Args:
        columns: From `codes_of`, shape (n_gains,) each.
        names: Factors, from `factor_names`.
    """

    def __init__(self, columns: Mapping[str, Codes], names: Sequence[str]) -> None:
        self._size = len(columns["target"])
        self._parts = [frozenset(FACTORS[name]) for name in names]
        self._codes = {part: combined(columns, part) for part in self._parts}
        self._counts = {part: np.bincount(codes) for part, codes in self._codes.items()}
        self._all_pairs = self._size * (self._size - 1) / 2
        self._roots, self._vectors = _decomposed(self._normal(columns) / self._all_pairs)

    def of(self, gains: Floats) -> Floats:
        """Variances of the factors and of the residual, which is last, shape (n_names + 1,).

        Args:
            gains: In the order of the observations, shape (n_gains,).
        """
        everything = self._size * (gains**2).sum() - gains.sum() ** 2
        right = np.full(len(self._parts) + 1, everything / 2)
        for row, part in enumerate(self._parts):
            totals = np.bincount(self._codes[part], gains)
            squares = self._counts[part] @ np.bincount(self._codes[part], gains**2)
            right[row] -= (squares - totals @ totals) / 2
        right /= self._all_pairs
        unit = max(float(np.abs(right).max()), 1e-300)  # variances are small numbers
        found, _ = optimize.nnls(
            self._roots[:, None] * self._vectors.T, self._vectors.T @ right / unit / self._roots
        )
        return np.asarray(found * unit)

    def _normal(self, columns: Mapping[str, Codes]) -> Floats:
        """Normal equations of the least squares over all pairs of observations."""
        pairs: dict[frozenset[str], float] = {}

        def sharing(part: frozenset[str]) -> float:
            if part not in pairs:
                count = np.bincount(combined(columns, part)).astype(np.float64)
                pairs[part] = float((count * (count - 1)).sum() / 2)
            return pairs[part]

        size = len(self._parts) + 1
        normal = np.full((size, size), self._all_pairs)
        for row, first in enumerate(self._parts):
            normal[row, -1] -= sharing(first)
            normal[-1, row] -= sharing(first)
            for column, second in enumerate(self._parts):
                normal[row, column] += sharing(first | second) - sharing(first) - sharing(second)
        return normal


def _decomposed(normal: Floats) -> tuple[Floats, Floats]:
    """Roots of the eigenvalues that are above 0 but for rounding, and their vectors."""
    sizes, vectors = np.linalg.eigh(normal)
    kept = sizes > sizes[-1] * 1e-10
    return np.sqrt(sizes[kept]), vectors[:, kept]
