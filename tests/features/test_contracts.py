"""What every feature in the registry promises, proved on every one."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.measured import Value
from metaselect.catalogue.tasks import Catalogue
from metaselect.features.base import GROUPS, World, compute
from metaselect.features.history import History
from metaselect.features.measured.records import MEASURES
from metaselect.features.profiles import Profiles
from metaselect.features.registry import FEATURES
from metaselect.features.table import candidate_rows, prepare
from metaselect.ranking.searchspace import DEFAULT_POOLING
from metaselect.runs.gains import query_gains
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

KEYS = {
    *("study", "encoder", "intermediate", "target", "language", "family"),
    *("intermediate_kind", "target_kind", "held_out"),
}


def some_of_every_measure():
    """A value of every measure, near the end of its range, of what it is of."""
    places = {
        "task": [("mnli", "", ""), ("xnli", "", "")], "pair": [("mnli", "xnli", "")],
        "task in language": [("mnli", "", "sw")], "target in language": [("xnli", "", "sw")],
        "language": [("", "", "sw")],
    }  # fmt: skip
    for measure in MEASURES:
        value = measure.low + 0.9 * (measure.high - measure.low)
        for place in places[measure.of]:
            yield Value(measure.name, "e", *place, value, 1.0)


def _profiles(rows, catalogue):
    """Profiles in a table where xnli and rte are intermediates too."""
    twins = {"mnli": "xnli", "qqp": "rte"}
    again = rows.assign(intermediate=rows["intermediate"].map(twins)).dropna(subset="intermediate")
    return Profiles.fit(pd.concat([rows, again]), catalogue, leave_out=False)


@pytest.fixture(scope="module")
def world():
    runs = check_runs(simulated_runs(seed=0, noise=0.01), percent=False)
    cards = shipped_catalogue()
    catalogue = Catalogue(cards.values(), cards.measured.joined(some_of_every_measure()))
    rows = prepare(query_gains(runs), catalogue, unit="target")
    # one unit of all: every effect is kept
    whole = History.fit(rows.assign(held_out=""), pooling=DEFAULT_POOLING, leave_out=False)
    examples = {"simulated/encoder-base": {"mnli": 16000.0}}
    return World(catalogue, whole, _profiles(rows, catalogue), examples)


@pytest.fixture(scope="module")
def rows(world):
    """Every card and a task without one, on targets and languages known and unknown."""
    queries = pd.DataFrame(
        [
            (study, "e", "a", target, language)
            for study in ("simulated/encoder-base", "other")
            for target in ("xnli", "xquad", "tatoeba", "udpos", "rte", "nowhere")
            for language in ("sw", "de", "zh-Hant", "eu", "qu", "zzz")
        ],
        columns=["study", "encoder", "adaptation", "target", "language"],
    )
    return candidate_rows(queries, [*world.catalogue, "nobody", "direct"], world.catalogue)


@pytest.fixture(scope="module")
def table(rows, world):
    return compute(FEATURES, rows, world)


def test_the_registry_has_as_many_features_as_there_are_contracts_for():
    assert len(FEATURES) >= 49


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
class TestEachFeature:
    def test_it_is_documented(self, feature):
        assert feature.name.isidentifier()
        assert feature.name == feature.name.lower()
        assert all((feature.words, feature.missing, feature.source))
        assert feature.groups
        assert set(feature.groups) <= set(GROUPS)
        assert feature.keys
        assert set(feature.keys) <= KEYS
        assert -np.inf < feature.low < feature.high < np.inf

    def test_values_are_finite_and_in_range_or_missing(self, feature, table):
        values = table[feature.name].to_numpy()
        known = values[~np.isnan(values)]
        assert len(known), "known of no row at all"
        assert np.isfinite(known).all()
        assert feature.low <= known.min()
        assert known.max() <= feature.high

    def test_missing_values_are_declared(self, feature, table):
        assert feature.missing != "never" or table[feature.name].notna().all()

    def test_it_is_repeatable_and_blind_to_the_order_of_rows(self, feature, rows, world, table):
        shuffled = rows.sample(frac=0.3, random_state=5)
        found = compute([feature], shuffled, world)[feature.name]
        pd.testing.assert_series_equal(found, table.loc[shuffled.index, feature.name])

    def test_it_depends_on_its_keys_alone(self, feature, rows, world, table):
        others = [name for name in rows if name not in feature.keys]
        found = compute([feature], rows.drop(columns=others), world)[feature.name]
        pd.testing.assert_series_equal(found, table[feature.name])


def test_no_feature_changes_with_the_gains_of_its_own_rows():
    # one query's gains turned round: features of its unit's rows stay, history's included
    runs = check_runs(simulated_runs(seed=0, noise=0.01), percent=False)
    catalogue = shipped_catalogue()
    prepared = prepare(query_gains(runs), catalogue, unit="target")
    own = (prepared["cluster"] == "mnli").to_numpy()  # xnli
    assert own.sum() == 2 * 6 * 13
    turned = prepared.assign(gain=prepared["gain"].where(~own, -prepared["gain"]))
    tables = []
    for given in (prepared, turned):
        history = History.fit(given, pooling=DEFAULT_POOLING, leave_out=True)
        profiles = Profiles.fit(given, catalogue, leave_out=True)
        tables.append(compute(FEATURES, given[own], World(catalogue, history, profiles)))
    np.testing.assert_allclose(tables[0].to_numpy(), tables[1].to_numpy(), rtol=1e-5, atol=1e-9)
