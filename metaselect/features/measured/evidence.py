"""LogME: how probable labels are under a linear model of features, the weights integrated out."""

import numpy as np

from metaselect.features.measured.labelled import Floats, class_codes, matrix, one_hot

_EPSILON = 1e-5  # the reference adds it to both denominators
_SPREAD = 1e-9  # least over largest eigenvalue down to which a Gram matrix is within 1e-7
_STEPS = 11  # at most, and
_TOLERANCE = 1e-3  # of the ratio of precisions: both are the reference's


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """Log of the maximum evidence of labels given features, in nats an item; higher is better.

    Each class against the rest (or the values themselves, for float `labels`) is a linear
    regression with a Gaussian prior on its weights; the evidence integrates the weights out, and
    prior and noise are set to maximise it.

    The authors' code stops after at most 11 steps of its fixed-point iteration (or a change below
    0.1 %), often before the maximum where features are many or labels are noise. Where features
    have more dimensions than items, it also leaves (n_dims - n_items) / 2 times the log of the
    prior's precision in the score: do not compare encoders of different width. We keep both.

    Args:
        features: Shape (n_items, n_dims), finite, not centred here.
        labels: Shape (n_items,). Integers or booleans are classes; floats are values to regress.

    Returns:
        Mean over classes; any real number, comparable between encoders on the same items only.
        Unchanged by rotating the features.

    Raises:
        ValueError: Shapes do not fit, NaN or infinite values, features all zero, or labels all
            the same.

    Source:
        You et al. 2021 (2102.11005), algorithm 1, and 2110.10545, algorithm 3; written from the
        papers, agrees with thuml/LogME (fixed-point version). transformer-ranker starts each
        class where the one before ended: the two agree where 11 steps suffice.

    Example:
        >>> features = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> logme(features, np.array([0, 0, 1, 1])) > logme(features, np.array([0, 1, 0, 1]))
        True
    """
    values = matrix(features)
    targets = _targets(labels)
    if len(targets) != len(values):
        raise ValueError(f"need one label an item, got {len(targets)} labels, {len(values)} items")
    if not values.any():
        raise ValueError("features are all zero: nothing to estimate from")
    spectrum, projected = _decompose(values, targets)
    shape: tuple[int, int] = (values.shape[0], values.shape[1])
    outside = np.maximum((targets**2).sum(axis=0) - projected.sum(axis=0), 0.0)
    found = [
        _evidence(spectrum, projected[:, column], float(outside[column]), shape)
        for column in range(targets.shape[1])
    ]
    return float(np.mean(found))


def _targets(labels: np.ndarray) -> Floats:
    """Columns to regress, shape (n_items, n_columns): one a class, or the values themselves."""
    given = np.asarray(labels)
    if given.dtype.kind != "f":
        codes, n_classes = class_codes(given)
        return one_hot(codes, n_classes)
    if given.ndim != 1 or not np.isfinite(given).all():
        raise ValueError(f"values to regress must be finite, (n_items,), got shape {given.shape}")
    if not len(given) or (given == given[0]).all():
        raise ValueError("need at least two different values to regress, got one")
    return given.astype(np.float64)[:, None]


def _decompose(values: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Squared singular values, and squares of the targets along the left singular vectors.

    The Gram matrix of the smaller side gives both several times sooner than a thin SVD; where its
    eigenvalues are too far apart for that, the thin SVD itself.

    Returns:
        Shapes (k,) and (k, n_columns), k the smaller of n_items and n_dims.
    """
    tall = values.shape[0] > values.shape[1]
    squares, vectors = np.linalg.eigh(values.T @ values if tall else values @ values.T)
    if squares[0] > _SPREAD * squares[-1]:
        along = vectors.T @ (values.T @ targets if tall else targets)
        return squares, along**2 / (squares[:, None] if tall else 1.0)
    left, singular, _ = np.linalg.svd(values, full_matrices=False)
    return singular**2, (left.T @ targets) ** 2


def _evidence(spectrum: Floats, projected: Floats, outside: float, shape: tuple[int, int]) -> float:
    """Log evidence an item of one column.

    Args:
        spectrum: Squared singular values, shape (k,).
        projected: Squares of the column along the left singular vectors, same shape.
        outside: Square of its part that no feature reaches.
        shape: n_items, n_dims.
    """
    n_items, n_dims = shape
    alpha, beta = 1.0, 1.0  # precisions of the prior and of the noise
    for _ in range(_STEPS):
        ratio = alpha / beta
        kept = spectrum + ratio
        n_effective = float((spectrum / kept).sum())
        weights = float((spectrum * projected / kept**2).sum())
        residual = float((projected * (ratio / kept) ** 2).sum()) + outside
        alpha = n_effective / (weights + _EPSILON)
        beta = max(n_items - n_effective, np.finfo(np.float64).tiny) / (residual + _EPSILON)
        if abs(alpha / beta - ratio) <= _TOLERANCE * ratio:
            break
    return (
        float(
            n_dims / 2 * np.log(alpha)
            + n_items / 2 * np.log(beta)
            - np.log(alpha + beta * spectrum).sum() / 2
            - beta * residual / 2
            - alpha * weights / 2
            - n_items / 2 * np.log(2 * np.pi)
        )
        / n_items
    )
