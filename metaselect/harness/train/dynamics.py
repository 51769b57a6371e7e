"""Training dynamics: how each training example fared while it was trained on.

Source: Swayamdipta et al. 2020 (dataset cartography): confidence is the mean probability of the
gold answer over the times an example was seen, variability its standard deviation, correctness
the share of times it was answered right. Toneva et al. 2019: a forgetting event is right, then
wrong the next time. Probabilities are those of the training pass itself, dropout included.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metaselect.files import replacing


@dataclass(frozen=True, slots=True)
class Dynamics:
    """One value a training row, NaN where it was never seen.

    Attributes:
        rows: Row of the training split, shape (n_rows,).
        n_seen: Times that it was trained on (windows of one row add up).
        confidence, variability, correctness: As in the module's sources, in [0, 1].
        n_forgotten: Forgetting events.
    """

    rows: np.ndarray
    n_seen: np.ndarray
    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray
    n_forgotten: np.ndarray


class DynamicsLog:
    """Running sums over the steps of one training."""

    def __init__(self, n_items: int) -> None:
        self._n_seen = np.zeros(n_items, np.int64)
        self._sum = np.zeros(n_items)
        self._squares = np.zeros(n_items)
        self._n_right = np.zeros(n_items, np.int64)
        self._n_forgotten = np.zeros(n_items, np.int64)
        self._was_right = np.zeros(n_items, bool)

    def add(self, index: np.ndarray, confidence: np.ndarray, correct: np.ndarray) -> None:
        """Count one pass over some items, each at most once."""
        self._n_seen[index] += 1
        self._sum[index] += confidence
        self._squares[index] += confidence**2
        self._n_right[index] += correct
        self._n_forgotten[index] += self._was_right[index] & ~correct
        self._was_right[index] = correct

    def summary(self, rows: np.ndarray) -> Dynamics:
        """Values a row; `rows` names each item's row, shape (n_items,)."""
        unique, owner = np.unique(rows, return_inverse=True)
        seen, total, squares, right, forgotten = (
            np.bincount(owner, weights=values, minlength=len(unique))
            for values in (self._n_seen, self._sum, self._squares, self._n_right, self._n_forgotten)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / seen
            spread = np.sqrt(np.maximum(squares / seen - mean**2, 0))
            correctness = right / seen
        return Dynamics(
            rows=unique,
            n_seen=seen.astype(np.int32),
            confidence=mean.astype(np.float32),
            variability=spread.astype(np.float32),
            correctness=correctness.astype(np.float32),
            n_forgotten=forgotten.astype(np.int32),
        )


def dynamics_means(dynamics: Dynamics) -> dict[str, float]:
    """Means over the rows that were seen: what of the dynamics describes a task as a whole."""
    seen = dynamics.n_seen > 0
    names = ("confidence", "variability", "correctness", "n_forgotten")
    return {name: float(getattr(dynamics, name)[seen].mean()) for name in names if seen.any()}


def save_dynamics(path: Path, dynamics: Dynamics, curve: np.ndarray) -> None:
    """Write the values a row, and the loss of every step, whole as npz."""
    arrays = {name: getattr(dynamics, name) for name in Dynamics.__slots__}
    with replacing(path) as temp, temp.open("xb") as out:
        np.savez_compressed(out, allow_pickle=False, loss=curve.astype(np.float32), **arrays)


def load_dynamics(path: Path) -> tuple[Dynamics, np.ndarray]:
    """The values a row and the loss curve that `save_dynamics` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        values = {name: stored[name] for name in Dynamics.__slots__}
        return Dynamics(**values), stored["loss"]
