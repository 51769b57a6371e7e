import math
import warnings

import numpy as np
import pytest

from metaselect.features.measured.evidence import logme
from metaselect.features.measured.posteriors import nleep
from metaselect.features.measured.probes import (
    linear_accuracy,
    nearest_neighbour_accuracy,
    prequential_bits,
)
from metaselect.features.measured.transfer_estimators import gbc, h_score, parc, transrate


def diagonal_gbc(features, labels):
    return gbc(features, labels, variances="diagonal")


def spherical_gbc(features, labels):
    return gbc(features, labels, variances="spherical")


def mixture_leep(features, labels):
    return nleep(features, labels, seed=0)


def linear_probe(features, labels):
    return linear_accuracy(features, labels, seed=0)


def code_saved(features, labels):
    return -prequential_bits(features, labels, seed=0)  # so that higher is better here too


WITHOUT_SEED = [
    *(logme, h_score, transrate, diagonal_gbc, spherical_gbc, parc),
    nearest_neighbour_accuracy,
]
SEEDED = [mixture_leep, linear_probe, code_saved]
ROTATABLE = [
    *(logme, h_score, transrate, spherical_gbc, nearest_neighbour_accuracy),
    mixture_leep,
]
EVERY = [*WITHOUT_SEED, *SEEDED]

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


@pytest.mark.parametrize("estimate", [parc, nearest_neighbour_accuracy])
def test_equal_items_tie_in_whatever_order_they_come(estimate):
    features, _ = made(7, 20, 2, 0.0, 3)
    features, labels = np.tile(features, (12, 1)), np.arange(84) % 5
    expected = estimate(features, labels)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(84)
        assert estimate(features[order], labels[order]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("estimate", ROTATABLE)
@pytest.mark.parametrize("shape", SHAPES)
def test_rotating_the_features_does_not_matter(estimate, shape):
    features, labels = made(*shape)
    turn, _ = np.linalg.qr(np.random.default_rng(8).normal(size=(shape[1], shape[1])))
    assert estimate(features @ turn, labels) == pytest.approx(estimate(features, labels), abs=1e-6)


@pytest.mark.parametrize("estimate", [parc, diagonal_gbc])
def test_what_looks_at_single_axes_does_see_a_rotation(estimate):
    features, labels = made(60, 8, 3, 2.0, 1)
    features *= np.arange(1, 9)
    turn, _ = np.linalg.qr(np.random.default_rng(8).normal(size=(8, 8)))
    assert abs(estimate(features @ turn, labels) - estimate(features, labels)) > 1e-3


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


# H-score: transformer-ranker 0.2.0's HScore().fit(embeddings, labels) on `made(*shape)`
H_SCORES = [1.22271093316, 0.699214294216, 0.0184743010968, 0.312906626935]


@pytest.mark.parametrize(("shape", "expected"), [*zip(SHAPES, H_SCORES, strict=True)])
def test_h_score_agrees_with_transformer_ranker(shape, expected):
    assert h_score(*made(*shape)) == pytest.approx(expected, abs=1e-6)


def test_h_score_is_shrunk_as_by_hand():
    # covariance diag(4, 1): sum of squares 17, trace 5, every squared length 5, so noise
    # (25 - 17) / 4 = 2 over 17 - 25 / 2 = 4.5 is shrinkage 4/9; the first variance becomes
    # 5/9 * 4 + 4/9 * 5/2 = 10/3, that of the class means 4 * 4 / 3 = 16/3: 5/9 * 16/3 / (10/3)
    features = np.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
    assert h_score(features, np.array([1, 1, 0, 0])) == pytest.approx(8 / 9)
    assert h_score(features + 50, np.array([1, 1, 0, 0])) == pytest.approx(8 / 9)
    assert h_score(features, np.array([1, 0, 0, 1])) == pytest.approx(0.0, abs=1e-12)


def test_h_score_of_equal_and_unrelated_variances_is_not_shrunk():
    # covariance 1, class means (1, 0) and (-1, 0) of two items each: 4 / (4 - 1)
    features = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert h_score(features, np.array([0, 0, 1, 1])) == pytest.approx(4 / 3)
    # with a constant dimension the unshrunk covariance has no inverse, and needs none there
    flat = np.column_stack([features[:, 0], np.full(4, 5.0)])
    assert h_score(flat, np.array([0, 0, 1, 1])) == pytest.approx(4 / 3)


def test_constant_features_separate_nothing():
    labels = np.array([0, 1, 0, 1, 1])
    assert h_score(np.full((5, 3), 0.1), labels) == 0.0
    assert parc(np.full((5, 3), 0.1), labels) == 0.0
    assert transrate(np.full((5, 3), 0.1), labels) == pytest.approx(0.0, abs=1e-9)
    assert spherical_gbc(np.full((5, 3), 0.1), labels) == pytest.approx(-2.0)  # full overlap


# TransRate: the listing of the paper (appendix; classes weigh equally, here also by items)
TRANSRATES = [0.961898931436, 22.9603323614, 10.0291735798, 68.6199021323]


@pytest.mark.parametrize(("shape", "expected"), [*zip(SHAPES, TRANSRATES, strict=True)])
def test_transrate_agrees_with_the_listing_on_balanced_classes(shape, expected):
    assert transrate(*made(*shape)) == pytest.approx(expected, abs=1e-8)


def test_transrate_weighs_classes_by_their_items():
    # second moments: all diag(1/3, 8/3), class 0 diag(1, 0), class 1 diag(0, 4); distortion 1e-4
    features = np.array([[1.0, 0], [-1, 0], [0, 2], [0, -2], [0, 2], [0, -2]])
    all_items = math.log(1 + 1e4 / 3) / 2 + math.log(1 + 8e4 / 3) / 2
    within = math.log(1 + 1e4) / 2 * 2 / 6 + math.log(1 + 4e4) / 2 * 4 / 6
    found = transrate(features, np.array([0, 0, 1, 1, 1, 1]))
    assert found == pytest.approx(all_items - within)


# GBC, worked out by hand

SQUARE = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])


