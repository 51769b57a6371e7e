from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaselect.runs.gains import (
    QUERY,
    SE_FLOOR,
    control_gains,
    observed_gains,
    query_gains,
    query_key,
    split_seeds,
)
from metaselect.runs.simulated import simulated_runs

MakeRuns = Callable[..., pd.DataFrame]


def row_of(gains: pd.DataFrame, intermediate: str) -> pd.Series:
    found = gains[gains["intermediate"] == intermediate]
    assert len(found) == 1
    return found.iloc[0]


def test_matching_seeds_are_paired(make_runs: MakeRuns) -> None:
    runs = make_runs(("direct", 0, 0.50), ("direct", 1, 0.60), ("mnli", 0, 0.55), ("mnli", 1, 0.69))
    row = row_of(query_gains(runs), "mnli")
    # differences 0.05 and 0.09: mean 0.07, sd sqrt(2 * 0.02**2 / 1) = 0.0283, SE 0.0283 / sqrt(2)
    assert row["gain"] == pytest.approx(0.07)
    assert row["gain_se"] == pytest.approx(0.02)
    assert row["score"] == pytest.approx(0.62)
    assert (row["n_seeds"], row["paired"], row["absolute"]) == (2, True, True)


def test_only_seeds_that_both_sides_have_are_paired(make_runs: MakeRuns) -> None:
    runs = make_runs(
        *(("direct", 0, 0.50), ("direct", 1, 0.60), ("direct", 5, 0.10)),
        *(("mnli", 0, 0.55), ("mnli", 1, 0.69), ("mnli", 7, 0.99)),
    )
    row = row_of(query_gains(runs), "mnli")
    assert row["gain"] == pytest.approx(0.07)
    assert row["n_seeds"] == 2
    assert row["score"] == pytest.approx((0.55 + 0.69 + 0.99) / 3)


def test_one_direct_score_borrows_the_variance_of_the_candidates(make_runs: MakeRuns) -> None:
    runs = make_runs(
        ("direct", 9, 0.5), ("mnli", 0, 0.60), ("mnli", 1, 0.64), ("rte", 0, 0.5), ("rte", 1, 0.5)
    )
    gains = query_gains(runs)
    # variances: mnli 2 * 0.02**2 / 1 = 0.0008, rte 0, pooled (0.0008 + 0) / (1 + 1) = 0.0004
    mnli, rte = row_of(gains, "mnli"), row_of(gains, "rte")
    assert mnli["gain"] == pytest.approx(0.12)
    assert mnli["gain_se"] == pytest.approx(np.sqrt(0.0008 / 2 + 0.0004))
    assert rte["gain_se"] == pytest.approx(np.sqrt(0 / 2 + 0.0004))
    assert not mnli["paired"]


def test_several_seeds_that_do_not_match_are_compared_by_their_means(make_runs: MakeRuns) -> None:
    runs = make_runs(("direct", 0, 0.50), ("direct", 1, 0.52), ("mnli", 2, 0.60), ("mnli", 3, 0.64))
    row = row_of(query_gains(runs), "mnli")
    # variances 2 * 0.01**2 = 0.0002 and 2 * 0.02**2 = 0.0008, each over two seeds
    assert row["gain"] == pytest.approx(0.62 - 0.51)
    assert row["gain_se"] == pytest.approx(np.sqrt(0.0002 / 2 + 0.0008 / 2))
    assert not row["paired"]


def test_a_single_seed_takes_the_noise_of_its_target_then_of_its_study(make_runs: MakeRuns) -> None:
    known = make_runs(("mnli", 0, 0.60), ("mnli", 1, 0.64))  # variance 0.0008
    lone = make_runs(("direct", 0, 0.5), ("rte", 0, 0.6))
    se = np.sqrt(0.0008 + 0.0008)
    for runs in (pd.concat([known, lone]), pd.concat([known.assign(target="pawsx"), lone])):
        row = row_of(query_gains(runs), "rte")
        assert row["gain_se"] == pytest.approx(se)
        assert row["paired"]
    other_study = pd.concat([known.assign(study="theirs"), lone])
    assert np.isnan(row_of(query_gains(other_study), "rte")["gain_se"])


