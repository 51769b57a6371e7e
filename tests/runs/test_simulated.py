import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.tasks import DIRECT
from metaselect.runs.gains import QUERY, query_gains
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import N_SEEDS, SOURCE, simulated_runs, simulated_truth, true_gain


def test_simulated_runs_are_a_good_table_that_says_what_it_is() -> None:
    runs = simulated_runs(seed=1, noise=0.01)
    pd.testing.assert_frame_equal(check_runs(runs, percent=False), runs, check_dtype=False)
    assert runs["study"].str.startswith("simulated/").all()
    assert set(runs["source"]) == {SOURCE}
    assert runs["target"].nunique() == 10
    assert runs["intermediate"].nunique() == 13  # 12 and `direct`
    languages = runs.groupby("target")["language"].nunique()
    assert languages.between(4, 6).all()
    # queries: 6 + 5 + 6 + 5 + 4 + 5 + 4 + 4 + 5 + 4 = 48 for each of two encoders
    assert len(runs) == 2 * 48 * 13 * N_SEEDS


def test_a_seed_fixes_the_runs() -> None:
    first = simulated_runs(seed=1, noise=0.01)
    pd.testing.assert_frame_equal(first, simulated_runs(seed=1, noise=0.01))
    assert not np.array_equal(first["score"], simulated_runs(seed=2, noise=0.01)["score"])


def test_true_gains_follow_the_stated_formula() -> None:
    # size 0.010 * (log10(393000) - 4) = 0.0159439, difficulty 0.008 * -0.1 * (0.5 + 0.7) =
    # -0.00096, one kind 0.020; 0.6 of it for the small encoder
    assert true_gain("encoder-base", "xnli", "sw", "mnli") == pytest.approx(0.0349839, abs=1e-6)
    assert true_gain("encoder-small", "xnli", "sw", "mnli") == pytest.approx(0.0209903, abs=1e-6)
    assert true_gain("encoder-base", "xnli", "sw", DIRECT) == 0.0


def test_without_noise_the_gains_of_the_runs_are_the_true_ones() -> None:
    truth = simulated_truth()
    gains = query_gains(simulated_runs(seed=1, noise=0.0))
    assert gains["intermediate"].tolist() == truth["intermediate"].tolist()
    np.testing.assert_allclose(gains["gain"], truth["gain"], atol=1e-12)


def test_the_noise_is_what_was_asked_for() -> None:
    gains = query_gains(simulated_runs(seed=1, noise=0.01))
    error = gains["gain"] - simulated_truth()["gain"]
    # a paired difference over 3 seeds: sd 0.01 * sqrt(2 / 3) = 0.00816
    assert error[gains["intermediate"] != DIRECT].std() == pytest.approx(0.00816, rel=0.1)


def test_the_best_candidate_is_known_and_differs_with_target_and_language() -> None:
    truth = simulated_truth()
    best = truth.loc[truth.groupby(list(QUERY))["gain"].idxmax()]
    by_target = best.groupby("target")["intermediate"].agg(set)
    assert by_target["xquad"] == {"squad"}
    assert by_target["pawsx"] == {"qqp", "anli_r3"}  # the harder one where it is far from English
    assert DIRECT in by_target["udpos"]
