"""TextProfiles of texts: what ships, what they measure, and that they stay small."""

from importlib import resources

import numpy as np
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.likeness import PROFILES, TextProfiles, profile, shipped_profiles


def test_the_shipped_profiles_are_small_and_of_tasks_with_cards():
    found = shipped_profiles()
    assert len(found.names) >= 75
    assert set(found.names) <= set(shipped_catalogue())
    assert found.roots.shape == (len(found.names), 1024)
    np.testing.assert_allclose(np.linalg.norm(found.roots, axis=1), 1.0, atol=1e-3)
    assert (resources.files("metaselect.catalogue") / PROFILES).stat().st_size < 200_000


def test_a_profile_is_the_root_of_frequencies():
    roots = profile(["aaaa", "bbb"])  # aaa, aaa, bbb: two thirds and one third
    assert sorted(roots[roots > 0].round(6)) == [
        pytest.approx((1 / 3) ** 0.5, abs=1e-6), pytest.approx((2 / 3) ** 0.5, abs=1e-6)
    ]  # fmt: skip
    assert not profile(["a", ""]).any()


def test_texts_are_most_like_the_profile_made_of_them():
    texts = {"numbers": ["one two three"], "animals": ["cat dog bird"], "places": ["park house"]}
    roots = np.array([profile(own) for own in texts.values()])
    known = TextProfiles(tuple(texts), roots, dict.fromkeys(texts, 3.0))
    likeness = known.likeness(["dog cat bird dog"])
    assert max(likeness, key=lambda name: likeness[name]) == "animals"
    assert known.likeness(["one two three"])["numbers"] == pytest.approx(1.0)
    assert all(np.isfinite(value) for value in known.likeness([""]).values())
