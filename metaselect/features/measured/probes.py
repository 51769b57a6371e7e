"""Small classifiers on frozen features: neighbours, a linear probe, and the code that it gives.

The linear probe is a logistic regression on standardised features. Its weights have a Gaussian
prior whose variance falls with the number of dimensions, so that a probe is as bold on wide
features as on narrow ones: with scikit-learn's own penalty, 384 dimensions of noise make it sure of
itself, and labels cost more than twice what they cost without features.
"""

import warnings
from itertools import pairwise

import numpy as np
from scipy import special
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from metaselect.features.measured.labelled import Codes, Floats, labelled, one_hot

N_NEIGHBOURS = 3
"""Neighbours that vote, as in transformer-ranker."""

N_FOLDS = 5
"""Folds of the linear probe."""

N_SIZES = 10
"""Training sizes of the prequential code, each twice the one before."""

_VARIANCES = (1.0, 10.0, 100.0)  # of the logits, by the prior: cautious, medium, bold probes
_CHUNK = 1024  # items compared with all others at once
_DECIMALS = 10  # of cosines: equal items then tie whatever the order of a sum
_MAX_STEPS = 1000


def nearest_neighbour_accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Leave-one-out accuracy of a vote of the three nearest items by cosine; higher is better.

    Ties are shared: items equally near for the last places divide these among them, and classes
    with equal votes share the item, so the order of items and of labels does not matter.

    Args:
        features: Shape (n_items, n_dims), finite, at least four items. Rows of zeros are at
            cosine 0 from all.
        labels: Shape (n_items,), integers or booleans.

    Returns:
        Share of items, in [0, 1]. Unchanged by rotating or scaling the features.

    Raises:
        ValueError: Shapes do not fit, fewer than four items, NaN or infinite values, or one class
            only.

    Source:
        The k = 3 neighbours of transformer-ranker, with cosine for Euclidean distance.
    """
    data = labelled(features, labels)
    if len(data.codes) <= N_NEIGHBOURS:
        raise ValueError(f"need more than {N_NEIGHBOURS} items, got {len(data.codes)}")
    lengths = np.linalg.norm(data.features, axis=1, keepdims=True)
    units = np.divide(data.features, lengths, out=np.zeros_like(data.features), where=lengths > 0)
    columns = one_hot(data.codes, data.n_classes)
    right = 0.0
    for start in range(0, len(units), _CHUNK):
        cosines = np.round(units[start : start + _CHUNK] @ units.T, _DECIMALS)
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf  # not its own neighbour
        votes = np.round(_weights(cosines) @ columns, _DECIMALS)
        winners = votes == votes.max(axis=1, keepdims=True)
        own = winners[rows, data.codes[start : start + _CHUNK]]
        right += float((own / winners.sum(axis=1)).sum())
    return right / len(units)


def _weights(cosines: Floats) -> Floats:
    """Vote of each item for each row: 1 among the nearest, a share at the edge, else 0."""
    edge = np.partition(cosines, -N_NEIGHBOURS, axis=1)[:, -N_NEIGHBOURS, None]
    inside, tied = cosines > edge, cosines == edge
    shares = (N_NEIGHBOURS - inside.sum(axis=1)) / tied.sum(axis=1)
    return np.asarray(inside + tied * shares[:, None], dtype=np.float64)


def linear_accuracy(features: np.ndarray, labels: np.ndarray, *, seed: int) -> float:
    """Accuracy of a logistic probe over five folds, stratified by class; higher is better.

    Args:
        features: Shape (n_items, n_dims), finite, at least two items; constant dimensions do no
            harm.
        labels: Shape (n_items,), integers or booleans. A class of one item is never predicted
            right.
        seed: Of the folds.

    Returns:
        Share of items, in [0, 1]. Not rotation-invariant, since features are standardised.

    Raises:
        ValueError: Shapes do not fit, NaN or infinite values, or one class only.
    """
    data = labelled(features, labels)
    folds = _folds(data.codes, np.random.default_rng(seed))
    n_right = 0
    for fold in range(N_FOLDS):
        held_out = folds == fold
        if held_out.any():
            rows = _standardised(data.features, data.features[~held_out])
            found = _probe(rows, data.codes, ~held_out, data.n_classes, variance=_VARIANCES[1])[
                held_out
            ]
            n_right += int((found.argmax(axis=1) == data.codes[held_out]).sum())
    return n_right / len(data.codes)


def _folds(codes: Codes, rng: np.random.Generator) -> Codes:
    """Fold of each item: classes are shuffled and dealt out one after the other."""
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(len(codes), np.intp)
    folds[order] = np.arange(len(codes)) % N_FOLDS
    return folds


def prequential_bits(features: np.ndarray, labels: np.ndarray, *, seed: int) -> float:
    """Bits a label to send labels to someone who has the features; higher is harder.

    Items go in a random order, in ten blocks that end at n / 512, n / 256, ..., n. The first block
    is sent uniformly (log2 of the number of classes a label), each other with a probe trained on
    all before it. Three probes, from cautious to bold, and the classes' frequencies each make such
    a code; the mixture of the four is what counts, at most two bits in all above the best.

    Args:
        features: Shape (n_items, n_dims), finite; constant dimensions do no harm.
        labels: Shape (n_items,), integers or booleans.
        seed: Of the order; the mean over several is steadier where items are few.

    Returns:
        At least 0; about the entropy of the labels where features say nothing. Divide by log2 of
        the number of classes to compare tasks.

    Raises:
        ValueError: Shapes do not fit, NaN or infinite values, or one class only.

    Source:
        Online code of Voita and Titov 2020 (2003.12298), section 3.2; Perez et al. 2021
        (2103.03872). Mixed over probes here, and each one's probabilities count as n observations
        beside one of each class, so that a class it has not met can be sent too.
    """
    data = labelled(features, labels)
    n_items, n_classes = len(data.codes), data.n_classes
    order = np.random.default_rng(seed).permutation(n_items)
    rows, codes = _standardised(data.features, data.features)[order], data.codes[order]
    ends = np.unique(np.ceil(n_items / 2.0 ** np.arange(N_SIZES)).astype(int)).tolist()
    nats = np.full(len(_VARIANCES) + 1, ends[0] * np.log(n_classes))
    for known, end in pairwise(ends):
        train, gold = np.arange(end) < known, (np.arange(known, end), codes[known:end])
        frequencies = np.bincount(codes[:known], minlength=n_classes) / known
        found = [np.broadcast_to(frequencies, (end, n_classes))]
        found += [
            _probe(rows[:end], codes[:end], train, n_classes, variance=variance)
            for variance in _VARIANCES
        ]
        smooth = [(known * each[gold] + 1) / (known + n_classes) for each in found]
        nats -= np.log(smooth).sum(axis=1)
    mixed = np.log(len(nats)) - special.logsumexp(-nats)
    return float(mixed / np.log(2) / n_items)


def _standardised(values: Floats, known: Floats) -> Floats:
    """Values less the known ones' mean, over their standard deviation; constant ones become 0."""
    deviation = known.std(axis=0)
    centred = values - known.mean(axis=0)
    fine = deviation > 1e-12 * np.abs(known).max(axis=0)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=fine))


def _probe(
    rows: Floats, codes: Codes, train: np.ndarray, n_classes: int, *, variance: float
) -> Floats:
    """Probabilities of all rows by a probe trained on some, shape (n_rows, n_classes)."""
    met = np.unique(codes[train])
    found = np.zeros((len(rows), n_classes))
    if len(met) == 1:
        found[:, met] = 1.0
        return found
    probe = LogisticRegression(C=variance / rows.shape[1], max_iter=_MAX_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(rows[train], codes[train])
    found[:, met] = probe.predict_proba(rows)
    return found
