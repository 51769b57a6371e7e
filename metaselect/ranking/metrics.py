"""How good a ranking of candidates is; random choice is the case in which every score ties.

Ties are broken at random and every measure is the exact expectation over that, so a rule that
cannot tell two candidates apart gains nothing from the order of a file's rows, and `random` needs
no draw (a ranking by equal scores).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST_RELEVANT = 5
MEASURES = ("regret@1", "regret@3", "ndcg@3", "gain@1", "hit@1")


def regret_at(scores: Floats, gains: Floats, *, k: int) -> float:
    """Gain lost by trying only the k best-scored candidates of one query, expected over ties.

    Args:
        scores: Predicted, shape (n_candidates,), higher is better.
        gains: Observed, same shape, as score fractions (0.02, not 2).
        k: Cut-off, at least 1; beyond n_candidates it means all.

    Returns:
        Best gain minus expected best gain among the k chosen; 0.0 is perfect.

    Source:
        Regret@k of Poth et al. 2021, in absolute points; the expected maximum of a random subset
        in closed form by order statistics.

    Example:
        >>> regret_at(np.array([0.9, 0.1]), np.array([0.25, 0.5]), k=1)
        0.25
        >>> round(regret_at(np.zeros(3), np.array([0.0, 0.3, 0.6]), k=2), 6)  # .6 - (.3+.6+.6)/3
        0.1
    """
    _check(scores, gains, k)
    certain = -np.inf
    for block, room in _blocks(scores, k):
        tied = gains[block]
        if room >= len(block):
            certain = max(certain, float(tied.max()))
        else:
            return float(gains.max() - _expected_maximum(tied, room, floor=certain))
    return float(gains.max() - certain)


def gain_at_1(scores: Floats, gains: Floats) -> float:
    """Realised gain of the first choice, expected over ties.

    Example:
        >>> gain_at_1(np.array([1.0, 1.0, 0.0]), np.array([0.1, 0.3, 0.9]))
        0.2
    """
    _check(scores, gains, 1)
    return float(gains[scores == scores.max()].mean())


def hit_at_1(scores: Floats, gains: Floats) -> float:
    """Probability that the first choice is a best candidate.

    Example:
        >>> hit_at_1(np.array([1.0, 1.0, 0.0]), np.array([0.1, 0.3, 0.2]))
        0.5
    """
    _check(scores, gains, 1)
    return float((gains[scores == scores.max()] == gains.max()).mean())


def ndcg_at(scores: Floats, relevance: npt.NDArray[np.int64], *, k: int) -> float:
    """Normalised discounted cumulative gain, expected over ties; NaN where nothing is relevant.

    Args:
        scores: Predicted, shape (n_candidates,).
        relevance: Grades from `graded_relevance`, same shape.
        k: Cut-off, at least 1.

    Source:
        Burges et al. 2005: sum of (2^grade - 1) / log2(rank + 1), over its best possible value.

    Example:
        >>> ndcg_at(np.array([2.0, 1.0]), np.array([0, 1]), k=1)
        0.0
    """
    _check(scores, relevance, k)
    worth = np.exp2(relevance.astype(np.float64)) - 1.0
    best = _discounted(worth, worth, k)
    return _discounted(scores, worth, k) / best if best > 0 else float("nan")


def graded_relevance(gains: Floats, *, step: float) -> npt.NDArray[np.int64]:
    """Grades 0 to 5: how many steps of noise a gain is above training directly.

    Args:
        gains: Shape (n_candidates,), `direct` at 0.
        step: Gain worth one grade, above 0: the query's usual standard error.

    Example:
        >>> graded_relevance(np.array([-0.1, 0.0, 0.011, 0.5]), step=0.01).tolist()
        [0, 0, 1, 5]
    """
    if step <= 0:
        raise ValueError(f"step must be above 0, got {step=}")
    return np.clip(np.rint(gains / step), 0, MOST_RELEVANT).astype(np.int64)


def measure_all(scores: Floats, gains: Floats, *, step: float) -> dict[str, float]:
    """Every measure of `MEASURES` for one query."""
    return {
        "regret@1": regret_at(scores, gains, k=1),
        "regret@3": regret_at(scores, gains, k=3),
        "ndcg@3": ndcg_at(scores, graded_relevance(gains, step=step), k=3),
        "gain@1": gain_at_1(scores, gains),
        "hit@1": hit_at_1(scores, gains),
    }


def _blocks(scores: Floats, k: int) -> Iterator[tuple[npt.NDArray[np.intp], int]]:
    """Groups of tied candidates from the best down, with the places left of the k for each."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    for block in np.split(order, starts):
        if k <= 0:
            return
        yield block, k
        k -= len(block)


def _expected_maximum(values: Floats, k: int, *, floor: float) -> float:
    """Expected largest of floor and k values drawn without replacement.

    The i-th largest (from 0) is the largest drawn with probability C(n-1-i, k-1) / C(n, k), here
    by recurrence.
    """
    ordered = np.maximum(np.sort(values)[::-1], floor)
    n = len(ordered)
    probability, expected = k / n, 0.0
    for i in range(n - k + 1):
        expected += probability * float(ordered[i])
        if i < n - k:
            probability *= (n - k - i) / (n - 1 - i)
    return expected


def _discounted(scores: Floats, worth: Floats, k: int) -> float:
    total, rank = 0.0, 1
    for block, room in _blocks(scores, k):
        places = np.arange(rank, rank + min(room, len(block)))
        total += float(worth[block].mean()) * float((1.0 / np.log2(places + 1)).sum())
        rank += len(block)
    return total


def _check(scores: npt.NDArray[np.float64], gains: npt.NDArray[np.generic], k: int) -> None:
    if scores.shape != gains.shape or scores.ndim != 1 or not len(scores):
        raise ValueError(f"need two 1-d arrays alike, got {scores.shape} and {gains.shape}")
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN: a method must score every candidate")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k=}")
