"""Difficulty's definitions side by side: choosers by hand, correlations against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.catalogue.measured import Measured, Value
from metaselect.catalogue.tasks import Catalogue
from metaselect.evaluation.definitions import (
    centred_mean_gains,
    definitions_record,
    difficulty_correlations,
    difficulty_table,
)
from metaselect.runs.schema import check_runs

CARDS = load_catalogue(None)


def catalogue(**shares):
    values = [Value("unlearnt_share", "e", name, "", "", share, 1.0) for name, share in
              shares.items()]  # fmt: skip
    return Catalogue(CARDS.values(), Measured(values))


def runs_of(gains):
    """Gains by (target, intermediate) on top of 0.5."""
    rows = [(intermediate, target, 0.5 + gain) for (target, intermediate), gain in gains.items()]
    rows += [("direct", target, 0.5) for target in {target for target, _ in gains}]
    table = pd.DataFrame(rows, columns=["intermediate", "target", "score"]).assign(
        study="s", encoder="e", adaptation="finetune", language="en", metric="accuracy", seed=0,
        source="here",
    )  # fmt: skip
    return check_runs(table, percent=False)


GAINS = {
    ("xnli", "cb"): 0.10, ("xnli", "rte"): 0.04, ("xnli", "copa"): -0.02,
    ("udpos", "cb"): 0.06, ("udpos", "rte"): 0.01, ("udpos", "copa"): 0.0,
    ("panx", "cb"): 0.02, ("panx", "rte"): 0.03, ("panx", "copa"): 0.01,
}  # fmt: skip


def test_a_definition_chooses_the_hardest_first() -> None:
    record = definitions_record(runs_of(GAINS), catalogue(cb=0.9, rte=0.5, copa=0.1), seed=0)
    chosen = record["methods"]["unlearnt_share"]
    assert chosen["regret@1"] == pytest.approx((0 + 0 + 0.01) / 3, rel=1e-5)
    assert chosen["gain@1"] == pytest.approx((0.10 + 0.06 + 0.02) / 3, rel=1e-5)
    expected = np.mean([0.04, 0.07 / 3, 0.02])
    assert record["methods"]["random"]["gain@1"] == pytest.approx(expected, rel=1e-5)
    assert record["known_share"]["unlearnt_share"] == 1.0
    assert record["n_clusters"] == 3
    named = {(item["method"], item["against"]) for item in record["contrasts"]}
    assert len(named) == len(record["contrasts"])  # gain@1 would say the same again
    assert ("unlearnt_share+size", "size") in named
    assert ("size", "size") not in named


def test_a_target_with_two_of_five_intermediates_is_not_asked() -> None:
    cards = catalogue(cb=0.9, rte=0.5, copa=0.1)
    more = {(target, name): 0.0 for target in ("xnli", "udpos", "panx") for name in ("wsc", "wic")}
    begun = {("xquad", "cb"): 0.2, ("xquad", "rte"): -0.2}
    whole, unfinished = (
        definitions_record(runs_of(own), cards, seed=0)
        for own in (GAINS | more, GAINS | more | begun)
    )
    assert unfinished == whole


def test_a_definition_that_tells_no_two_candidates_apart_is_left_out() -> None:
    record = definitions_record(runs_of(GAINS), catalogue(cb=0.9), seed=0)
    assert "unlearnt_share" not in record["methods"]
    assert "rasch" in record["methods"]


def test_the_table_has_the_tasks_that_have_any_difficulty() -> None:
    table = difficulty_table(catalogue(squad=0.4), encoder="e")
    assert table.loc["squad", "unlearnt_share_intermediate"] == pytest.approx(0.4)
    assert "tatoeba" not in table.index
    assert table["rasch_intermediate"].notna().sum() > 10


def test_correlations_are_spearman_s_and_size_can_be_taken_out() -> None:
    names = ["cb", "rte", "copa", "boolq", "wic", "mnli", "qqp", "squad"]
    size = np.arange(8.0)
    hard = np.array([2.0, 0.0, 3.0, 1.0, 6.0, 4.0, 7.0, 5.0])
    other = np.array([1.0, 0.0, 4.0, 2.0, 5.0, 3.0, 7.0, 6.0])
    table = pd.DataFrame({"log_size_intermediate": size, "hard": hard}, index=names)
    found = difficulty_correlations(table, dict(zip(names, other, strict=True)))
    rho = stats.spearmanr(hard, other).statistic
    assert found.loc["hard", "rho"] == pytest.approx(rho)
    assert found.loc["hard", "n"] == 8
    with_size = [stats.spearmanr(values, size).statistic for values in (hard, other)]
    want = (rho - with_size[0] * with_size[1]) / np.sqrt(
        (1 - with_size[0] ** 2) * (1 - with_size[1] ** 2)
    )
    assert found.loc["hard", "rho_size"] == pytest.approx(want)  # the formula of partial ranks
    assert np.isnan(found.loc["log_size_intermediate", "rho_size"])


def test_centred_mean_gains_weigh_clusters_alike() -> None:
    found = centred_mean_gains(runs_of(GAINS), CARDS)
    means = {"xnli": 0.04, "udpos": 0.07 / 3, "panx": 0.02}
    want = np.mean([GAINS[target, "cb"] - means[target] for target in means])
    assert found["cb"] == pytest.approx(want)
    assert sum(found.values()) == pytest.approx(0.0, abs=1e-9)
