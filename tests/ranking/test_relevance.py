import numpy as np
import pytest

from metaselect.ranking.relevance import (
    HIGHEST,
    LABEL_GAIN,
    grades,
    grades_by_rank,
    labels,
    rank_scores,
    usual_spread,
)
from metaselect.runs.keys import centred


def test_grades_count_steps_below_the_best_of_each_query():
    # query 0: best .02, steps of .01: .02 -> 10, .0 -> 8, -.09 -> 11 below, so 0
    # query 1: best -.03 has the highest grade all the same
    gains = np.array([0.02, -0.03, 0.0, -0.05, -0.09])
    groups = np.array([0, 1, 0, 1, 0])
    assert grades(gains, groups, step=0.01).tolist() == [10, 10, 8, 8, 0]


def test_every_grade_has_a_worth():
    assert LABEL_GAIN == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023]
    assert len(LABEL_GAIN) == HIGHEST + 1


def test_no_rows_have_no_grades():
    assert grades(np.array([]), np.array([], dtype=np.intp), step=1.0).tolist() == []


def test_a_step_of_nothing_is_refused():
    with pytest.raises(ValueError, match="step must be above 0"):
        grades(np.zeros(1), np.zeros(1, dtype=np.intp), step=0.0)


def test_centred_values_have_their_own_querys_mean_removed():
    found = centred(np.array([1.0, 10.0, 3.0, 20.0]), np.array([0, 1, 0, 1]))
    assert found.tolist() == [-1, -5, 1, 5]


def test_the_usual_spread_is_the_median_over_queries_that_vary():
    # population sd: query 0 has 1, query 1 has 5, query 2 does not vary: median of 1 and 5
    values = np.array([1.0, 10.0, 3.0, 20.0, 7.0, 7.0])
    assert usual_spread(values, np.array([0, 1, 0, 1, 2, 2])) == 3.0
    assert usual_spread(np.array([7.0, 7.0]), np.array([0, 0])) == 0.0


def test_grades_by_rank_count_places_from_the_top_of_each_query():
    # query 0, from the top: .9, then two at .5 share the second place, then -40 is fourth
    gains = np.array([0.5, 7.0, -40.0, 0.9, 0.5, 6.9])
    assert grades_by_rank(gains, np.array([0, 1, 0, 0, 0, 1])).tolist() == [9, 10, 7, 10, 9, 9]


def test_the_eleventh_of_a_query_and_those_below_have_no_grade():
    grades_of_twelve = grades_by_rank(np.arange(12.0), np.zeros(12, dtype=np.intp))
    assert grades_of_twelve.tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_rank_scores_see_the_order_alone():
    # places 1, 2.5, 2.5, 4 of 4: -log(.5 / 4) = log 8, -log(2 / 4) = log 2, -log(3.5 / 4)
    expected = np.log([8, 2, 2, 8 / 7])
    groups = np.zeros(4, dtype=np.intp)
    np.testing.assert_allclose(rank_scores(np.array([3.0, 2.0, 2.0, 1.0]), groups), expected)
    np.testing.assert_allclose(rank_scores(np.array([99.0, 0.1, 0.1, -8.0]), groups), expected)


def test_rank_scores_count_within_their_own_query():
    # query 0 has two: -log(.5 / 2) and -log(1.5 / 2); query 1 has one: -log(.5 / 1)
    found = rank_scores(np.array([1.0, 5.0, 2.0]), np.array([0, 1, 0]))
    np.testing.assert_allclose(found, np.log([4 / 3, 2, 4]))


@pytest.mark.parametrize(
    ("objective", "step", "expected"),
    [
        ("regression", None, [1.0, 0.0, -1.0]),
        # log 6, log 2 and log 1.2 have the mean log(14.4) / 3
        ("rank_regression", None, np.log([6, 2, 1.2]) - np.log(14.4) / 3),
        ("lambdarank", None, [10, 9, 8]),
        ("rank_xendcg", None, [10, 9, 8]),
        ("lambdarank", 0.5, [10, 8, 6]),  # two steps of a half apart
        ("rank_xendcg", 0.5, [10, 8, 6]),
    ],
)
def test_labels_are_what_the_objective_learns(objective, step, expected):
    found = labels(np.array([3.0, 2.0, 1.0]), np.zeros(3, int), objective=objective, step=step)
    np.testing.assert_allclose(found, expected)
