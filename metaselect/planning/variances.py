"""How much each kind of effect moves gains: variances estimated from the gains themselves.

The gain of a cell is a sum of normal effects, one for each level of each partition of the cells
(all cells, the target, the intermediate, pairs of kinds, ..., the cell itself), times a scale of
its query: gains on a small test set differ by ten points where others differ by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

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
