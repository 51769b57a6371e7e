"""Transferability estimators that read one matrix of frozen features against its labels.

All are higher where the labels are easier to read off the features, and none trains a model; LogME
is in `evidence`, LEEP and NLEEP in `posteriors`, neighbours and linear probes in `probes`. They are
written from the papers, since the packages that hold them need torch.
"""

from typing import Literal

import numpy as np
from scipy import linalg, stats

from metaselect.features.measured.labelled import (
    Floats,
    LabelledFeatures,
    labelled,
    principal_components,
    varies,
)

Variances = Literal["diagonal", "spherical"]

_DISTORTION = 1e-4  # of TransRate's listing
_GBC_DIMS = 64  # principal components that GBC keeps (Pándy et al. 2022, section 4)
_LEAST_VARIANCE = 1e-4  # of a class along an axis, as in the authors' code
_DECIMALS = 12  # of distances: equal rows then stay equal whatever the order of a sum


def h_score(features: np.ndarray, labels: np.ndarray) -> float:
    """Spread of the class means against the spread of the items, shrunk; higher is better.

    Args:
        features: Shape (n_items, n_dims), finite; centred here.
        labels: Shape (n_items,), integers or booleans.

    Returns:
        From 0 (classes have one mean) to about n_classes - 1; 0.0 where features are constant.
        Unchanged by rotating, shifting or scaling the features.

    Raises:
        ValueError: Shapes do not fit, NaN or infinite values, or one class only.

    Source:
        H-score of Bao et al. 2019, with the covariance of features shrunk after Ledoit and Wolf
        (2004), and that of class means by the same factor: Ibrahim et al. 2022 (2110.06893).
        Agrees with transformer-ranker. One dimension, which shrinkage cannot change, is not
        shrunk (there it is multiplied by 0).

    Example:
        >>> round(h_score(np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.array([0, 0, 1, 1])), 6)
        1.333333
    """
    data = labelled(features, labels)
    if not varies(data.features):
        return 0.0
    n_items, n_dims = data.features.shape
    centre = data.features.mean(axis=0)
    centred = data.features - centre
    covariance = centred.T @ centred / n_items
    shrinkage = _shrinkage(centred, covariance)
    shrunk = (1 - shrinkage) * covariance
    shrunk.flat[:: n_dims + 1] += shrinkage * np.trace(covariance) / n_dims
    means = (data.class_means() - centre) * np.sqrt(data.counts)[:, None]
    try:
        solved = linalg.cho_solve(linalg.cho_factor(shrunk), means.T)
    except linalg.LinAlgError:  # unshrunk, with a constant dimension
        solved = np.linalg.pinv(shrunk, hermitian=True) @ means.T
    return float((1 - shrinkage) * (means.T * solved).sum() / (n_items - 1))


def _shrinkage(centred: Floats, covariance: Floats) -> float:
    """Ledoit and Wolf's weight of the mean variance against the covariance, in [0, 1].

    The sum of squares of all products of dimensions is, an item, the square of its squared length.
    """
    n_items, n_dims = centred.shape
    squares = float((covariance**2).sum())
    noise = (float(((centred**2).sum(axis=1) ** 2).sum()) / n_items - squares) / n_items
    away = squares - float(np.trace(covariance)) ** 2 / n_dims
    if away <= 1e-12 * squares:  # already a multiple of the identity
        return 0.0
    return min(max(float(noise / away), 0.0), 1.0)


def transrate(features: np.ndarray, labels: np.ndarray) -> float:
    """What labels save in coding the features, in nats an item; higher is better.

    Args:
        features: Shape (n_items, n_dims), finite; centred here. Their scale matters: the
            distortion is fixed.
        labels: Shape (n_items,), integers or booleans.

    Returns:
        At least 0, up to rounding; 0 where the classes are alike. Unchanged by rotating or
        shifting the features.

    Raises:
        ValueError: Shapes do not fit, NaN or infinite values, or one class only.

    Source:
        Huang et al. 2022 (2106.09362): coding rate of all items minus that within classes, with
        distortion 1e-4. Classes weigh by their items, as in the definition and the authors' code;
        the paper's listing weighs them equally, which is the same where classes are balanced.
    """
    data = labelled(features, labels)
    centred = data.features - data.features.mean(axis=0)
    rates = [_coding_rate(centred[data.codes == code]) for code in range(data.n_classes)]
    return _coding_rate(centred) - float(np.average(rates, weights=data.counts))