def test_direct_gains_nothing_and_knows_it(make_runs: MakeRuns) -> None:
    row = row_of(query_gains(make_runs(("direct", 0, 0.5), ("mnli", 0, 0.6))), "direct")
    assert (row["gain"], row["gain_se"], row["n_seeds"]) == (0.0, 0.0, 1)
    assert row["paired"]
    assert row["absolute"]


def test_without_direct_runs_gains_are_from_the_mean_of_the_candidates(make_runs: MakeRuns) -> None:
    runs = make_runs(("mnli", 0, 0.60), ("mnli", 1, 0.64), ("rte", 0, 0.50), ("rte", 1, 0.54))
    gains = query_gains(runs)
    # means 0.62 and 0.52, their mean 0.57; variance 0.0008 over two seeds
    assert gains["gain"].tolist() == pytest.approx([0.05, -0.05])
    assert gains["gain_se"].tolist() == pytest.approx([0.02, 0.02])
    assert not gains["absolute"].any()
    assert "direct" not in set(gains["intermediate"])


def test_seeds_that_agree_by_luck_do_not_weigh_without_bound(make_runs: MakeRuns) -> None:
    runs = make_runs(("direct", 0, 0.5), ("direct", 1, 0.5), ("mnli", 0, 0.75), ("mnli", 1, 0.75))
    assert row_of(query_gains(runs), "mnli")["gain_se"] == SE_FLOOR


def test_encoders_and_languages_of_one_study_do_not_mix(make_runs: MakeRuns) -> None:
    runs = pd.concat(
        [
            make_runs(("direct", 0, 0.5), ("mnli", 0, 0.6)),
            make_runs(("direct", 0, 0.2), ("mnli", 0, 0.25), encoder="small"),
            make_runs(("direct", 0, 0.4), ("mnli", 0, 0.35), language="de"),
        ]
    )
    gains = query_gains(runs)
    mnli = gains[gains["intermediate"] == "mnli"]
    assert mnli["gain"].tolist() == pytest.approx([0.1, 0.05, -0.05])
    assert query_key(gains).nunique() == 3


def test_examples_trained_on_are_the_mean_over_seeds(make_runs: MakeRuns) -> None:
    runs = make_runs(("direct", 0, 0.5), ("mnli", 0, 0.6), ("mnli", 1, 0.6), ("rte", 0, 0.6))
    assert "train_examples" not in query_gains(runs)
    # as text, as CSV gives extra columns; nothing told of rte
    told = query_gains(runs.assign(train_examples=["0", "100", "200", ""]))
    assert told["train_examples"].tolist()[:2] == [0.0, 150.0]
    assert np.isnan(told["train_examples"].tolist()[2])


def test_no_runs_give_no_gains(make_runs: MakeRuns) -> None:
    nothing = make_runs(("mnli", 0, 0.5)).iloc[:0]
    assert len(query_gains(nothing)) == 0
    assert [len(half) for half in split_seeds(nothing, seed=1)] == [0, 0]


