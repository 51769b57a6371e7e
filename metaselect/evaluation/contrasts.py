"""Differences between methods, paired over clusters, with an interval and a sign-flip test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from metaselect.evaluation.rounding import PLACES

Floats = npt.NDArray[np.float64]

_EXACT_UP_TO = 14  # clusters; 2^14 sign patterns are fewer than the draws below
_N_DRAWS = 20_000
_CHANGED_FOR_POWER = 3  # clusters that must differ before their spread says anything of power


@dataclass(frozen=True, slots=True)
class Comparison:
    """A method against another in one measure, primary where it is a question of the study."""

    method: str
    against: str
    measure: str
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Contrast:
    """A method against another in one measure.

    Attributes:
        method, against, measure: What is compared.
        difference: Mean over clusters of method minus against, as a fraction.
        low, high: 95 % interval over clusters, and over the other units left out where there are
            such; NaN with one cluster.
        p: Two-sided sign-flip probability, exact up to 14 clusters.
        primary: Whether it is a question of the study; the others are descriptions.
        p_holm: For primary contrasts, p after Holm's correction over these alone; else NaN.
        n_clusters: Clusters with both values.
        n_changed: Clusters in which the two differ at all.
        leading: The cluster that contributes most to the difference; None where none differs.
        low_without_one, high_without_one: Lowest and highest difference when one cluster is left
            out; NaN with one cluster.
        detectable: Smallest true difference that such clusters show at 5 % in four of five
            studies (power 80 %), from the spread seen. NaN where fewer than three clusters
            differ: their spread says nothing of what could have been seen.
    """

    method: str
    against: str
    measure: str
    difference: float
    low: float
    high: float
    p: float
    primary: bool
    p_holm: float
    n_clusters: int
    n_changed: int
    leading: str | None
    low_without_one: float
    high_without_one: float
    detectable: float


def contrast(
    table: pd.DataFrame, comparison: Comparison, *, seed: int, units: "Units | None" = None
) -> Contrast:
    """Compare two methods in one measure.

    Args:
        table: One row for each cluster and method: columns cluster, method and the measure.
        comparison: What is compared.
        seed: Of the sampled sign flips, where clusters are too many for all.
        units: The other units left out, such as intermediates, which widen the interval: another
            draw of them would give another difference.
    """
    wide = table.pivot(index="cluster", columns="method", values=comparison.measure)
    away = (wide[comparison.method] - wide[comparison.against]).dropna().round(PLACES)
    values = away.to_numpy(dtype=np.float64)
    low, high = _interval(values, units.errors(comparison) if units is not None else None)
    n_changed = int(np.count_nonzero(values))
    without_one = _without_one(values)
    return Contrast(
        comparison.method,
        comparison.against,
        comparison.measure,
        difference=float(values.mean()) if len(values) else float("nan"),
        low=low,
        high=high,
        p=sign_flip(values, seed=seed),
        primary=comparison.primary,
        p_holm=float("nan"),
        n_clusters=len(values),
        n_changed=n_changed,
        leading=str(away.abs().idxmax()) if n_changed else None,
        low_without_one=float(without_one.min()) if len(without_one) else float("nan"),
        high_without_one=float(without_one.max()) if len(without_one) else float("nan"),
        detectable=_detectable(values) if n_changed >= _CHANGED_FOR_POWER else float("nan"),
    )


def _without_one(differences: Floats) -> Floats:
    """Mean difference without each cluster in turn; empty with fewer than two."""
    if len(differences) < 2:
        return np.empty(0)
    return np.asarray((differences.sum() - differences) / (len(differences) - 1))


@dataclass(frozen=True, slots=True)
class Units:
    """Which units each fold left out, and what came out of it.

    Attributes:
        queries: One row for each query, fold and method: columns cluster, fold, method, measures.
        left_out: Units left out, by fold.
    """

    queries: pd.DataFrame
    left_out: Mapping[str, tuple[str, ...]]

    def errors(self, comparison: Comparison) -> tuple[float, int] | None:
        """Jackknife standard error of a difference over the units, and how many there are.

        Each unit in turn is taken out with all folds that left it out (Efron and Tibshirani 1993,
        chapter 11); None with fewer than two units.
        """
        names = sorted({unit for units in self.left_out.values() for unit in units})
        folds = {
            name: [fold for fold, units in self.left_out.items() if name not in units]
            for name in names
        }
        parts = [self._difference(comparison, kept) for kept in folds.values() if kept]
        known = np.array([part for part in parts if not np.isnan(part)])
        if len(known) < 2:
            return None
        n_units = len(known)
        variance = (n_units - 1) / n_units * ((known - known.mean()) ** 2).sum()
        return float(variance**0.5), n_units

    def _difference(self, comparison: Comparison, folds: Sequence[str]) -> float:
        rows = self.queries[self.queries["fold"].isin(folds)]
        rows = rows[rows["method"].isin([comparison.method, comparison.against])]
        means = rows.groupby(["cluster", "method"])[comparison.measure].mean().unstack()
        if {comparison.method, comparison.against} - set(means.columns):
            return float("nan")
        return float((means[comparison.method] - means[comparison.against]).mean())


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


def _interval(differences: Floats, unit_error: tuple[float, int] | None) -> tuple[float, float]:
    """95 % of Student's t, from the spread over clusters and the error of the units left out.

    Degrees of freedom of the sum by Welch and Satterthwaite.
    """
    n_clusters = len(differences)
    if n_clusters < 2:
        return float("nan"), float("nan")
    variance, freedom = float(stats.sem(differences) ** 2), float(n_clusters - 1)
    if unit_error is not None and unit_error[0] > 0:
        own, n_units = unit_error[0] ** 2, unit_error[1]
        total = variance + own
        freedom = total**2 / (variance**2 / freedom + own**2 / (n_units - 1))
        variance = total
    half = stats.t.ppf(0.975, freedom) * variance**0.5
    mean = differences.mean()
    return float(mean - half), float(mean + half)


def _detectable(differences: Floats) -> float:
    if len(differences) < 2:
        return float("nan")
    freedom = len(differences) - 1
    reach = stats.t.ppf(0.975, freedom) + stats.t.ppf(0.8, freedom)
    return float(reach * stats.sem(differences))


def holm(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Holm's step-down correction over the primary contrasts (Holm 1979); others have none."""
    primary = [place for place, item in enumerate(contrasts) if item.primary]
    order = sorted(primary, key=lambda place: contrasts[place].p)
    corrected, highest = {}, 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * contrasts[place].p))
        corrected[place] = highest
    return [
        replace(item, p_holm=corrected[place]) if place in corrected else item
        for place, item in enumerate(contrasts)
    ]
