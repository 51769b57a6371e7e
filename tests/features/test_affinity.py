import numpy as np
import pandas as pd
import pytest

from metaselect.features.affinity import FEATURES
from metaselect.features.base import World, compute

NAN = np.nan


def test_affinities_by_hand(cards, pairs):
    found = compute(FEATURES, pairs.iloc[:6], World(cards))
    # the target is NLI, a classification of 3 labels; other has 2 choices, bare no outcomes
    expected = {
        "same_kind": [1, 0, 0, 0, NAN, NAN],
        "same_head": [1, 1, 0, 0, NAN, NAN],
        "same_source": [0, 0, 0, 0, 0, 0],
        "n_outcomes_intermediate": [3, 2, 2, NAN, NAN, NAN],
        "same_n_outcomes": [1, 0, 0, 0, NAN, NAN],
    }
    assert found.columns.tolist() == list(expected)
    for name, values in expected.items():
        assert found[name].to_numpy() == pytest.approx(values, nan_ok=True), name


def test_shared_data_counts_whichever_card_says_so_and_a_task_shares_with_itself(cards):
    rows = pd.DataFrame(
        [("small", "other"), ("other", "small"), ("big", "big"), ("nobody", "nobody")],
        columns=["intermediate", "target"],
    )
    found = compute(FEATURES, rows, World(cards))
    assert found["same_source"].tolist() == [1, 1, 1, 1]
