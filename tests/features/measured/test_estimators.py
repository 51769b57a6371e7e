import math
import warnings

import numpy as np
import pytest

from metaselect.features.measured.evidence import logme
from metaselect.features.measured.probes import (
    linear_accuracy,
    nearest_neighbour_accuracy,
    prequential_bits,
)


def linear_probe(features, labels):
    return linear_accuracy(features, labels, seed=0)


def code_saved(features, labels):
    return -prequential_bits(features, labels, seed=0)  # so that higher is better here too


WITHOUT_SEED = [logme, nearest_neighbour_accuracy]  # rotating the features changes neither
EVERY = [*WITHOUT_SEED, linear_probe, code_saved]

SHAPES = [(60, 8, 3, 2.0, 1), (12, 30, 2, 3.0, 2), (200, 40, 4, 1.0, 3), (40, 40, 2, 2.0, 4)]


def made(n_items, n_dims, n_classes, apart, seed):
    """Gaussian features; each class is moved along an axis of its own."""
    labels = np.arange(n_items) % n_classes
    features = np.random.default_rng(seed).normal(size=(n_items, n_dims))
    features[:, :n_classes] += apart * np.eye(n_classes)[labels]
    return features, labels


# What every estimator keeps to


@pytest.mark.parametrize("estimate", EVERY)
def test_labels_that_can_be_read_off_score_higher_than_noise(estimate):
    assert estimate(*made(120, 6, 3, 4.0, 0)) > estimate(*made(120, 6, 3, 0.0, 0)) + 0.01


@pytest.mark.parametrize("estimate", EVERY)
def test_the_same_arrays_give_the_same_value(estimate):
    features, labels = made(60, 8, 3, 1.0, 5)
    given = features.copy(), labels.copy()
    assert estimate(features, labels) == estimate(features, labels)
    assert (features == given[0]).all()
    assert (labels == given[1]).all()


@pytest.mark.parametrize("estimate", WITHOUT_SEED)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_of_items_and_the_names_of_classes_do_not_matter(estimate, shape):
    features, labels = made(*shape)
    order = np.random.default_rng(9).permutation(len(labels))
    expected = estimate(features, labels)
    assert estimate(features[order], labels[order]) == pytest.approx(expected, abs=1e-8)
    assert estimate(features, 100 - 7 * labels) == pytest.approx(expected, abs=1e-8)


def test_equal_items_tie_in_whatever_order_they_come():
    features, _ = made(7, 20, 2, 0.0, 3)
    features, labels = np.tile(features, (12, 1)), np.arange(84) % 5
    expected = nearest_neighbour_accuracy(features, labels)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(84)
        again = nearest_neighbour_accuracy(features[order], labels[order])
        assert again == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("estimate", WITHOUT_SEED)
@pytest.mark.parametrize("shape", SHAPES)
def test_rotating_the_features_does_not_matter(estimate, shape):
    features, labels = made(*shape)
    turn, _ = np.linalg.qr(np.random.default_rng(8).normal(size=(shape[1], shape[1])))
    assert estimate(features @ turn, labels) == pytest.approx(estimate(features, labels), abs=1e-6)


@pytest.mark.parametrize("estimate", EVERY)
def test_single_precision_gives_the_value_of_the_same_numbers_in_double(estimate):
    features, labels = made(60, 8, 3, 1.0, 5)
    single = features.astype(np.float32)
    assert estimate(single, labels) == estimate(single.astype(np.float64), labels)


AWKWARD = {
    "a constant dimension": lambda x, y: (np.column_stack([x, np.full(len(x), 3.0)]), y),
    "a dimension of zeros": lambda x, y: (np.column_stack([x, np.zeros(len(x))]), y),
    "a dimension twice": lambda x, y: (np.column_stack([x, x]), y),
    "rows twice": lambda x, y: (np.concatenate([x, x]), np.concatenate([y, y])),
    "equal rows of different classes": lambda x, y: (np.repeat(x[:6], 5, axis=0), y[:30]),
    "fewer items than dimensions": lambda x, y: (x[:7], y[:7]),
    "a class of one item": lambda x, y: (x, np.where(np.arange(len(y)) == 3, 99, y)),
    "classes of one item only": lambda x, y: (x[:8], np.arange(8)),
    "all rows equal": lambda x, y: (np.full_like(x, 0.1), y),
    "large numbers": lambda x, y: (x * 1e6, y),
    "small numbers": lambda x, y: (x * 1e-6, y),
    "booleans": lambda x, y: (x, y == 0),
    "half precision": lambda x, y: (x.astype(np.float16), y.astype(np.uint8)),
}


@pytest.mark.parametrize("estimate", EVERY)
@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_data_give_a_number_without_a_warning(estimate, case):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isfinite(estimate(*AWKWARD[case](*made(60, 8, 3, 1.0, 6))))


@pytest.mark.parametrize("estimate", EVERY)
def test_what_is_not_features_and_labels_is_refused(estimate):
    features, labels = made(20, 5, 2, 1.0, 0)
    holed = features.copy()
    holed[3, 2] = np.nan
    for wrong, named, words in [
        (features[:, 0], labels, "n_items, n_dims"),
        (features[:, :0], labels, "not empty"),
        (features.astype(complex), labels, "real numbers"),
        (features, labels[:-1], "one label an item"),
        (features, labels[:, None], "n_items"),
        (features, labels.astype(str), "whole numbers"),
        (features, np.zeros_like(labels), "at least two classes"),
        (holed, labels, "1 NaN or infinite"),
        (features * np.inf, labels, "NaN or infinite"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            estimate(wrong, named)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("estimate", [each for each in EVERY if "logme" not in each.__name__])
def test_classes_are_whole_numbers(estimate):
    features, labels = made(20, 5, 2, 1.0, 0)
    with pytest.raises(ValueError, match="whole numbers"):
        estimate(features, labels.astype(float))
