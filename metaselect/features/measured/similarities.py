"""How alike two tasks are by their texts and their gradients; higher is more alike."""

import numpy as np

from metaselect.features.measured.labelled import Floats


def text_similarity(mean_a: np.ndarray, mean_b: np.ndarray) -> float:
    """Cosine of two corpora's mean embeddings; higher is more alike.

    Args:
        mean_a: Mean of the embeddings of one corpus's texts, shape (n_dims,), finite, not zero.
        mean_b: The other's, same shape, from the same encoder.

    Returns:
        In [-1, 1]; usually near 1, since encoders' embeddings share a direction: subtract a
        common mean first to see more.

    Raises:
        ValueError: Shapes differ, NaN or infinite values, or a vector of zeros.

    Source:
        TextEmb of Vu et al. 2020 (2005.00770), section 3.1.

    Example:
        >>> text_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0]))
        0.96
    """
    return _cosine(*_pair(mean_a, mean_b))


def fisher_similarity(fisher_a: np.ndarray, fisher_b: np.ndarray) -> float:
    """Cosine of two tasks' diagonals of the Fisher information; higher is more alike.

    Args:
        fisher_a: Mean squared gradient of each parameter of the shared encoder on one task, shape
            (n_parameters,), at least 0, finite, not all zero.
        fisher_b: The other's, same shape and parameters.

    Returns:
        In [0, 1].

    Raises:
        ValueError: Shapes differ, NaN, infinite or negative values, or a vector of zeros.

    Source:
        TaskEmb of Vu et al. 2020 (2005.00770), section 3.2, over all parameters at once (there
        also layer by layer, with the layers' ranks fused).

    Example:
        >>> fisher_similarity(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
        0.0
    """
    first, second = _pair(fisher_a, fisher_b)
    if min(first.min(), second.min()) < 0:
        raise ValueError("a Fisher diagonal is at least 0 everywhere, got a negative value")
    return _cosine(first, second)


def _pair(vector_a: np.ndarray, vector_b: np.ndarray) -> tuple[Floats, Floats]:
    first, second = np.asarray(vector_a, np.float64), np.asarray(vector_b, np.float64)
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise ValueError(f"need two vectors of one shape, got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("vectors hold NaN or infinite values")
    if not (first.any() and second.any()):
        raise ValueError("a vector of zeros has no direction")
    return first, second


def _cosine(first: Floats, second: Floats) -> float:
    first, second = first / np.abs(first).max(), second / np.abs(second).max()  # no overflow
    cosine = float(first @ second / np.sqrt((first @ first) * (second @ second)))
    return min(max(cosine, -1.0), 1.0)