@pytest.mark.parametrize("estimate", [diagonal_gbc, spherical_gbc])
def test_gbc_of_shifted_classes(estimate):
    # means 0 and 2, variances 1: distance 2² / 8 = 1/2, counted in both orders
    features = np.array([[-1.0], [1.0], [1.0], [3.0]])
    assert estimate(features, np.array([0, 0, 1, 1])) == pytest.approx(-2 * math.exp(-0.5))


@pytest.mark.parametrize("estimate", [diagonal_gbc, spherical_gbc])
def test_gbc_of_wider_classes_counts_each_dimension(estimate):
    # variances 1 and 4 in two dimensions: 2 * (ln 2.5 - ln 4 / 2) / 2 = ln 1.25, overlap 0.8
    features = np.concatenate([SQUARE, 2 * SQUARE])
    assert estimate(features, np.repeat([0, 1], 4)) == pytest.approx(-1.6)


def test_gbc_has_one_variance_a_class_or_one_an_axis():
    # variances (1, 1) and (4, 1): by axis ln 1.25 / 2; one a class (1, 2.5): ln 1.75 - ln 2.5 / 2
    features = np.concatenate([SQUARE, SQUARE * [2, 1]])
    labels = np.repeat([0, 1], 4)
    assert diagonal_gbc(features, labels) == pytest.approx(-2 * math.sqrt(0.8))
    assert spherical_gbc(features, labels) == pytest.approx(-2 * math.sqrt(2.5) / 1.75)


def test_gbc_takes_the_principal_components_of_wide_features():
    # the first axis varies more over all items, so the components are the axes themselves
    features = np.concatenate([SQUARE * [3, 1], SQUARE * [6, 1]])
    labels = np.repeat([0, 1], 4)
    wide = np.pad(features, [(0, 0), (0, 98)])
    expected = diagonal_gbc(features, labels)
    assert diagonal_gbc(wide, labels) == pytest.approx(expected)
    turn, _ = np.linalg.qr(np.random.default_rng(8).normal(size=(100, 100)))
    assert diagonal_gbc(wide @ turn, labels) == pytest.approx(expected)


def test_gbc_goes_from_full_overlap_to_none():
    features, labels = np.tile(SQUARE, (3, 1)), np.repeat([0, 1, 2], 4)
    assert diagonal_gbc(features, labels) == pytest.approx(-6.0)  # 3 * 2 ordered pairs
    assert diagonal_gbc(features + 1000 * labels[:, None], labels) == 0.0


def test_gbc_knows_two_kinds_of_variances():
    with pytest.raises(ValueError, match='"diagonal" or "spherical", got \'full\''):
        gbc(*made(20, 5, 2, 1.0, 0), variances="full")


# PARC


def test_parc_of_pairs_that_go_together_and_of_pairs_that_do_not():
    # two pairs of equal items: distances 0 within, 2 across (4 of 6 pairs). Labelled alike within
    # pairs: 1. Labelled across: both at their higher value in 2 of 6 pairs where 4/6 * 4/6 are
    # expected, over variances 4/6 * 2/6: (2/6 - 16/36) / (8/36)
    features = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert parc(features, np.array([0, 0, 1, 1])) == pytest.approx(1.0)
    assert parc(features, np.array([0, 1, 0, 1])) == pytest.approx(-0.5)


def test_parc_agrees_with_spearman_of_both_matrices():
    # scipy.stats.spearmanr of 1 - numpy.corrcoef of standardised rows and of one-hot labels
    assert parc(*made(12, 30, 2, 3.0, 2)) == pytest.approx(0.215634593332)
    assert parc(*made(200, 40, 4, 1.0, 3)) == pytest.approx(0.0646247680026)


def test_parc_needs_two_dimensions():
    with pytest.raises(ValueError, match="at least two, got one"):
        parc(np.arange(4.0)[:, None], np.array([0, 0, 1, 1]))
