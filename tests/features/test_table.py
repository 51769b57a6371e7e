import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.features.base import GROUPS, World, compute
from metaselect.features.registry import features_of
from metaselect.features.table import NEW, candidate_rows, prepare, source_groups
from metaselect.runs.gains import query_gains
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

CATALOGUE = shipped_catalogue()
KEYS = ["intermediate_kind", "target_kind", "family", "cluster"]


@pytest.fixture(scope="module")
def gains():
    return query_gains(check_runs(simulated_runs(seed=0, noise=0.01), percent=False))


def _queries(*rows):
    columns = ["study", "encoder", "adaptation", "target", "language"]
    return pd.DataFrame(rows, columns=columns)


def test_rows_are_known_by_kind_family_and_cluster(gains):
    rows = prepare(gains, CATALOGUE, unit="target")
    one = rows[(rows["target"] == "xquad") & (rows["language"] == "hi")].set_index("intermediate")
    assert set(one.loc["mnli", "intermediate_kind"]) == {"nli"}
    assert set(one["target_kind"]) == {"extractive-qa"}
    assert set(one["family"]) == {"Indo-European"}
    assert set(one["cluster"]) == {"squad"}  # its English training data
    assert set(one.loc["direct", "intermediate_kind"]) == {"direct"}
    assert len(rows) == len(gains)


@pytest.mark.parametrize(
    ("unit", "column"), [("target", "cluster"), ("family", "family"), ("encoder", "encoder")]
)
def test_what_is_held_out_is_what_the_unit_says(gains, unit, column):
    rows = prepare(gains, CATALOGUE, unit=unit)
    assert (rows["held_out"] == rows[column]).all()


def test_intermediates_that_share_data_are_held_out_together(gains):
    rows = prepare(gains, CATALOGUE, unit="intermediate")
    unit = rows.drop_duplicates("intermediate").set_index("intermediate")["held_out"]
    for first in unit.index:
        for second in unit.index:
            if CATALOGUE.share_source(first, second):
                assert unit[first] == unit[second], (first, second)
    assert unit["copa"] != unit["qqp"]


def test_groups_join_along_chains_and_are_named_by_their_first(cards):
    # small and other share data by small's card alone
    names = pd.Series(["small", "other", "big", "nobody", "other"])
    assert source_groups(names, cards) == {
        **{"small": "other", "other": "other"},
        **{"big": "big", "nobody": "nobody"},
    }


def test_tasks_and_languages_that_nothing_knows_stand_for_themselves(cards):
    rows = candidate_rows(_queries(("s", "e", "a", "nowhere", "zzz")), ["nobody"], cards)
    assert rows["intermediate_kind"].tolist() == ["unknown:nobody"]
    assert rows["target_kind"].tolist() == ["unknown:nowhere"]
    assert rows["family"].tolist() == ["unknown:zzz"]
    assert rows["cluster"].tolist() == ["nowhere"]


def test_every_candidate_stands_in_every_query_once_in_order():
    queries = _queries(("s", "e", "a", "xnli", "sw"), ("s", "e", "a", "xnli", "ta"))
    rows = candidate_rows(queries, ["mnli", "rte", "mnli", "direct"], CATALOGUE)
    assert rows["intermediate"].tolist() == ["mnli", "rte", "direct"] * 2
    assert rows["language"].tolist() == ["sw"] * 3 + ["ta"] * 3
    assert set(rows["held_out"]) == {NEW}
    assert rows["query"].tolist() == ["s|e|a|xnli|sw"] * 3 + ["s|e|a|xnli|ta"] * 3


def test_candidates_have_the_columns_and_features_of_prepared_rows(gains):
    prepared = prepare(gains, CATALOGUE, unit="target").assign(held_out=NEW)
    queries = prepared.drop_duplicates("query")
    rows = candidate_rows(
        queries[["study", "encoder", "adaptation", "target", "language"]],
        prepared["intermediate"].unique().tolist(),
        CATALOGUE,
    )
    key = ["query", "intermediate"]
    merged = prepared[[*key, *KEYS]].merge(rows, on=key, suffixes=("", "_new"))
    assert len(merged) == len(prepared) == len(rows)
    for name in KEYS:
        assert (merged[name] == merged[f"{name}_new"].astype(object)).all()
    features = features_of(GROUPS)
    first = compute(features, merged, World(CATALOGUE))
    ordered = rows.astype(object).set_index(key).loc[list(map(tuple, merged[key].to_numpy()))]
    second = compute(features, ordered.reset_index(), World(CATALOGUE))
    np.testing.assert_array_equal(first.to_numpy(), second.to_numpy())


def test_a_million_candidates_have_the_features_of_the_few():
    queries = pd.DataFrame(
        [
            (study, "e", "a", target, language)
            for study in range(50)
            for target in ("xnli", "xquad", "udpos", "panx", "tatoeba", "pawsx", "xcopa", "mlqa")
            for language in ("sw", "ta", "de", "zh", "qu")
        ],
        columns=["study", "encoder", "adaptation", "target", "language"],
    ).astype({"study": str})
    names = [*CATALOGUE, *(f"mine{number}" for number in range(450)), "direct"]
    features = features_of(("size", "affinity", "language"))
    rows = candidate_rows(queries, names, CATALOGUE)
    assert len(rows) == 50 * 8 * 5 * len(names) >= 1_000_000
    large = compute(features, rows, World(CATALOGUE))
    few = candidate_rows(queries.iloc[:40], names, CATALOGUE)
    small = compute(features, few, World(CATALOGUE))
    np.testing.assert_array_equal(large.to_numpy(), np.tile(small.to_numpy(), (50, 1)))
