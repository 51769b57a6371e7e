import math

import numpy as np
import pytest

from metaselect.features.measured.hardness import (
    chance_corrected_error,
    label_entropy,
    partialled_out,
)


def test_entropy_of_labels_in_bits():
    assert label_entropy(np.array([3, 3, 3])) == 0.0
    assert label_entropy(np.array([True, False])) == 1.0
    assert label_entropy(np.array([0, 0, 1, 2])) == 1.5  # 1/2 * 1 + 2 * 1/4 * 2


@pytest.mark.parametrize("labels", [np.array([]), np.array([0.5]), np.zeros((2, 2), int)])
def test_entropy_needs_whole_numbers(labels):
    with pytest.raises(ValueError, match="whole numbers"):
        label_entropy(labels)


def test_error_is_measured_from_chance():
    assert chance_corrected_error(1.0, chance=0.25) == 0.0
    assert chance_corrected_error(0.25, chance=0.25) == 1.0
    assert chance_corrected_error(0.0, chance=0.5) == 2.0
    # RoBERTa-large on RTE, Vania et al. 2021: .835 where .5 is chance
    assert chance_corrected_error(0.835, chance=0.5) == pytest.approx(0.33)


@pytest.mark.parametrize(
    ("accuracy", "chance"), [(1.2, 0.5), (-0.1, 0.5), (math.nan, 0.5), (0.5, 1.0), (0.5, -0.1)]
)
def test_shares_out_of_range_are_refused(accuracy, chance):
    with pytest.raises(ValueError, match="must be"):
        chance_corrected_error(accuracy, chance=chance)


def test_what_a_line_explains_goes_and_the_rest_stays():
    sizes = np.array([1.0, 2.0, 3.0, 4.0])
    assert partialled_out(5 - 2 * sizes, sizes) == pytest.approx(np.zeros(4), abs=1e-12)
    rest = np.array([1.0, -1.0, -1.0, 1.0])  # mean 0 and at right angles to the sizes
    assert partialled_out(7 + 3 * sizes + rest, sizes) == pytest.approx(rest)


def test_missing_values_stay_missing_and_do_not_count():
    values = np.array([1.0, np.nan, 2.0, 6.0, 100.0, 7.0])
    sizes = np.array([0.0, 5.0, 1.0, 1.0, np.nan, 2.0])
    expected = [0.0, np.nan, -2.0, 2.0, np.nan, 0.0]  # the line 1 + 3 * size
    assert partialled_out(values, sizes) == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_two_points_leave_nothing_to_say():
    found = partialled_out(np.array([1.0, 2.0, np.nan]), np.array([1.0, 2.0, 3.0]))
    assert np.isnan(found).all()


def test_equal_sizes_explain_nothing():
    found = partialled_out(np.array([1.0, 2.0, 6.0]), np.full(3, 0.1))
    assert found == pytest.approx([-2.0, -1.0, 3.0])


@pytest.mark.parametrize(
    ("values", "sizes", "words"),
    [
        (np.ones(3), np.ones(4), "alike"),
        (np.ones((2, 2)), np.ones((2, 2)), "alike"),
        (np.array([1.0, np.inf]), np.ones(2), "infinite"),
        (np.ones(2), np.array([1.0, -np.inf]), "infinite"),  # the log of no rows at all
    ],
)
def test_what_no_line_fits_is_refused(values, sizes, words):
    with pytest.raises(ValueError, match=words):
        partialled_out(values, sizes)