def _coding_rate(rows: Floats) -> float:
    """Half the log determinant of 1 + F'F / (n * distortion), by the smaller Gram matrix."""
    gram = rows.T @ rows if rows.shape[0] > rows.shape[1] else rows @ rows.T
    gram /= len(rows) * _DISTORTION
    gram.flat[:: len(gram) + 1] += 1.0
    return float(np.linalg.slogdet(gram).logabsdet) / 2


def gbc(features: np.ndarray, labels: np.ndarray, *, variances: Variances) -> float:
    """Overlap of the classes as Gaussians, negated; higher is better.

    Args:
        features: Shape (n_items, n_dims), finite; of more than 64 dimensions, the first 64
            principal components are taken. Their scale matters where a class varies by less than
            0.01 along an axis.
        labels: Shape (n_items,), integers or booleans.
        variances: "spherical", one a class, as in the paper's main results, or "diagonal".

    Returns:
        From -n_classes * (n_classes - 1), classes alike, to 0, no overlap.

    Raises:
        ValueError: Shapes do not fit, NaN or infinite values, or one class only.

    Source:
        Pándy et al. 2022 (2111.12780), equations 2 and 3: minus the Bhattacharyya coefficients
        over ordered pairs of classes. The authors' code counts the log of a spherical variance
        once; here once a dimension, as the formula has it.
    """
    if variances not in ("diagonal", "spherical"):
        raise ValueError(f'variances must be "diagonal" or "spherical", got {variances!r}')
    data = labelled(features, labels)
    if data.features.shape[1] > _GBC_DIMS:
        reduced = principal_components(data.features)[0][:, :_GBC_DIMS]
        data = LabelledFeatures(reduced, data.codes, data.n_classes)
    means = data.class_means()
    spread = np.array([data.features[data.codes == c].var(axis=0) for c in range(data.n_classes)])
    spread = np.maximum(spread, _LEAST_VARIANCE)
    if variances == "spherical":
        spread = np.broadcast_to(spread.mean(axis=1, keepdims=True), spread.shape)
    overlap = sum(
        float(np.exp(-_bhattacharyya(means, spread, code)).sum()) - 1.0  # its own overlap is 1
        for code in range(data.n_classes)
    )
    return 0.0 - overlap


def _bhattacharyya(means: Floats, spread: Floats, code: int) -> Floats:
    """Bhattacharyya distances of one class from all, shape (n_classes,)."""
    both = (spread + spread[code]) / 2
    apart = ((means - means[code]) ** 2 / both).sum(axis=1) / 8
    shape = np.log(both) - (np.log(spread) + np.log(spread[code])) / 2
    return np.asarray(apart + shape.sum(axis=1) / 2)


def parc(features: np.ndarray, labels: np.ndarray) -> float:
    """Rank correlation of items' distances by features with those by labels; higher is better.

    Args:
        features: Shape (n_items, n_dims), at least two dimensions; standardised here. Takes
            memory for n_items² numbers: the paper takes 500 items.
        labels: Shape (n_items,), integers or booleans.

    Returns:
        In [-1, 1]; 0.0 where all items, or all their labels, are equally far apart.

    Raises:
        ValueError: Shapes do not fit, one dimension only, NaN or infinite values, or one class
            only.

    Source:
        Bolya et al. 2021 (2111.06977): Spearman correlation of 1 - Pearson correlation of
        items with the same of their one-hot labels (there in percent, after a reduction to 32
        dimensions, which is left to the caller). Items without variance correlate 0 with any.
    """
    data = labelled(features, labels)
    if data.features.shape[1] < 2:
        raise ValueError("PARC correlates items over dimensions: needs at least two, got one")
    centred = data.features - data.features.mean(axis=0)
    if not varies(data.features):
        return 0.0
    deviation = centred.std(axis=0)
    standard = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)
    rows = standard - standard.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-12)
    pairs = np.triu_indices(len(units), k=1)
    distances = np.round(1 - (units @ units.T)[pairs], _DECIMALS)
    # all pairs of different classes are equally far apart by labels, so two values suffice
    other = (data.codes[pairs[0]] != data.codes[pairs[1]]).astype(np.float64)
    return _correlation(stats.rankdata(distances), other)


def _correlation(first: Floats, second: Floats) -> float:
    """Pearson's correlation; 0.0 where either does not vary."""
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
