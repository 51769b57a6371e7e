import numpy as np
import pytest

from metaselect.features.base import World, compute
from metaselect.features.difficulty import FEATURES

NAN = np.nan


def test_difficulties_are_those_published_and_their_gaps(cards, pairs):
    found = compute(FEATURES, pairs.iloc[:6], World(cards))
    expected = {
        "rasch_intermediate": [0.5, -1.0, NAN, NAN, NAN, NAN],
        "rasch_gap": [-1.5, -3.0, NAN, NAN, NAN, NAN],  # the target's is 2
        "error_intermediate": [NAN, 0.125, NAN, NAN, NAN, NAN],
        "error_gap": [NAN] * 6,
        "headroom_intermediate": [NAN, 0.25, NAN, NAN, NAN, NAN],
        "headroom_gap": [NAN] * 6,
        "discrimination_intermediate": [NAN, 0.5, NAN, NAN, NAN, NAN],
    }
    assert found.columns.tolist() == list(expected)
    for name, values in expected.items():
        assert found[name].to_numpy() == pytest.approx(values, nan_ok=True), name
