"""What runs are made of: planted variances are found again, noise alone is not taken for more."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.evaluation.anatomy import (
    anatomy_record,
    collapsed,
    language_gap,
    negative_transfer,
    seed_gains,
)
from metaselect.evaluation.shares import variance_shares
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

CATALOGUE = load_catalogue(None)


def planted(sizes, *, n_seeds=3, n_i=14, n_t=12, n_l=12, seed=0):
    """Gains with independent normal parts of the given standard deviations by factor."""
    rng = np.random.default_rng(seed)
    i, t, la, s = (
        values.ravel()
        for values in np.meshgrid(
            np.arange(n_i), np.arange(n_t), np.arange(n_l), np.arange(n_seeds), indexing="ij"
        )
    )
    parts = {
        "intermediate": (n_i, i), "target": (n_t, t), "language": (n_l, la),
        "intermediate x target": (n_i * n_t, i * n_t + t),
        "intermediate x language": (n_i * n_l, i * n_l + la),
        "training": (n_i * n_t * n_seeds, (i * n_t + t) * n_seeds + s),
        "scoring": (len(i), np.arange(len(i))),
    }  # fmt: skip
    gain = np.zeros(len(i))
    for name, size in sizes.items():
        count, codes = parts[name]
        gain += size * rng.standard_normal(count)[codes]
    return pd.DataFrame(
        {
            "intermediate": [f"i{k}" for k in i], "target": [f"t{k}" for k in t],
            "language": [f"l{k}" for k in la], "seed": s, "gain": gain,
            "cluster": [f"t{k}" for k in t],
        }
    )  # fmt: skip


def test_planted_variances_are_found_again() -> None:
    sizes = {
        "intermediate x target": 3.0, "intermediate x language": 1.0, "training": 2.0,
        "scoring": 1.5,
    }  # fmt: skip
    found = {item.factor: item for item in variance_shares(planted(sizes), seed=0)}
    for name, size in sizes.items():
        assert found[name].variance == pytest.approx(size**2, rel=0.25), name
    rest = set(found) - set(sizes)
    assert sum(found[name].variance for name in rest) < 0.8
    assert sum(item.share for item in found.values()) == pytest.approx(1.0)
    own = found["intermediate x target"]
    assert own.low < own.share < own.high


def test_cells_that_are_missing_bias_nothing() -> None:
    sizes = {"intermediate": 2.0, "scoring": 1.0}
    gains = planted(sizes, n_i=40, seed=3)
    kept = gains.sample(frac=0.4, random_state=1).reset_index(drop=True)
    found = {item.factor: item.variance for item in variance_shares(kept, seed=0)}
    assert found["intermediate"] == pytest.approx(4.0, rel=0.45)
    assert found["scoring"] == pytest.approx(1.0, rel=0.2)


def test_one_seed_leaves_noise_and_products_together() -> None:
    found = variance_shares(planted({"scoring": 1.0}, n_seeds=1), seed=0)
    assert [item.factor for item in found][-1] == "rest (products and noise)"
    assert not any("training" in item.factor for item in found)
    assert found[-1].share > 0.9


def test_no_language_effect_shows_in_sample_only() -> None:
    gains = planted({"intermediate x target": 1.0, "scoring": 1.0})
    gap = language_gap(gains)
    assert gap.in_sample > 0.2
    assert gap.cross_fitted < 0.05
    assert gap.n_clusters == 12


def test_a_language_effect_shows_across_seeds() -> None:
    gap = language_gap(planted({"intermediate x language": 1.0, "scoring": 0.2}))
    assert gap.cross_fitted == pytest.approx(gap.in_sample, rel=0.2)
    assert gap.low > 0.5


def test_one_seed_has_no_cross_fitted_gap() -> None:
    gap = language_gap(planted({"scoring": 1.0}, n_seeds=1))
    assert gap.in_sample > 0
    assert gap.cross_fitted is None


def runs_of(*rows):
    columns = ["intermediate", "target", "language", "score", "seed"]
    table = pd.DataFrame(rows, columns=columns).assign(
        study="s", encoder="e", adaptation="finetune", metric="accuracy", source="here"
    )
    return check_runs(table, percent=False)


def test_gains_pair_by_seed_and_negative_ones_are_counted() -> None:
    runs = runs_of(
        ("direct", "xnli", "sw", 0.5, 0), ("direct", "xnli", "sw", 0.6, 1),
        ("mnli", "xnli", "sw", 0.7, 0), ("mnli", "xnli", "sw", 0.8, 1),
        ("qqp", "xnli", "sw", 0.4, 0), ("qqp", "xnli", "sw", 0.45, 1),
        ("cb", "xnli", "sw", 0.4, 2),
    )  # fmt: skip
    gains = seed_gains(runs)
    # cb has no direct of its seed: the mean, 0.55, stands in
    assert sorted(gains["gain"].round(3)) == [-0.15, -0.15, -0.1, 0.2, 0.2]
    found = negative_transfer(runs)
    assert found["n_gains"] == 3
    assert found["negative"] == pytest.approx(2 / 3)
    assert found["direct_is_best"] == 0.0


def test_trainings_at_chance_level_have_collapsed() -> None:
    runs = runs_of(
        ("direct", "xnli", "sw", 0.34, 0), ("direct", "xnli", "sw", 0.5, 1),
        ("mnli", "xnli", "sw", 0.6, 0), ("qqp", "xnli", "sw", 0.33, 0),
        ("direct", "xquad", "de", 0.0, 0),
    )  # fmt: skip
    assert collapsed(runs, CATALOGUE) == {"xnli": {"direct": 0.5, "after_intermediates": 0.5}}


def test_the_record_of_a_table_holds_each_study_and_says_that_runs_are_simulated() -> None:
    record = anatomy_record(simulated_runs(seed=0, noise=0.01), CATALOGUE, seed=0)
    assert record["simulated"]
    for study in record["studies"]:
        assert sum(item["share"] for item in study["shares"]) == pytest.approx(1.0, abs=1e-5)
        assert study["language_gap"]["n_clusters"] > 2
        assert 0 <= study["negative"]["negative"] <= 1
