"""The smallest three-way effect that shares show: planted ones are seen, none is not."""

import numpy as np
import pandas as pd
import pytest

from metaselect.evaluation.sensitivity import language_sensitivity
from tests.evaluation.test_anatomy import planted


def gains(*, effect: float, seed: int = 0, n_seeds: int = 2) -> pd.DataFrame:
    """Noise of SD 1 in every score and training, and a three-way effect of an SD."""
    found = planted(
        {"training": 0.5, "scoring": 1.0}, n_seeds=n_seeds, n_i=10, n_t=6, n_l=10, seed=seed
    )
    cells = found.groupby(["intermediate", "target", "language"]).ngroup()
    sizes = np.random.default_rng(seed + 100).standard_normal(cells.max() + 1)
    return found.assign(gain=found["gain"] + effect * sizes[cells])


def test_a_large_effect_is_recovered_and_none_is_not() -> None:
    for seed in range(3):
        large = language_sensitivity(gains(effect=0.7, seed=seed), seed=0)
        assert large.observed > large.threshold
        assert large.p < 0.01
    none = [language_sensitivity(gains(effect=0.0, seed=seed), seed=0) for seed in range(10)]
    assert sum(found.observed > found.threshold for found in none) <= 2


def test_the_detectable_effect_is_the_first_that_most_draws_recover() -> None:
    found = language_sensitivity(gains(effect=0.0), seed=0)
    sizes = [item.sd for item in found.tried]
    assert sizes == sorted(sizes)
    assert found.detectable == sizes[-1]
    assert found.tried[0].recovered < 0.8 <= found.tried[-1].recovered
    # Noise of SD 1 within cells of two seeds: half of it is far above what a mean square tells.
    assert 0.1 < found.detectable < 0.6


def test_more_seeds_show_smaller_effects() -> None:
    two, six = (language_sensitivity(gains(effect=0.0, n_seeds=n), seed=0) for n in (2, 6))
    assert six.detectable < two.detectable


def test_an_effect_of_the_detectable_size_shows_in_new_gains() -> None:
    size = language_sensitivity(gains(effect=0.0), seed=0).detectable
    found = [language_sensitivity(gains(effect=size, seed=seed), seed=0) for seed in range(1, 11)]
    assert sum(item.observed > item.threshold for item in found) >= 6


def test_one_seed_cannot_tell() -> None:
    assert language_sensitivity(gains(effect=1.0, n_seeds=1), seed=0) is None


def test_the_same_seed_gives_the_same_draws() -> None:
    table = gains(effect=0.2)
    assert language_sensitivity(table, seed=3) == language_sensitivity(table, seed=3)
    assert language_sensitivity(table, seed=3).tried != pytest.approx(
        language_sensitivity(table, seed=4).tried
    )
