"""The equal-weight sum of signals, its scale, and what training rows may see of it."""

import numpy as np
import pandas as pd
import pytest

from metaselect.ranking.composite import Composite

ROWS = pd.DataFrame(
    [
        ("q", "mnli", "nli", "x", 0.04),
        ("q", "rte", "nli", "x", 0.00),
        ("r", "mnli", "nli", "y", 0.02),
        ("r", "rte", "nli", "y", 0.00),
    ],
    columns=["query", "intermediate", "target_kind", "held_out", "gain"],
)
TABLE = pd.DataFrame({"log_size_intermediate": [6.0, 4.0, 6.0, 4.0]})


def test_signals_are_standardised_and_take_the_spread_of_what_they_join():
    like = np.array([0.03, 0.01, 0.03, 0.01])  # spread .01 within each query
    found, parts = Composite.fit(ROWS, TABLE, groups=("size",), like=like)
    assert found.names == ("log_size_intermediate",)
    assert (found.means, found.scales) == ((5.0,), (1.0,))
    assert found.unit == pytest.approx(0.01)
    np.testing.assert_allclose(parts[:, 0], [0.01, -0.01, 0.01, -0.01])
    np.testing.assert_allclose(found.parts(ROWS, TABLE), parts)


def test_training_rows_do_not_see_the_gains_of_their_own_unit():
    found, parts = Composite.fit(ROWS, TABLE, groups=("history",), like=ROWS["gain"].to_numpy())
    turned = ROWS.assign(gain=[9.0, -9.0, 0.02, 0.00])  # x's own gains are others
    _, others = Composite.fit(turned, TABLE, groups=("history",), like=ROWS["gain"].to_numpy())
    # x's rows know y's gains alone: mnli .02, rte 0, whichever gains x has
    assert np.sign(parts[0] - parts[1]) == np.sign(others[0] - others[1]) == 1
    # a new row knows all: mnli (.04 + .02) / 2 on nli, as on any kind
    assert found.gain_by_intermediate == pytest.approx({"mnli": 0.03, "rte": 0.0})
    new = ROWS.assign(target_kind="qa")
    np.testing.assert_allclose(found.parts(new, TABLE), found.parts(ROWS, TABLE))


def test_unknown_values_count_as_the_mean_and_no_signal_as_nothing():
    found, _ = Composite.fit(ROWS, TABLE, groups=("size",), like=ROWS["gain"].to_numpy())
    unknown = pd.DataFrame({"log_size_intermediate": [np.nan, 6.0, 6.0, 6.0]})
    assert found.parts(ROWS, unknown)[0, 0] == 0.0
    none, parts = Composite.fit(ROWS, TABLE, groups=("language",), like=ROWS["gain"].to_numpy())
    assert none.names == ()
    assert parts.shape == none.parts(ROWS, TABLE).shape == (4, 0)
