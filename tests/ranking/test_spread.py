"""The expected size of a residual, by target, kind and intermediate."""

import numpy as np
import pandas as pd
import pytest

from metaselect.ranking.intervals import GainSpread


def _rows(*rows):
    return pd.DataFrame(rows, columns=["cluster", "target", "target_kind", "intermediate"])


ROWS = _rows(*[("a", "a", "nli", "mnli")] * 10, *[("b", "b", "qa", "mnli")] * 10)
RESIDUALS = np.array([0.01] * 10 + [0.03] * 10)


def test_spreads_by_hand():
    found = GainSpread.fit(RESIDUALS, ROWS)
    # clusters' squares .0001 and .0009, mean .0005; a kind has one cluster and two of the mean
    assert found.usual == pytest.approx(0.0005**0.5)
    nli, qa = (0.0001 + 2 * 0.0005) / 3, (0.0009 + 2 * 0.0005) / 3
    assert found.by_kind == pytest.approx({"nli": nli**0.5, "qa": qa**0.5})
    # ten rows of the target's own, ten of its kind
    a, b = (0.0001 + nli) / 2, (0.0009 + qa) / 2
    assert found.by_target == pytest.approx({"a": a**0.5, "b": b**0.5})
    ratio = (10 * 0.0001 / a + 10 * 0.0009 / b + 10) / 30
    assert found.factor_by_intermediate == pytest.approx({"mnli": ratio**0.5})


def test_a_row_takes_what_is_known_of_it():
    found = GainSpread(0.02, {"nli": 0.01}, {"xnli": 0.005}, {"cb": 2.0})
    asked = pd.DataFrame(
        [("xnli", "nli", "cb"), ("anli", "nli", "new"), ("xquad", "qa", "cb")],
        columns=["target", "target_kind", "intermediate"],
    )
    assert found.of(asked) == pytest.approx([0.01, 0.01, 0.04])


def test_missing_residuals_are_left_out_and_none_gives_a_tiny_spread():
    rows = pd.concat([ROWS, ROWS.assign(target="c", cluster="c")], ignore_index=True)
    found = GainSpread.fit(np.concatenate([RESIDUALS, np.full(20, np.nan)]), rows)
    assert found == GainSpread.fit(RESIDUALS, ROWS)
    assert GainSpread.fit(np.zeros(20), ROWS).usual == 1e-6
    assert GainSpread.fit(np.array([]), ROWS.iloc[:0]).usual == 1e-6


def test_a_kind_that_leads_no_cluster_is_spread_as_usual():
    # intents and slots of one data set: two kinds, one cluster
    rows = _rows(
        *[("x", "intents", "intent", "mnli")] * 5, *[("x", "slots", "slot-filling", "ner")] * 5
    )
    found = GainSpread.fit(np.full(10, 0.02), rows)
    assert found.by_kind == pytest.approx({"intent": 0.02, "slot-filling": 0.02})
    assert set(found.by_target) == {"intents", "slots"}
