import numpy as np
import pytest

from metaselect.features.measured.task_measures import (
    fisher_similarity,
    text_similarity,
)


def test_cosines_by_hand():
    # (1, 2, 2) and (2, 1, 2): 8 over 3 * 3
    assert text_similarity(np.array([1.0, 2, 2]), np.array([2.0, 1, 2])) == pytest.approx(8 / 9)
    assert text_similarity(np.array([1.0, 0]), np.array([-3.0, 0])) == -1.0
    assert fisher_similarity(np.array([1.0, 2, 2]), np.array([2.0, 1, 2])) == pytest.approx(8 / 9)


@pytest.mark.parametrize("similarity", [text_similarity, fisher_similarity])
def test_a_vector_is_like_itself_whatever_its_length(similarity):
    vector = np.random.default_rng(0).random(1000)
    for scale in (1e-200, 1.0, 1e200):  # squares would leave the range of float64
        assert similarity(vector, vector * scale) == pytest.approx(1.0)
    assert similarity(vector, vector[::-1]) == similarity(vector[::-1], vector)


@pytest.mark.parametrize("similarity", [text_similarity, fisher_similarity])
def test_what_has_no_direction_is_refused(similarity):
    one = np.ones(3)
    for first, second, words in [
        (one, np.ones(4), "one shape"),
        (np.ones((3, 1)), np.ones((3, 1)), "one shape"),
        (one[:0], one[:0], "one shape"),
        (one, np.array([1.0, np.nan, 1.0]), "NaN"),
        (np.array([1.0, np.inf, 1.0]), one, "infinite"),
        (one, np.zeros(3), "zeros"),
    ]:
        with pytest.raises(ValueError, match=words):
            similarity(first, second)


def test_a_fisher_diagonal_is_not_negative():
    with pytest.raises(ValueError, match="negative"):
        fisher_similarity(np.ones(2), np.array([1.0, -1.0]))
