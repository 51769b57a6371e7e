import numpy as np
import pytest

from metaselect.ranking.relevance import HIGHEST, LABEL_GAIN, centred, grades, usual_spread


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
