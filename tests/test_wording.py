import pytest

from metaselect.wording import points, share


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.0123, "+1.23"), (-0.5, "-50.00"), (0.0, "+0.00"), (None, "–"), (float("nan"), "–")],
)
def test_fractions_are_points_for_people(fraction, shown):
    assert points(fraction) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"), [(0.8, "80%"), (1.0, "100%"), (None, "–"), (float("nan"), "–")]
)
def test_shares_are_percent_for_people(fraction, shown):
    assert share(fraction) == shown
