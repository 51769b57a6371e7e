"""Features and labels as the estimators take them: checked once, float64, classes counted from 0.

Every estimator of this package refuses the same mistakes with the same words, so a wrong shape or
a NaN is named where it enters and not where it would surface.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFeatures:
    """Items with their classes.

    Attributes:
        features: Shape (n_items, n_dims), finite.
        codes: Class of each item, 0 to n_classes - 1 in the order of the labels, shape (n_items,).
        n_classes: Classes that occur, at least 2.
    """

    features: Floats
    codes: Codes
    n_classes: int


def labelled(features: np.ndarray, labels: np.ndarray) -> LabelledFeatures:
    """Features and labels of the same items, checked.

    Args:
        features: Shape (n_items, n_dims), any real type, finite.
        labels: Shape (n_items,), integers or booleans; any values, gaps are closed.

    Raises:
        ValueError: Shapes do not fit, a value is not finite, labels are not whole numbers, or
            all labels are the same.
    """
    values = matrix(features)
    codes, n_classes = class_codes(labels)
    if len(codes) != len(values):
        raise ValueError(f"need one label an item, got {len(codes)} labels, {len(values)} items")
    return LabelledFeatures(values, codes, n_classes)


def matrix(features: np.ndarray) -> Floats:
    """The features as finite float64, shape (n_items, n_dims).

    Raises:
        ValueError: Not two-dimensional, empty, not real numbers, or not finite.
    """
    given = np.asarray(features)
    if given.ndim != 2 or not given.size:
        raise ValueError(f"features must be (n_items, n_dims), not empty, got shape {given.shape}")
    if given.dtype.kind not in "fiub":
        raise ValueError(f"features must be real numbers, got {given.dtype}")
    values = given.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        raise ValueError(
            f"features hold {int((~np.isfinite(values)).sum())} NaN or infinite values"
        )
    return values


def class_codes(labels: np.ndarray) -> tuple[Codes, int]:
    """Class of each item counted from 0, and how many classes there are.

    Raises:
        ValueError: Not one-dimensional, not whole numbers, or fewer than two classes.
    """
    given = np.asarray(labels)
    if given.ndim != 1 or given.dtype.kind not in "iub":
        raise ValueError(
            f"labels must be whole numbers of shape (n_items,), got {given.dtype} {given.shape}"
        )
    classes, codes = np.unique(given, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"need at least two classes among the labels, got {len(classes)}")
    return codes.astype(np.intp, copy=False), len(classes)


def one_hot(codes: Codes, n_classes: int) -> Floats:
    """1 in the column of each item's class, else 0, shape (n_items, n_classes)."""
    return np.asarray(codes[:, None] == np.arange(n_classes), dtype=np.float64)


def varies(features: Floats) -> bool:
    """Whether items differ by more than rounding does."""
    spread = float(np.ptp(features, axis=0).max())
    return spread > 1e-12 * float(np.abs(features).max())  # float64 keeps some 15 digits
