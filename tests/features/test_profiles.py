"""What a target tells as an intermediate: by hand, and blind to what is left out."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.tasks import Catalogue
from metaselect.features.profiles import Profiles


def _rows(gains):
    """Rows of gains by (intermediate, target), a query and a unit for each target."""
    rows = [(task, target, target, target, gain) for (task, target), gain in gains.items()]
    return pd.DataFrame(rows, columns=["intermediate", "target", "query", "held_out", "gain"])


def _keys(*pairs, unit=""):
    return pd.DataFrame(
        [(*pair, unit) for pair in pairs], columns=["intermediate", "target", "held_out"]
    )


def _gains():
    """Tasks a, b, c on targets p to t: a and b are alike, c is the reverse of both."""
    shape = {"p": 1.0, "q": -1.0, "r": 1.0, "s": -1.0, "t": 1.0}
    found = {}
    for target, sign in shape.items():
        found |= {("a", target): sign, ("b", target): sign, ("c", target): -2 * sign}
    return found


def test_likeness_is_a_correlation_drawn_towards_zero():
    profiles = Profiles.fit(_rows(_gains()), Catalogue([]), leave_out=False)
    # b as a target: a's and b's gains agree on all five targets, c's are the reverse; of five
    # shared targets 5 / (5 + 4) is believed
    found = profiles.of(_keys(("a", "b"), ("c", "b"), ("direct", "b"), ("a", "p")))
    assert found[:, 0] == pytest.approx([5 / 9, -5 / 9, 0.0, np.nan], nan_ok=True)


def test_the_reciprocal_gain_is_what_the_target_gives_to_the_candidate():
    gains = _gains() | {("b", "a"): 3.0, ("c", "a"): 1.0}
    profiles = Profiles.fit(_rows(gains), Catalogue([]), leave_out=False)
    # on target a, b gained 3 and c 1: standardised 1 and -1
    found = profiles.of(_keys(("a", "b"), ("a", "c"), ("b", "c")))
    assert found[:, 1] == pytest.approx([1.0, -1.0, np.nan], nan_ok=True)


def test_a_row_does_not_see_the_gains_of_its_own_unit_or_target():
    profiles, turned = (
        Profiles.fit(
            _rows({k: (-v if flip and k[1] == "p" else v) for k, v in _gains().items()}),
            Catalogue([]),
            leave_out=True,
        )
        for flip in (False, True)
    )
    own = _keys(("a", "b"), unit="p")
    assert profiles.of(own) == pytest.approx(turned.of(own), nan_ok=True)
    # four targets are left: 4 / (4 + 4)
    assert profiles.of(own)[0, 0] == pytest.approx(0.5)


@pytest.mark.parametrize("unit", ["target", "intermediate"])
def test_no_row_sees_its_own_units_gains_in_any_way(unit):
    # the gains of a unit times -3: its own rows' values stay, the query's mean and spread included
    random = np.random.default_rng(5)
    names = list("abcdef")
    rows = _rows({(i, t): random.normal() for i in names for t in names if i != t})
    rows = rows.assign(held_out=rows[unit])
    turned = rows.assign(gain=rows["gain"].where(rows["held_out"] != "a", -3 * rows["gain"]))
    own = rows[rows["held_out"] == "a"]
    first, second = (
        Profiles.fit(table, Catalogue([]), leave_out=True).of(own) for table in (rows, turned)
    )
    assert (~np.isnan(first)).any()
    np.testing.assert_allclose(first, second)


def test_too_few_shared_targets_say_nothing():
    few = {pair: gain for pair, gain in _gains().items() if pair[1] in "pqr"}
    profiles = Profiles.fit(_rows(few), Catalogue([]), leave_out=False)
    assert np.isnan(profiles.of(_keys(("a", "b")))).all()
