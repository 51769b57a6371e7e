"""What a run is worth before it is made: how much better the choices after it are expected to be.

The choice for a query is the cell with the highest expected gain, or `direct`, whose gain is 0.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from metaselect.planning.posterior import Posterior

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_FAR = 8.0  # standard deviations beyond which nothing is counted: 1e-15 of the normal's weight


def knowledge_gradient(
    posterior: Posterior, places: Codes, *, queries: Sequence[Codes], n_seeds: int
) -> Floats:
    """Expected rise, over a run of each cell, of the best expected gain summed over queries.

    Args:
        posterior: Of all cells.
        places: Cells that may be run, shape (n_places,).
        queries: Cells of each query that is to be decided.
        n_seeds: Seeds of a run.

    Returns:
        Shape (n_places,), at least 0, in gain.

    Source:
        Frazier, Powell and Dayanik 2009 (correlated normal beliefs, in closed form), summed over
        queries: a run on one target also tells of others.
    """
    moved = posterior.effect(places, n_seeds=n_seeds)
    total = np.zeros(len(places))
    for query in queries:
        means = np.append(posterior.mean[query], 0.0)
        slopes = np.column_stack([moved[:, query], np.zeros(len(places))])
        total += expected_rise(means, slopes)
    return total


def expected_rise(means: Floats, slopes: Floats) -> Floats:
    """Expected maximum of lines at a standard normal point, minus the maximum of their means.

    Args:
        means: Value of each line at 0, shape (n_lines,).
        slopes: Shape (n_cases, n_lines): the same lines with other slopes in each case.

    Returns:
        Shape (n_cases,), at least 0.

    Example:
        >>> expected_rise(np.zeros(2), np.array([[1.0, 0.0]])).round(4).tolist()  # 1 / sqrt(2 pi)
        [0.3989]
    """
    level = means - means.max()
    order = np.argsort(-level, kind="stable")  # of equal lines the earlier stays
    level, steep = level[order], slopes[:, order]
    overtakes = level + _FAR * np.abs(steep - steep[:, :1]) > 0
    cases, lines = overtakes.any(axis=1), overtakes.any(axis=0) | (np.arange(len(level)) == 0)
    rise = np.zeros(len(slopes))
    rise[cases] = _maximum_above(level[lines], steep[np.ix_(cases, lines)])
    return rise


def _maximum_above(level: Floats, steep: Floats) -> Floats:
    """Expected maximum of lines at a standard normal point; the first line is highest at 0.

    Args:
        level: Value of each line at 0, from 0 downwards.
        steep: Slopes, one row a case.
    """
    low, high = np.full(steep.shape, -np.inf), np.full(steep.shape, np.inf)
    after = np.arange(len(level))
    for other in range(len(level)):  # where each line lies below another, it is not the maximum
        faster = steep[:, other : other + 1] - steep
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = (level - level[other]) / faster
        np.minimum(high, crossing, out=high, where=faster > 0)
        np.maximum(low, crossing, out=low, where=faster < 0)
        low[(faster == 0) & (after > other)] = np.inf
    high = np.maximum(low, high)
    parts = level * (ndtr(high) - ndtr(low)) + steep * (_density(low) - _density(high))
    return np.asarray(np.maximum(parts.sum(axis=1), 0.0))


def expected_improvement(
    posterior: Posterior, places: Codes, *, queries: Sequence[Codes], n_seeds: int
) -> Floats:
    """Expected excess of each cell's gain over the best expected gain of its query.

    It looks at the query of the cell alone, and at the cell's gain as if a run told it without
    noise; arguments and result as of `knowledge_gradient`, n_seeds without effect.

    Source:
        Jones, Schonlau and Welch 1998, equation 15, with the best expected gain as the incumbent.
    """
    best = np.zeros(len(posterior.mean))
    for query in queries:
        best[query] = max(float(posterior.mean[query].max(initial=0.0)), 0.0)
    spread = np.sqrt(np.maximum(np.diag(posterior.covariance)[places], 1e-18))
    ahead = (posterior.mean[places] - best[places]) / spread
    return np.asarray(spread * (ahead * ndtr(ahead) + _density(ahead)))


def expected_regret(
    before: Posterior, after: Posterior, *, queries: Sequence[Codes], n_draws: int, seed: int
) -> tuple[float, float]:
    """Mean regret over queries of choosing now, and of choosing after the runs of a batch.

    Args:
        before: Posterior now.
        after: `before` with the batch's `Posterior.after` applied.
        queries: Cells of each query.
        n_draws: Draws of the gains and of what the batch tells of them, a multiple of 4.
        seed: Of the draws.

    Returns:
        Regret now and then, as fractions, then never above now: every draw is taken with each sign,
        so that what it tells can only help (the maximum is convex).
    """
    draw = np.random.default_rng(seed)
    now, then = [], []
    for query in queries:
        inside = np.ix_(query, query)
        told = _draws(before.covariance[inside] - after.covariance[inside], n_draws // 4, draw)
        left = _draws(after.covariance[inside], n_draws // 4, draw)
        means = before.mean[query] + np.concatenate([told, -told, told, -told])
        best = _highest(means + np.concatenate([left, left, -left, -left])).mean()
        now.append(best - _highest(before.mean[None, query])[0])
        then.append(best - _highest(means).mean())
    return float(np.mean(now)), float(np.mean(then))


def _highest(gains: Floats) -> Floats:
    """The highest of each row's gains and of `direct`'s."""
    return np.asarray(np.maximum(gains.max(axis=1), 0.0))


def _draws(covariance: Floats, n_draws: int, draw: np.random.Generator) -> Floats:
    """Normal draws with mean zero, shape (n_draws, n); a covariance may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(draw.standard_normal((n_draws, len(values))) @ root.T)


def _density(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * np.square(z)) / np.sqrt(2 * np.pi))
