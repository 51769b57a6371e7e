"""Shares of variance are told of targets as they are and scaled alike."""

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.evaluation.anatomy import anatomy_record
from metaselect.evaluation.shares import noise_of, variance_shares, views
from metaselect.runs.simulated import simulated_runs
from tests.evaluation.test_anatomy import planted


def with_a_loud_target() -> pd.DataFrame:
    """Noise on every target, ten times as much and an effect of the intermediate on one."""
    gains = planted({"scoring": 1.0, "training": 0.5})
    loud = planted({"intermediate": 30.0, "scoring": 10.0, "training": 5.0}, seed=1)
    own = gains["target"] == "t0"
    return pd.concat([gains[~own], loud[loud["target"] == "t0"]], ignore_index=True)


def test_a_loud_target_decides_the_shares_as_they_are_but_not_scaled_or_without_it() -> None:
    found = {
        name: noise_of(variance_shares(rows, seed=0)).share
        for name, rows in views(with_a_loud_target(), ["t0"]).items()
    }
    assert list(found) == ["all", "trained", "all_scaled", "trained_scaled"]
    assert found["all"] < 0.4
    assert found["all_scaled"] > 0.85
    assert found["trained"] == pytest.approx(1.0, abs=0.05)
    assert found["trained_scaled"] == pytest.approx(1.0, abs=0.05)


def test_scaled_gains_have_an_sd_of_1_in_each_target_and_still_targets_are_left_out() -> None:
    gains = planted({"scoring": 3.0}, n_i=4, n_t=3, n_l=3)
    gains.loc[gains["target"] == "t1", "gain"] = 0.1
    found = views(gains, [])
    assert list(found) == ["all", "all_scaled"]
    spread = found["all_scaled"].groupby("target")["gain"].std(ddof=0)
    assert spread.to_dict() == {"t0": pytest.approx(1.0), "t2": pytest.approx(1.0)}


def test_a_table_of_untrained_targets_alone_has_no_view_without_them() -> None:
    gains = planted({"scoring": 1.0}, n_i=3, n_t=2, n_l=2)
    assert list(views(gains, ["t0", "t1"])) == ["all", "all_scaled"]


def test_noise_is_training_and_scoring_of_both_sides() -> None:
    # Variances 4 and 1 of 5 in all: 80 % and 20 %.
    noise = noise_of(variance_shares(planted({"training": 2.0, "scoring": 1.0}), seed=0))
    assert noise.training == pytest.approx(0.8, abs=0.05)
    assert noise.fixed_test_rows == pytest.approx(0.2, abs=0.05)
    assert noise.share == noise.training + noise.fixed_test_rows
    assert noise_of(variance_shares(planted({"scoring": 1.0}, n_seeds=1), seed=0)) is None


def test_two_clusters_have_shares_without_an_interval() -> None:
    gains = planted({"scoring": 1.0}, n_t=2)
    assert {(item.low, item.high) for item in variance_shares(gains, seed=0)} == {(None, None)}


def test_the_record_has_all_views_and_its_shares_are_those_of_all_targets() -> None:
    record = anatomy_record(simulated_runs(seed=0, noise=0.01), load_catalogue(None), seed=0)
    for study in record["studies"]:
        own = study["by_view"]
        assert own["all"]["shares"] == study["shares"]
        assert own["trained"]["left_out"] == ["bucc2018", "tatoeba"]
        assert own["trained_scaled"]["n_targets"] == own["all"]["n_targets"] - 2 == 8
        assert all(view["noise"]["share"] > 0 for view in own.values())
