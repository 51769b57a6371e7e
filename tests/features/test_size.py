import numpy as np
import pytest

from metaselect.features.base import World, compute
from metaselect.features.size import FEATURES

NAN = np.nan


def test_sizes_are_powers_of_ten(cards, pairs):
    found = compute(FEATURES, pairs, World(cards))
    assert found.columns.tolist() == [
        "log_size_intermediate",
        "log_size_target",
        "log_size_ratio",
    ]
    # 100,000, 100 and 1,000 rows; none for bare; nothing known of the last two
    sizes = [5, 2, 3, NAN, NAN, NAN]
    assert found["log_size_intermediate"].to_numpy() == pytest.approx([*sizes, *sizes], nan_ok=True)
    # the target has 10,000, bare has none
    targets = found["log_size_target"].to_numpy()
    assert targets == pytest.approx([4] * 6 + [NAN] * 6, nan_ok=True)
    ratios = found["log_size_ratio"].to_numpy()
    assert ratios == pytest.approx([1, -2, -1, NAN, NAN, NAN] + [NAN] * 6, nan_ok=True)
