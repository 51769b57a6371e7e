import math

import numpy as np
import pytest

from metaselect.features.measured.probes import (
    linear_accuracy,
    nearest_neighbour_accuracy,
    prequential_bits,
)


def on_circle(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def noise(n_items, n_dims, seed=0):
    return np.random.default_rng(seed).normal(size=(n_items, n_dims))


# Neighbours


def test_three_neighbours_outvote_a_stray():
    # 0, 1, 2, 3 degrees class 0; 90 to 93 class 1; a stray of class 1 at 1.4 degrees is outvoted,
    # and outvotes none of the four, so 8 of 9 are right
    features = on_circle(0, 1, 2, 3, 90, 91, 92, 93, 1.4)
    found = nearest_neighbour_accuracy(features, np.array([0, 0, 0, 0, 1, 1, 1, 1, 1]))
    assert found == pytest.approx(8 / 9)


def test_only_the_direction_of_items_counts():
    features = on_circle(0, 1, 2, 3, 90, 91, 92, 93) * np.arange(1, 9)[:, None] * 100
    assert nearest_neighbour_accuracy(features, np.repeat([0, 1], 4)) == 1.0


def test_classes_with_equal_votes_share_the_item():
    # every item sees one other of each of the three classes or its own: votes 0, 1, 1, 1
    features = on_circle(0, 1, 2, 3)
    found = nearest_neighbour_accuracy(features, np.array([0, 1, 2, 3]))
    assert found == 0.0  # its own class never votes
    # two items of class 0: each sees 0, 1, 2 with one vote each and is right by a third; the
    # other two see 0, 0 and one more, and are wrong: (1/3 + 1/3) / 4
    shared = nearest_neighbour_accuracy(features, np.array([0, 0, 1, 2]))
    assert shared == pytest.approx(1 / 6)


def test_neighbours_equally_near_share_the_last_places():
    # five equal items of classes 0, 0, 0, 1, 1: each sees four others for three places, 3/4 of a
    # vote each. Class 0 sees two of each class (a tie: 1/2), class 1 sees three of 0 (wrong)
    lengths = np.array([1.0, 3.0, 0.7, 0.1, 7.0])  # rounding sets their cosines a little apart
    features = lengths[:, None] * np.array([0.1, 0.2, 0.3, 0.7])
    found = nearest_neighbour_accuracy(features, np.array([0, 0, 0, 1, 1]))
    assert found == pytest.approx(1.5 / 5)


def test_a_neighbour_nearer_than_the_tied_keeps_its_whole_vote():
    # P, Q (class 0) at 0 degrees; R, S (class 1) and T (class 0) at 10. P sees Q whole and two
    # thirds of each other: 5/3 to 4/3 for class 0, right, and so does Q. R and S see each other,
    # T, and half of P and Q: 1 to 2, wrong. T sees R and S: wrong
    features = on_circle(0, 0, 10, 10, 10)
    found = nearest_neighbour_accuracy(features, np.array([0, 0, 1, 1, 0]))
    assert found == pytest.approx(2 / 5)


def test_many_items_are_compared_in_pieces():
    features = np.repeat(on_circle(0, 90), 1500, axis=0) + noise(3000, 2) * 0.01
    assert nearest_neighbour_accuracy(features, np.repeat([0, 1], 1500)) == 1.0


def test_neighbours_need_four_items():
    with pytest.raises(ValueError, match="more than 3 items, got 3"):
        nearest_neighbour_accuracy(np.eye(3), np.array([0, 1, 1]))


# The linear probe


def test_separable_classes_are_all_found():
    labels = np.arange(60) % 3
    assert linear_accuracy(noise(60, 5) + 20 * np.eye(5)[labels], labels, seed=0) == 1.0


def test_unrelated_labels_are_guessed():
    found = linear_accuracy(noise(2000, 20), np.arange(2000) % 2, seed=0)
    assert abs(found - 0.5) < 0.04  # 3.6 standard errors of 2,000 guesses


def test_the_unit_and_the_place_of_each_dimension_do_not_matter():
    labels = np.arange(90) % 3
    features = noise(90, 5) + np.eye(5)[labels]
    expected = linear_accuracy(features, labels, seed=0)
    moved = features * [1e4, 1, 1e-4, 1, 1] + [0, 1e3, 0, 0, 0]
    assert linear_accuracy(moved, labels, seed=0) == pytest.approx(expected, abs=0.012)
    assert 0.5 < expected < 1.0


def test_a_class_of_one_item_is_missed_and_no_more():
    labels = np.where(np.arange(50) == 7, 2, np.arange(50) % 2)
    features = noise(50, 4) + 30 * np.eye(4)[labels]
    assert linear_accuracy(features, labels, seed=0) == pytest.approx(49 / 50)


def test_two_items_of_a_class_are_never_held_out_together():
    labels = np.where(np.isin(np.arange(50), [7, 30]), 2, np.arange(50) % 2)
    features = noise(50, 4) + 100 * np.eye(4)[labels]
    assert [linear_accuracy(features, labels, seed=seed) for seed in range(20)] == [1.0] * 20


def test_two_items_of_two_classes_are_never_found():
    assert linear_accuracy(np.eye(2), np.array([0, 1]), seed=0) == 0.0


def test_the_folds_follow_the_seed():
    features, labels = noise(80, 10), np.arange(80) % 2
    found = {linear_accuracy(features, labels, seed=seed) for seed in range(6)}
    assert len(found) > 1


# The prequential code


def test_two_labels_cost_one_bit_and_the_price_of_a_surprise():
    # the first is sent uniformly: 1 bit; then one label was met, and the other has probability
    # (0 + 1) / (1 + 2) for every probe: log2 3 bits
    found = prequential_bits(np.eye(2), np.array([0, 1]), seed=0)
    assert found == pytest.approx((1 + math.log2(3)) / 2)


def test_features_that_say_nothing_leave_about_the_entropy():
    for n_dims in (5, 200):  # also where a bold probe would be sure of itself
        even = prequential_bits(noise(1000, n_dims), np.arange(1000) % 2, seed=0)
        assert 1.0 < even < 1.03
    uneven = prequential_bits(noise(1000, 5), (np.arange(1000) % 10 == 0).astype(int), seed=0)
    entropy = -(0.1 * math.log2(0.1) + 0.9 * math.log2(0.9))
    assert entropy < uneven < entropy + 0.06


def test_easier_labels_are_shorter():
    labels = np.arange(600) % 3
    bits = [
        prequential_bits(noise(600, 50) + apart * np.eye(50)[labels], labels, seed=0)
        for apart in (0.0, 1.0, 2.0, 4.0, 40.0)
    ]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < 0.3
    assert bits[0] == pytest.approx(math.log2(3), rel=0.03)


def test_a_cautious_probe_reads_what_a_bold_one_would_overread():
    # the boldest probe alone takes 1.01 bits here, the most cautious alone 0.88
    labels = np.arange(600) % 2
    features = noise(600, 200) + 1.5 * np.eye(200)[labels]
    assert prequential_bits(features, labels, seed=0) < 0.85


def test_a_class_met_late_costs_no_infinity():
    labels = np.where(np.arange(64) == 40, 1, 0)
    assert 0 < prequential_bits(noise(64, 3), labels, seed=0) < 1


def test_more_items_of_one_kind_are_cheaper_by_the_label():
    labels = np.arange(2000) % 2
    features = noise(2000, 20) + 2 * np.eye(20)[labels]
    few = prequential_bits(features[:100], labels[:100], seed=0)
    assert prequential_bits(features, labels, seed=0) < few
