import math

import numpy as np
import pytest

from metaselect.features.measured.posteriors import leep, nleep


def test_leep_by_hand():
    # P(y|z): source class 0 has mass .8 of label 0 and .4 of label 1, class 1 .2 and .6, so 2/3,
    # 1/3 and 1/4, 3/4; label 0 gets .8 * 2/3 + .2 * 1/4 = 7/12, label 1 .4 * 1/3 + .6 * 3/4 = 7/12
    found = leep(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 1]))
    assert found == pytest.approx(math.log(7 / 12))


def test_leep_agrees_with_the_logme_repository():
    # LEEP(pseudo_source_label, target_label) of thuml/LogME on this array
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), size=30)
    assert leep(probabilities, np.arange(30) % 3) == pytest.approx(-1.05517296200776, abs=1e-9)


def test_leep_of_a_source_that_says_nothing_is_the_entropy_of_the_labels():
    labels = np.array([0, 0, 0, 1])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert leep(np.full((4, 5), 0.2), labels) == pytest.approx(-entropy)


def test_a_source_class_that_is_never_predicted_does_not_matter():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])
    labels = np.array([0, 1, 1])
    wider = np.pad(probabilities, [(0, 0), (1, 2)])
    assert leep(wider, labels) == pytest.approx(leep(probabilities, labels))


def test_the_order_of_source_classes_does_not_matter():
    probabilities = np.random.default_rng(1).dirichlet(np.ones(4), size=20)
    labels = np.arange(20) % 2
    assert leep(probabilities[:, ::-1], labels) == pytest.approx(leep(probabilities, labels))


@pytest.mark.parametrize(
    ("probabilities", "labels", "words"),
    [
        (np.array([[0.5, 0.6], [0.5, 0.5]]), [0, 1], "rows of sum 1, got .* 1.1"),
        (np.array([[1.5, -0.5], [0.5, 0.5]]), [0, 1], "at least 0"),
        (np.array([[0.5, np.nan], [0.5, 0.5]]), [0, 1], "NaN"),
        (np.array([[0.5, 0.5], [0.5, 0.5]]), [1, 1], "at least two classes"),
        (np.array([[0.5, 0.5], [0.5, 0.5]]), [0, 1, 1], "one label an item"),
        (np.array([0.5, 0.5]), [0, 1], "n_items, n_dims"),
    ],
)
def test_what_is_not_probabilities_is_refused(probabilities, labels, words):
    with pytest.raises(ValueError, match=words):
        leep(probabilities, np.array(labels))


def blobs(n_items, n_classes, apart):
    labels = np.arange(n_items) % n_classes
    features = np.random.default_rng(0).normal(size=(n_items, 10))
    return features + apart * np.eye(10)[labels], labels


def test_nleep_of_far_clusters_is_certain():
    assert nleep(*blobs(300, 3, 100.0), seed=0) == pytest.approx(0.0, abs=1e-6)


def test_nleep_of_unrelated_labels_is_near_their_entropy():
    features, labels = blobs(2000, 2, 0.0)
    assert -math.log(2) < nleep(features, labels, seed=0) < -math.log(2) + 0.05


def test_nleep_of_constant_features_is_the_entropy_of_the_labels():
    found = nleep(np.full((10, 3), 0.1), np.arange(10) % 2, seed=0)
    assert found == pytest.approx(-math.log(2))


def test_the_unit_of_the_features_does_not_matter_to_nleep():
    features, labels = blobs(200, 2, 1.5)
    expected = nleep(features, labels, seed=0)
    for unit in (1e-4, 1e4):
        assert nleep(features * unit + 3 * unit, labels, seed=0) == pytest.approx(expected)


def test_nleep_drops_what_is_beyond_four_fifths_of_the_variance():
    # the class shows only in the third of three axes with variances 8 : 8 : 1 or so
    features, labels = blobs(400, 2, 0.0)
    hidden = np.column_stack([features[:, :2] * 20, labels * 6.0])
    shown = np.column_stack([features[:, :2] * 2, labels * 60.0])
    assert nleep(hidden, labels, seed=0) < -0.6
    assert nleep(shown, labels, seed=0) == pytest.approx(0.0, abs=1e-6)
