"""What makes records alike on every processor."""

import numpy as np
import pandas as pd

from metaselect.evaluation.contrasts import Comparison, contrast
from metaselect.evaluation.fold_evaluation import measure_queries
from metaselect.evaluation.rounding import comparable, rounded_record


def test_numbers_of_a_record_have_six_digits_and_nine_decimals():
    record = {
        "regret": 0.0471857312710073, "large": 1234567.8, "tiny": 1.23456789e-7, "noise": -4.3e-21,
        "count": 1234567, "name": "ranker", "none": None, "sure": True, "rows": [(0.1 + 0.2, 2)],
    }  # fmt: skip
    assert rounded_record(record) == {
        "regret": 0.0471857, "large": 1234570.0, "tiny": 1.23e-7, "noise": 0.0,
        "count": 1234567, "name": "ranker", "none": None, "sure": True, "rows": [[0.3, 2]],
    }  # fmt: skip
    assert str(rounded_record({"noise": -4.3e-21})["noise"]) == "0.0"


def test_scores_apart_by_rounding_alone_are_equal_and_others_keep_their_order():
    scores = np.array([0.3, 0.1 + 0.2, 0.3000001, -np.inf, 0.0, 1e-17])
    found = comparable(scores * 1e-3)
    assert found[0] == found[1] < found[2]
    assert found[3] == -np.inf
    assert found[4] == found[5] == 0.0
    assert comparable(np.zeros(2)).tolist() == [0.0, 0.0]


def test_a_tie_is_one_whatever_the_last_digits_of_scores_and_gains():
    rows = pd.DataFrame({"query": "q", "cluster": "c", "gain": [0.1 + 0.2, 0.3, 0.0]})
    found = measure_queries(
        rows, np.array([0.3, 0.1 + 0.2, 0.3]), method="m", fold="f", steps={"q": 0.1}
    )
    assert found["regret@1"].item() == 0.3 - (0.3 + 0.3 + 0.0) / 3
    assert found["hit@1"].item() == 2 / 3  # two of the three that tie are best


def test_a_cluster_whose_values_differ_by_rounding_alone_has_not_changed():
    rows = [("a", "m", 0.1 + 0.2), ("a", "n", 0.3), ("b", "m", 0.2), ("b", "n", 0.1)]
    table = pd.DataFrame(rows, columns=["cluster", "method", "regret@1"])
    found = contrast(table, Comparison("m", "n", "regret@1"), seed=0)
    assert (found.n_changed, found.leading) == (1, "b")
