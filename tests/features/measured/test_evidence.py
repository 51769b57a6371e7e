import numpy as np
import pytest

from metaselect.features.measured.evidence import logme

SHAPES = [(60, 8, 3, 2.0, 1), (12, 30, 2, 3.0, 2), (200, 40, 4, 1.0, 3), (40, 40, 2, 2.0, 4)]
# thuml/LogME's LogME().fit(f, y) on `made(*shape)`, then LogME(regression=True).fit(f, values)
THUML = [-0.512395964281, 2.86307340864, -0.672588441288, -0.854068833862]
THUML_REGRESSION = [-2.19588990861, -1.43628932175, -1.52293651183, -2.29677154849]
# transformer-ranker 0.2.0's LogME().fit(embeddings, labels); None: of the second shape it gives
# 2.84257138187, since its second class starts where the first stopped, after 11 steps
TRANSFORMER_RANKER = [-0.512395941103, None, -0.672588414043, -0.854068816437]


def made(n_items, n_dims, n_classes, apart, seed):
    """Gaussian features; each class is moved along an axis of its own."""
    labels = np.arange(n_items) % n_classes
    features = np.random.default_rng(seed).normal(size=(n_items, n_dims))
    features[:, :n_classes] += apart * np.eye(n_classes)[labels]
    return features, labels


def values_of(features):
    return features[:, 0] + 0.5 * features[:, 1] ** 2


@pytest.mark.parametrize(("shape", "expected"), [*zip(SHAPES, THUML, strict=True)])
def test_logme_agrees_with_the_authors_code(shape, expected):
    assert logme(*made(*shape)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("shape", "expected"), [*zip(SHAPES, TRANSFORMER_RANKER, strict=True)])
def test_logme_agrees_with_transformer_ranker_where_eleven_steps_suffice(shape, expected):
    found = logme(*made(*shape))
    if expected is None:
        assert abs(found - 2.84257138187) > 0.01
    else:
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("shape", "expected"), [*zip(SHAPES, THUML_REGRESSION, strict=True)])
def test_logme_of_values_agrees_with_the_authors_code(shape, expected):
    features, _ = made(*shape)
    assert logme(features, values_of(features)) == pytest.approx(expected, abs=1e-9)


def test_a_spectrum_too_wide_for_the_gram_matrix_is_still_read_right():
    # two dimensions 10^8 times the others, then all of them mixed; the number is of
    # transformer-ranker, which takes the SVD of the features themselves
    features, labels = made(60, 8, 2, 3.0, 1)
    turn, _ = np.linalg.qr(np.random.default_rng(8).normal(size=(8, 8)))
    mixed = features * [1, 1, 1, 1, 1, 1, 1e8, 1e8] @ turn
    assert logme(mixed, labels) == pytest.approx(-1.02150082802, abs=1e-6)


def test_integers_are_classes_and_floats_are_values():
    features, labels = made(60, 8, 2, 2.0, 1)
    assert logme(features, labels == 1) == logme(features, labels)
    # two classes' columns add up to 1, but neither is fitted by an intercept: they differ
    assert logme(features, labels.astype(float)) != pytest.approx(logme(features, labels))


@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        (np.ones((3, 2)), np.array([0.5, np.nan, 1.0]), "finite"),
        (np.ones((3, 2)), np.array([0.5, 0.5, 0.5]), "two different values"),
        (np.ones((3, 2)), np.array([0.5, 0.6]), "one label an item"),
        (np.ones((3, 2)), np.ones((3, 2)), "n_items"),
        (np.zeros((3, 2)), np.array([0, 1, 1]), "all zero"),
    ],
)
def test_what_cannot_be_regressed_is_refused(features, labels, words):
    with pytest.raises(ValueError, match=words):
        logme(features, labels)
