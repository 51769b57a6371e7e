"""How much of the gains' variance each factor carries, alone and in products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize

Floats = npt.NDArray[np.float64]

FACTORS: Mapping[str, tuple[str, ...]] = {
    "intermediate": ("intermediate",),
    "target": ("target",),
    "language": ("language",),
    "intermediate x target": ("intermediate", "target"),
    "target x language": ("target", "language"),
    "intermediate x language": ("intermediate", "language"),
    "intermediate x target x language": ("intermediate", "target", "language"),
    "training of the baseline": ("target", "seed"),
    "scoring of the baseline": ("target", "language", "seed"),
    "training": ("intermediate", "target", "seed"),
}
"""What observations of a gain may share; what they never share is the residual.

A gain is a difference from the baseline's score, so that the baseline's noise is shared by all
intermediates of a seed. With one seed, noise and the three-way product cannot be told apart.
"""

RESIDUAL = "scoring"
_N_RESAMPLES = 100


@dataclass(frozen=True, slots=True)
class Share:
    """One factor's part of the gains' variance.

    Attributes:
        factor: What it is of.
        variance: In squared score.
        share: Of the sum over all factors.
        low, high: 95 % of the share over targets' clusters drawn anew.
    """

    factor: str
    variance: float
    share: float
    low: float
    high: float


def variance_shares(gains: pd.DataFrame, *, seed: int) -> list[Share]:
    """Variance components of gains by the method of moments, whatever cells are missing.

    Half the squared difference of two observations has as its mean the sum of the components
    that the two do not share; least squares over all pairs, with no component below 0, gives
    them. The interval draws clusters of targets anew.

    Args:
        gains: From `seed_gains`, with a column cluster.
        seed: Of the resamples.
    """
    varied = {name for name in gains.columns if gains[name].nunique() > 1}
    names = [
        name
        for name, parts in FACTORS.items()
        if set(parts) <= varied and gains.duplicated(list(parts)).any()
    ]
    if not names:
        return []
    whole = _components(gains, names)
    rng = np.random.default_rng(seed)
    by_cluster = [rows for _, rows in gains.groupby("cluster")]
    draws = [
        _components(_drawn(by_cluster, rng), names)
        for _ in range(_N_RESAMPLES if len(by_cluster) > 2 else 0)
    ]
    parts = np.array([found / max(found.sum(), 1e-12) for found in (whole, *draws)])
    low, high = np.quantile(parts[1:], [0.025, 0.975], axis=0) if draws else np.full(
        (2, len(whole)), np.nan
    )  # fmt: skip
    labels = [*names, RESIDUAL if "training" in names else "rest (products and noise)"]
    return [
        Share(name, float(whole[place]), float(parts[0][place]), float(low[place]),
              float(high[place]))
        for place, name in enumerate(labels)
    ]  # fmt: skip


def _drawn(by_cluster: Sequence[pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    """Clusters drawn with replacement; one drawn twice counts as two, with targets of its own."""
    picked = rng.integers(len(by_cluster), size=len(by_cluster))
    drawn: pd.DataFrame = pd.concat(
        [
            by_cluster[place].assign(target=by_cluster[place]["target"] + f"#{turn}")
            for turn, place in enumerate(picked)
        ],
        ignore_index=True,
    )
    return drawn


def _components(gains: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Variance components of the named factors and the residual, shape (n_names + 1,)."""
    values = gains["gain"].to_numpy(dtype=np.float64)
    columns = {
        name: pd.factorize(gains[name])[0]
        for name in ("intermediate", "target", "language", "seed")
    }
    pairs: dict[frozenset[str], tuple[float, float]] = {}

    def sharing(factors: frozenset[str]) -> tuple[float, float]:
        """Pairs that share factors: how many, and the sum of their half squared differences."""
        if factors not in pairs:
            codes = np.zeros(len(values), dtype=np.int64)
            for name in sorted(factors):
                codes = pd.factorize(codes * (columns[name].max() + 1) + columns[name])[0]
            count = np.bincount(codes).astype(np.float64)
            total, squares = np.bincount(codes, values), np.bincount(codes, values**2)
            pairs[factors] = (
                float((count * (count - 1)).sum() / 2),
                float((count * squares - total**2).sum() / 2),
            )
        return pairs[factors]

    everything = sharing(frozenset())
    parts = [frozenset(FACTORS[name]) for name in names]
    size = len(parts) + 1
    normal, right = np.full((size, size), everything[0]), np.full(size, everything[1])
    for row, first in enumerate(parts):
        count, differences = sharing(first)
        right[row] -= differences
        normal[row, -1] -= count
        normal[-1, row] -= count
        for column, second in enumerate(parts):
            normal[row, column] += sharing(first | second)[0] - count - sharing(second)[0]
    return _least_squares(normal / everything[0], right / everything[0])


def _least_squares(normal: Floats, right: Floats) -> Floats:
    """Solution without negative parts of the least-squares problem with these normal equations."""
    sizes, vectors = np.linalg.eigh(normal)
    kept = sizes > sizes[-1] * 1e-10
    roots = np.sqrt(sizes[kept])
    unit = max(float(np.abs(right).max()), 1e-300)  # variances are small numbers
    found, _ = optimize.nnls(
        roots[:, None] * vectors[:, kept].T, vectors[:, kept].T @ right / unit / roots
    )
    return np.asarray(found * unit)
