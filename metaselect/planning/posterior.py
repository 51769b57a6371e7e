"""Posterior over the gains of all cells: a normal distribution that each run makes narrower.

The gain of a cell is a sum of normal effects, one for each level of each partition of the cells
(all cells, the target, the intermediate, pairs of kinds, ..., the cell itself), times a scale of
its query: gains on a small test set differ by ten points where others differ by one. How much each
kind of effect moves gains is estimated from the gains themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from metaselect.planning.landscape import OWN, Landscape

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_NOISE_SHARE = 0.5
"""Share of what no effect explains that counts as noise where no seed repeats: nothing can tell
the two apart there, and either extreme misleads."""


USUAL = 0.02
"""Standard deviation that every effect is expected to have before gains tell: two points, the
size of most gains in published tables."""

_DOUBT = 1.5  # standard deviation of an effect's log variance: a factor of two either way, or more
_SCALE_DOUBT = 0.5  # standard deviation of a query's log scale
_MOST_STEPS = 60
NUGGET = 1e-10  # added to the diagonal, so that exact measurements can be factorised


@dataclass(frozen=True, slots=True)
class Spreads:
    """What `fit_spreads` estimates.

    Attributes:
        variances: One for each kernel, as squared gain fractions.
        scales: One for each query, around 1.
    """

    variances: Floats
    scales: Floats

    def covariance(self, kernels: Sequence[Floats], query: Codes) -> Floats:
        """Prior covariance of cells, given their kernels and queries."""
        total = sum(
            (variance * kernel for variance, kernel in zip(self.variances, kernels, strict=True)),
            np.zeros((len(query), len(query))),
        )
        scale = self.scales[query]
        return np.asarray(total * np.outer(scale, scale))


def prior_spreads(n_kernels: int, n_queries: int) -> Spreads:
    """What is expected before any gain is known."""
    return Spreads(np.full(n_kernels, USUAL**2), np.ones(n_queries))


def fit_spreads(
    gains: Floats, noise: Floats, *, kernels: Sequence[Floats], query: Codes, start: Spreads
) -> Spreads:
    """Variances and scales that make the gains likeliest, drawn towards what is usual.

    The effects have mean zero and are integrated out, so that this is restricted maximum
    likelihood with every effect random (Patterson and Thompson 1971), plus log-normal priors:
    with no gains it gives `prior_spreads`.

    Args:
        gains: Shape (n,).
        noise: Covariance of their errors, shape (n, n).
        kernels: Covariance of each effect at variance 1, each of shape (n, n).
        query: Query of each gain as codes; the number of scales is that of `start`.
        start: Where the search begins.
    """
    n_kernels, n_queries = len(kernels), len(start.scales)
    usual = np.log(USUAL**2)

    def loss(point: Floats) -> tuple[float, Floats]:
        logs, scale_logs = point[:n_kernels], point[n_kernels:]
        spreads = Spreads(np.exp(logs), np.exp(scale_logs))
        scale = spreads.scales[query]
        crossed = np.outer(scale, scale)
        parts = [
            value * kernel * crossed
            for value, kernel in zip(spreads.variances, kernels, strict=True)
        ]
        signal = np.sum(parts, axis=0)
        factor = cho_factor(signal + noise + NUGGET * np.eye(len(gains)), lower=True)
        weighted = cho_solve(factor, gains)
        slope = cho_solve(factor, np.eye(len(gains))) - np.outer(weighted, weighted)
        away, scale_away = (logs - usual) / _DOUBT, scale_logs / _SCALE_DOUBT
        value = float(np.log(np.diag(factor[0])).sum() + 0.5 * gains @ weighted)
        value += float(0.5 * (away @ away + scale_away @ scale_away))
        by_kernel = [0.5 * float(np.vdot(slope, part)) for part in parts]
        by_query = np.bincount(query, (slope * signal).sum(axis=1), minlength=n_queries)
        return value, np.concatenate(
            [by_kernel + away / _DOUBT, by_query + scale_away / _SCALE_DOUBT]
        )

    first = np.log(np.concatenate([start.variances, start.scales]))
    bounds = [(usual - 12, usual + 8)] * n_kernels + [(-2.0, 2.0)] * n_queries
    found = minimize(
        loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _MOST_STEPS}
    )
    return Spreads(np.exp(found.x[:n_kernels]), np.exp(found.x[n_kernels:]))


@dataclass(frozen=True, slots=True)
class MeasuredCells:
    """Measured cells of a landscape.

    Attributes:
        places: Their rows in the landscape.
        gains: As fractions, same shape.
        own_variance: Of each cell's mean alone; NaN where no seed repeats.
        direct_variance: Of the mean of `direct` that each gain is taken against, which is one
            error for all cells of a query.
        n_seeds: Behind each gain.
    """

    places: Codes
    gains: Floats
    own_variance: Floats
    direct_variance: Floats
    n_seeds: Floats


@dataclass(frozen=True, slots=True)
class Posterior:
    """A normal distribution over the gains of a landscape's cells.

    Attributes:
        mean: Expected gain of each cell, shape (n_cells,).
        covariance: Shape (n_cells, n_cells).
        noise: Variance that one seed's run of each cell would be measured with.
    """

    mean: Floats
    covariance: Floats
    noise: Floats

    def effect(self, places: Codes, *, n_seeds: int) -> Floats:
        """How far all means move where a run of a cell comes out one deviation high.

        Args:
            places: Cells to run.
            n_seeds: Seeds of a run.

        Returns:
            Shape (n_places, n_cells), in gain.
        """
        variance = np.diag(self.covariance)[places] + self.noise[places] / n_seeds
        return np.asarray(self.covariance[places] / np.sqrt(variance + NUGGET)[:, None])

    def after(self, place: int, *, n_seeds: int) -> Self:
        """The posterior after a run with the expected result: same means, smaller variances."""
        moved = self.effect(np.array([place]), n_seeds=n_seeds)[0]
        return type(self)(self.mean, self.covariance - np.outer(moved, moved), self.noise)


def measured_cells(gains: pd.DataFrame, places: Codes) -> MeasuredCells:
    """What `cell_gains` measured, at their places in a landscape."""
    own, direct = (gains[name].to_numpy(dtype=np.float64) ** 2 for name in ("own_se", "direct_se"))
    return MeasuredCells(
        places=places,
        gains=gains["gain"].to_numpy(dtype=np.float64),
        own_variance=own,
        direct_variance=np.nan_to_num(direct),
        n_seeds=gains["n_seeds"].to_numpy(dtype=np.float64),
    )


def learn_spreads(
    land: Landscape, measured: MeasuredCells, *, start: Spreads | None = None
) -> Spreads:
    """Effects' variances and queries' scales, estimated from the measured cells.

    Args:
        land: All cells.
        measured: The measured ones.
        start: Where the search begins: an earlier answer makes it short.
    """
    usual = prior_spreads(len(land.kernels), land.n_queries)
    if not len(measured.places):
        return usual
    inside = np.ix_(measured.places, measured.places)
    return fit_spreads(
        measured.gains,
        _noise_covariance(land, measured, np.nan_to_num(measured.own_variance)),
        kernels=[kernel[inside] for kernel in land.kernels.values()],
        query=land.query[measured.places],
        start=start or usual,
    )


def posterior_of(land: Landscape, measured: MeasuredCells, spreads: Spreads) -> Posterior:
    """The gains of all cells given the measured ones: Bayes' rule for normal distributions.

    The mean over all effects is zero before anything is measured. Where no seed repeats, half of
    each cell's own effect counts as noise.
    """
    variances = spreads.variances.copy()
    own = list(land.kernels).index(OWN)
    unknown = variances[own] * _NOISE_SHARE * spreads.scales[land.query] ** 2
    if len(measured.places) == 0 or np.isnan(measured.own_variance).any():
        variances[own] *= 1 - _NOISE_SHARE
    error = np.where(
        np.isnan(measured.own_variance), unknown[measured.places], measured.own_variance
    )
    prior = Spreads(variances, spreads.scales).covariance(list(land.kernels.values()), land.query)
    across = prior[:, measured.places]
    observed = across[measured.places] + _noise_covariance(land, measured, error)
    factor = cho_factor(observed + NUGGET * np.eye(len(measured.places)), lower=True)
    return Posterior(
        mean=np.asarray(across @ cho_solve(factor, measured.gains)),
        covariance=np.asarray(prior - across @ cho_solve(factor, across.T)),
        noise=_noise_of_a_run(land, measured, unknown),
    )


def _noise_covariance(land: Landscape, measured: MeasuredCells, own: Floats) -> Floats:
    """Errors of the measured gains: each its own, and one of `direct` for each query."""
    query = land.query[measured.places]
    same = query[:, None] == query[None, :]
    direct = np.sqrt(measured.direct_variance)
    return np.asarray(np.diag(own) + same * np.outer(direct, direct))


def _noise_of_a_run(land: Landscape, measured: MeasuredCells, unknown: Floats) -> Floats:
    """Variance over seeds of each cell: the median of its query's measured cells, else of all."""
    per_seed = measured.own_variance * measured.n_seeds
    if not len(per_seed) or np.isnan(per_seed).all():
        return unknown
    noise = np.full(len(unknown), np.nanmedian(per_seed))
    by_query = pd.Series(per_seed).groupby(land.query[measured.places]).median().dropna()
    for code, variance in by_query.items():
        noise[land.query == code] = variance
    return noise
