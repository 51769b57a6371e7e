"""Difficulty of a task from numbers about it: entropies, errors, residuals.

The code length by a probe is in `probes`, the Rasch model in `rasch`; confidence, variability,
correctness and forgetting over training are in `harness.dynamics`.
"""

import numpy as np

from metaselect.features.measured.labelled import Floats

_FEWEST = 3  # points that a line can miss


def label_entropy(labels: np.ndarray) -> float:
    """Entropy of the labels' frequencies in bits; higher is harder.

    Args:
        labels: Shape (n_items,), integers or booleans, at least one.

    Returns:
        From 0.0, one class, to log2 of the number of classes, balanced.

    Raises:
        ValueError: Not whole numbers of one dimension, or none at all.

    Example:
        >>> label_entropy(np.array([0, 1, 2, 3]))
        2.0
    """
    given = np.asarray(labels)
    if given.ndim != 1 or given.dtype.kind not in "iub" or not len(given):
        raise ValueError(
            f"labels must be whole numbers of shape (n_items,), got {given.dtype} {given.shape}"
        )
    _, counts = np.unique(given, return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0  # no -0.0


def chance_corrected_error(accuracy: float, *, chance: float) -> float:
    """Error on a scale where guessing is 1; higher is harder.

    Args:
        accuracy: In [0, 1].
        chance: Accuracy of guessing, in [0, 1).

    Returns:
        0.0 for no errors, 1.0 at chance, more below it.

    Raises:
        ValueError: Accuracy or chance out of range, or NaN.

    Example:
        >>> chance_corrected_error(0.75, chance=0.5)
        0.5
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be a share in [0, 1], got {accuracy}")
    if not 0 <= chance < 1:
        raise ValueError(f"chance must be in [0, 1), got {chance}")
    return 1 - (accuracy - chance) / (1 - chance)


def partialled_out(values: np.ndarray, log_size: np.ndarray) -> Floats:
    """What is left of values once a straight line on log size is taken away.

    Fit it within the training part of a split: the line depends on all rows given.

    Args:
        values: Shape (n_tasks,); NaN is missing.
        log_size: Log of the training size of each, same shape; NaN is missing.

    Returns:
        Residuals of the least-squares line, shape (n_tasks,), mean 0, in the unit of the values;
        NaN where either is missing, and everywhere where fewer than three pairs are known. Where
        all sizes are equal, values less their mean.

    Raises:
        ValueError: Shapes differ, or a value is infinite.

    Example:
        >>> partialled_out(np.array([1.0, 2.0, 6.0, 7.0]), np.array([0.0, 1.0, 1.0, 2.0])).tolist()
        [0.0, -2.0, 2.0, 0.0]
    """
    given, sizes = np.asarray(values, np.float64), np.asarray(log_size, np.float64)
    if given.shape != sizes.shape or given.ndim != 1:
        raise ValueError(f"need two 1-d arrays alike, got {given.shape} and {sizes.shape}")
    if np.isinf(given).any() or np.isinf(sizes).any():
        raise ValueError("values and log sizes must not be infinite")
    known = ~(np.isnan(given) | np.isnan(sizes))
    left = np.full(given.shape, np.nan)
    if known.sum() < _FEWEST:
        return left
    y, x = given[known] - given[known].mean(), sizes[known] - sizes[known].mean()
    spread = float(x @ x)
    varied = np.ptp(sizes[known]) > 1e-12 * np.abs(sizes[known]).max()
    left[known] = y - (float(x @ y) / spread) * x if varied else y
    return left
