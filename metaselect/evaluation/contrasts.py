"""Differences between methods, paired over clusters, with an interval and a sign-flip test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

Floats = npt.NDArray[np.float64]

_EXACT_UP_TO = 14  # clusters; 2^14 sign patterns are fewer than the draws below
_N_DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class Contrast:
    """A method against another in one measure.

    Attributes:
        method, against, measure: What is compared.
        difference: Mean over clusters of method minus against, as a fraction.
        low, high: 95 % interval of Student's t over clusters; NaN with one cluster.
        p: Two-sided sign-flip probability, exact up to 14 clusters.
        p_holm: The same after Holm's correction within the family of contrasts.
        n_clusters: Clusters with both values.
        detectable: Smallest true difference that such clusters show at 5 % in four of five
            studies (power 80 %), from the spread seen; NaN with one cluster.
    """

    method: str
    against: str
    measure: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    n_clusters: int
    detectable: float


def contrast(
    table: pd.DataFrame, *, method: str, against: Sequence[str], measures: Sequence[str], seed: int
) -> list[Contrast]:
    """Compare one method with others.

    Args:
        table: One row for each cluster and method: columns cluster, method and the measures.
        method: The method of interest.
        against: The others.
        measures: Columns to compare.
        seed: Of the sampled sign flips, where clusters are too many for all.
    """
    found = []
    for measure in measures:
        wide = table.pivot(index="cluster", columns="method", values=measure)
        for other in against:
            away = (wide[method] - wide[other]).dropna().to_numpy(dtype=np.float64)
            mean = float(away.mean()) if len(away) else float("nan")
            low, high = _interval(away)
            p = sign_flip(away, seed=seed)
            values = (mean, low, high, p, p, len(away), _detectable(away))
            found.append(Contrast(method, other, measure, *values))
    return holm(found)


def sign_flip(differences: Floats, *, seed: int) -> float:
    """Two-sided probability of a mean at least as far from 0 if each sign were a coin's.

    Args:
        differences: One value a cluster, shape (n_clusters,).
        seed: Of the draws, beyond 14 clusters.

    Example:
        >>> sign_flip(np.array([1.0, 2.0, 3.0]), seed=0)  # 2 of the 8 patterns reach a mean of 2
        0.25
    """
    if len(differences) < 2 or not np.any(differences):
        return 1.0  # of one difference, both signs reach as far
    result = stats.permutation_test(
        (differences,),
        lambda sample, axis: np.abs(np.mean(sample, axis=axis)),
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=2**_EXACT_UP_TO if len(differences) <= _EXACT_UP_TO else _N_DRAWS,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _interval(differences: Floats) -> tuple[float, float]:
    if len(differences) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    mean = differences.mean()
    return float(mean - half), float(mean + half)


def _detectable(differences: Floats) -> float:
    if len(differences) < 2:
        return float("nan")
    freedom = len(differences) - 1
    reach = stats.t.ppf(0.975, freedom) + stats.t.ppf(0.8, freedom)
    return float(reach * stats.sem(differences))


def holm(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Holm's step-down correction over one family of contrasts (Holm 1979)."""
    order = sorted(range(len(contrasts)), key=lambda place: contrasts[place].p)
    corrected, highest = [0.0] * len(contrasts), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(contrasts) - rank) * contrasts[place].p))
        corrected[place] = highest
    return [replace(item, p_holm=p_holm) for item, p_holm in zip(contrasts, corrected, strict=True)]
