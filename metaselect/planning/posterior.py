"""Posterior over the gains of all cells: a normal distribution that each run makes narrower."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import cho_factor, cho_solve

from metaselect.planning.landscape import OWN, Landscape
from metaselect.planning.variances import NUGGET, Spreads, fit_spreads, prior_spreads

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_NOISE_SHARE = 0.5
"""Share of what no effect explains that counts as noise where no seed repeats: nothing can tell
the two apart there, and either extreme misleads."""


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
