"""LEEP and NLEEP: how well labels follow from what a model, or a mixture, makes of the items."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from metaselect.features.measured.labelled import (
    Codes,
    Floats,
    class_codes,
    labelled,
    matrix,
    one_hot,
    principal_components,
    varies,
)

_COMPONENTS_PER_CLASS = 5  # Li et al. 2021, section 4
_KEPT_VARIANCE = 0.8  # same place
_SUM_TOLERANCE = 1e-2  # of half-precision probabilities over thousands of classes


def leep(source_probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Log probability of labels given a source model's predicted classes; higher is better.

    Args:
        source_probabilities: Of each source class, shape (n_items, n_source_classes), rows of sum
            1. Classes that are never predicted are left out.
        labels: Target labels, shape (n_items,), integers or booleans.

    Returns:
        Nats an item, at most 0; at least minus the entropy of the labels.

    Raises:
        ValueError: Shapes do not fit, NaN, negative values or rows whose sum is not 1, or one
            class of labels only.

    Source:
        Nguyen et al. 2020 (2002.12462), equation 2; agrees with thuml/LogME.

    Example:
        >>> leep(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([5, 7]))
        0.0
    """
    probabilities = matrix(source_probabilities)
    codes, n_classes = class_codes(labels)
    if len(codes) != len(probabilities):
        raise ValueError(
            f"need one label an item, got {len(codes)} labels, {len(probabilities)} items"
        )
    sums = probabilities.sum(axis=1)
    if (probabilities < 0).any() or (np.abs(sums - 1) > _SUM_TOLERANCE).any():
        raise ValueError(
            f"source_probabilities must be at least 0 with rows of sum 1, got values from "
            f"{probabilities.min():.3g} and sums from {sums.min():.3g} to {sums.max():.3g}"
        )
    return _leep(probabilities, codes, n_classes)


def nleep(features: np.ndarray, labels: np.ndarray, *, seed: int) -> float:
    """LEEP with the components of a Gaussian mixture in place of source classes; higher is better.

    Args:
        features: Shape (n_items, n_dims), finite.
        labels: Shape (n_items,), integers or booleans.
        seed: Of the mixture's start (k-means).

    Returns:
        Nats an item, at most 0; at least minus the entropy of the labels, which is also the value
        where features are constant. Unchanged by rotating, shifting or scaling, up to what
        another start of the mixture changes.

    Raises:
        ValueError: Shapes do not fit, NaN or infinite values, or one class only.

    Source:
        Li et al. 2021 (2011.11200): principal components with 80 % of the variance, a mixture of
        5 components a class (here at most one for each distinct item), full covariances. The
        components are scaled to a mean variance of 1, so that scikit-learn's 1e-6 on the
        diagonals means the same whatever the features' unit.
    """
    data = labelled(features, labels)
    if not varies(data.features):
        return _leep(np.ones((len(data.codes), 1)), data.codes, data.n_classes)
    along, variances = principal_components(data.features)
    shares = np.cumsum(variances) / variances.sum()
    n_kept = int(np.searchsorted(shares, _KEPT_VARIANCE, side="right")) + 1
    kept = along[:, :n_kept] / np.sqrt(variances[:n_kept].mean())
    n_distinct = len(np.unique(data.features, axis=0))
    n_components = min(_COMPONENTS_PER_CLASS * data.n_classes, n_distinct)
    return _leep(_posteriors(kept, n_components, seed), data.codes, data.n_classes)


def _posteriors(items: Floats, n_components: int, seed: int) -> Floats:
    """Probability of each component of a mixture fitted to the items, for each item."""
    mixture = GaussianMixture(n_components, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 steps are near enough
        return np.asarray(mixture.fit(items).predict_proba(items), dtype=np.float64)


def _leep(probabilities: Floats, codes: Codes, n_classes: int) -> float:
    joint = one_hot(codes, n_classes).T @ probabilities  # (n_classes, n_source_classes)
    totals = joint.sum(axis=0)
    conditional = np.divide(joint, totals, out=np.zeros_like(joint), where=totals > 0)
    found = (probabilities * conditional[codes]).sum(axis=1)
    return min(float(np.log(found).mean()), 0.0) + 0.0  # no -0.0
