import numpy as np
import pytest

from metaselect.features.measured.similarities import (
    fisher_similarity,
    text_similarity,
    vocabulary_overlap,
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


def test_vocabularies_overlap_by_types_and_by_shares():
    # shared b of a, b, c; shares a 1/2, b 1/2 and b 3/4, c 1/4: (1/2) / (1/2 + 3/4 + 1/4)
    found = vocabulary_overlap({"a": 2, "b": 2}, {"b": 3, "c": 1})
    assert found.types == pytest.approx(1 / 3)
    assert found.weighted == pytest.approx(1 / 3)
    skewed = vocabulary_overlap({"a": 9, "b": 1}, {"a": 1, "b": 9})
    assert skewed.types == 1.0
    assert skewed.weighted == pytest.approx(0.2 / 1.8)


def test_the_size_of_the_corpus_does_not_matter():
    small, large = {1: 2, 2: 3, 3: 5}, {1: 200, 2: 300, 3: 500}
    assert vocabulary_overlap(small, large).weighted == pytest.approx(1.0)
    assert vocabulary_overlap(small, {4: 1}).weighted == 0.0


def test_tokens_that_never_occur_are_no_types():
    found = vocabulary_overlap({"a": 1, "b": 0}, {"a": 2, "c": 0})
    assert found.types == 1.0


@pytest.mark.parametrize(
    ("counts", "words"), [({}, "no tokens"), ({"a": 0}, "no tokens"), ({"a": -1}, "at least 0")]
)
def test_counts_without_tokens_are_refused(counts, words):
    for pair in [(counts, {"a": 1}), ({"a": 1}, counts)]:
        with pytest.raises(ValueError, match=words):
            vocabulary_overlap(*pair)
