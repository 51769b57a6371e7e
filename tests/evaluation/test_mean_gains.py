"""Mean gains by target and intermediate: over languages first, then over seeds."""

import pytest

from metaselect.evaluation.mean_gains import mean_gains
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs


@pytest.fixture(scope="module")
def runs():
    table = check_runs(simulated_runs(seed=0, noise=0.01), percent=False)
    table = table[table["study"] == table["study"].iloc[0]]
    return table[table["target"].isin(["xnli", "udpos"])].reset_index(drop=True)


def test_a_mean_gain_is_over_languages_then_seeds_with_the_error_over_seeds(runs):
    (udpos, xnli) = sorted(mean_gains(runs), key=lambda item: item["target"])
    assert (udpos["target"], xnli["target"]) == ("udpos", "xnli")
    own = runs[runs["target"] == "xnli"]
    cells = own.pivot_table(index=["seed", "language"], columns="intermediate", values="score")
    by_seed = cells["qqp"].sub(cells["direct"]).groupby("seed").mean()
    found = xnli["gains"]["qqp"]
    assert found["gain"] == pytest.approx(by_seed.mean())
    assert found["se"] == pytest.approx(by_seed.sem())
    assert found["n_seeds"] == len(by_seed) > 1
    assert xnli["direct"] == pytest.approx(cells["direct"].mean())
    assert xnli["n_languages"] == own["language"].nunique()
    gains = [gain["gain"] for gain in xnli["gains"].values()]
    assert gains == sorted(gains, reverse=True)
    assert "direct" not in xnli["gains"]


def test_one_seed_has_no_error_and_a_target_without_direct_is_left_out(runs):
    one = runs[(runs["seed"] == 0)]
    without = one[(one["target"] != "udpos") | (one["intermediate"] != "direct")]
    (found,) = mean_gains(without.reset_index(drop=True))
    assert found["target"] == "xnli"
    assert {gain["se"] for gain in found["gains"].values()} == {None}
    assert mean_gains(runs[:0]) == []