def test_query_keys_tell_queries_apart_whatever_their_names() -> None:
    rows = [
        ["a|b", "c", "d", "e", "en"],
        ["a", "b|c", "d", "e", "en"],
        ["a\\", "b|c", "d", "e", "en"],
    ]
    table = pd.DataFrame(rows, columns=list(QUERY), index=[5, 6, 7])
    keys = query_key(table)
    assert keys.nunique() == 3
    assert keys.index.tolist() == [5, 6, 7]
    assert keys.tolist()[0] == "a\\|b|c|d|e|en"


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_gains_and_halves_do_not_depend_on_the_order_of_rows(random: object) -> None:
    runs = simulated_runs(seed=3, noise=0.01)
    runs = runs[runs["target"].isin(["xnli", "udpos"])]
    shuffled = runs.sample(frac=1, random_state=random.randrange(2**32))  # type: ignore[attr-defined]
    by = [*QUERY, "intermediate"]

    def gains_of(table: pd.DataFrame) -> pd.DataFrame:
        return query_gains(table).sort_values(by, ignore_index=True)

    pd.testing.assert_frame_equal(gains_of(runs), gains_of(shuffled))
    for half, other in zip(split_seeds(runs, seed=1), split_seeds(shuffled, seed=1), strict=True):
        by_seed = [*by, "seed"]
        pd.testing.assert_frame_equal(
            half.sort_values(by_seed, ignore_index=True),
            other.sort_values(by_seed, ignore_index=True),
        )


def test_halves_share_no_seed_and_keep_pairs_together(make_runs: MakeRuns) -> None:
    names = ("direct", "mnli", "rte")
    runs = make_runs(*[(name, seed, 0.5) for name in names for seed in range(8)])
    first, second = split_seeds(runs, seed=1)
    for half in (first, second):
        seeds = half.groupby("intermediate")["seed"].apply(set)
        assert len(seeds) == 3
        assert all(len(own) == 4 and own == seeds["direct"] for own in seeds)
    assert not set(first["seed"]) & set(second["seed"])


def test_one_direct_score_stands_in_both_halves_and_one_candidate_score_in_one(
    make_runs: MakeRuns,
) -> None:
    runs = make_runs(("direct", 0, 0.5), ("mnli", 1, 0.6), ("mnli", 2, 0.7), ("rte", 1, 0.6))
    names = [set(half["intermediate"]) for half in split_seeds(runs, seed=1)]
    assert sorted(map(len, names)) == [2, 3]
    assert names[0] & names[1] == {"direct", "mnli"}


def test_one_seed_stands_in_one_half_in_every_language(make_runs: MakeRuns) -> None:
    runs = pd.concat(
        [
            make_runs(
                *[(n, seed, 0.5) for n in ("direct", "mnli") for seed in range(4)], language=code
            )
            for code in ("de", "sw", "ta")
        ]
    )
    for half in split_seeds(runs, seed=3):
        by_language = half.groupby("language")["seed"].apply(set)
        assert by_language.map(len).tolist() == [2, 2, 2]
        assert len({tuple(sorted(seeds)) for seeds in by_language}) == 1


def test_another_seed_gives_other_halves(make_runs: MakeRuns) -> None:
    runs = make_runs(*[("mnli", seed, 0.5) for seed in range(8)])
    halves = {tuple(sorted(split_seeds(runs, seed=seed)[0]["seed"])) for seed in range(20)}
    assert len(halves) > 10


def test_the_equal_steps_control_is_no_candidate_and_is_told_apart(make_runs: MakeRuns) -> None:
    plain = make_runs(
        ("direct", 0, 0.50), ("direct", 1, 0.54), ("mnli", 0, 0.60), ("mnli", 1, 0.62)
    )
    longer = make_runs(("direct+", 0, 0.90), ("direct+", 1, 0.96))
    both = pd.concat([longer, plain, longer.assign(language="ta")], ignore_index=True)
    pd.testing.assert_frame_equal(query_gains(both), query_gains(plain))
    for found, expected in zip(split_seeds(both, seed=0), split_seeds(plain, seed=0), strict=True):
        pd.testing.assert_frame_equal(found, expected)
    assert "direct+" not in set(observed_gains(both)["intermediate"])
    # paired: .90 - .50 and .96 - .54; in Tamil there is no direct run
    (gain,) = control_gains(both).itertuples()
    assert (gain.intermediate, gain.language, gain.n_seeds) == ("direct+", "sw", 2)
    assert gain.gain == pytest.approx(0.41)
