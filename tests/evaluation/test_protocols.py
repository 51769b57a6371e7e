"""What every protocol promises: nothing left out is seen, and nothing goes untested."""

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.folds import PROTOCOLS, outer_folds
from metaselect.features.table import NEW, prepare, source_groups
from metaselect.runs.gains import query_gains
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

CATALOGUE = shipped_catalogue()
COLUMN = {"target": "cluster", "family": "family", "encoder": "encoder"}


@pytest.fixture(scope="module")
def gains():
    return query_gains(check_runs(simulated_runs(seed=0, noise=0.01), percent=False))


def _rows(gains, protocol):
    return prepare(gains, CATALOGUE, unit=protocol)


def _keys(rows):
    return set(zip(rows["query"], rows["intermediate"], strict=True))


def test_there_is_a_contract_for_each_protocol():
    assert PROTOCOLS == ("target", "family", "intermediate", "encoder")


@pytest.mark.parametrize("protocol", PROTOCOLS)
class TestEachProtocol:
    def test_no_unit_is_both_in_training_and_test(self, gains, protocol):
        folds = outer_folds(_rows(gains, protocol), protocol=protocol, seed=0)
        assert len(folds) >= 2
        for fold in folds:
            if protocol == "intermediate":
                shared = set(fold.train["intermediate"]) & set(fold.test["intermediate"])
                assert shared <= {"direct"}
            else:
                column = COLUMN[protocol]
                assert not set(fold.train[column]) & set(fold.test[column])

    def test_no_row_is_both_in_training_and_test(self, gains, protocol):
        for fold in outer_folds(_rows(gains, protocol), protocol=protocol, seed=0):
            both = _keys(fold.train) & _keys(fold.test)
            assert all(name == "direct" for _, name in both)

    def test_every_query_is_tested_and_every_candidate_once(self, gains, protocol):
        rows = _rows(gains, protocol)
        folds = outer_folds(rows, protocol=protocol, seed=0)
        tested = pd.concat([fold.test for fold in folds])
        assert set(tested["query"]) == set(rows["query"])
        candidates = tested[tested["intermediate"] != "direct"]
        assert not candidates.duplicated(["query", "intermediate"]).any()
        assert _keys(candidates) == _keys(rows[rows["intermediate"] != "direct"])

    def test_every_test_query_is_a_choice_with_direct_in_it(self, gains, protocol):
        for fold in outer_folds(_rows(gains, protocol), protocol=protocol, seed=0):
            by_query = fold.test.groupby("query")["intermediate"]
            assert by_query.size().min() >= 2
            assert by_query.agg(lambda names: "direct" in set(names)).all()

    def test_no_history_knows_the_test_rows(self, gains, protocol):
        for fold in outer_folds(_rows(gains, protocol), protocol=protocol, seed=0):
            assert set(fold.test["held_out"]) == {NEW}
            assert NEW not in set(fold.train["held_out"])

    def test_folds_do_not_depend_on_the_order_of_rows(self, gains, protocol):
        rows = _rows(gains, protocol)
        first = outer_folds(rows, protocol=protocol, seed=0)
        second = outer_folds(rows.sample(frac=1, random_state=1), protocol=protocol, seed=0)
        assert [fold.name for fold in first] == [fold.name for fold in second]
        for one, other in zip(first, second, strict=True):
            assert _keys(one.test) == _keys(other.test)
            assert _keys(one.train) == _keys(other.train)

    def test_one_unit_is_too_few(self, gains, protocol):
        rows = _rows(gains, protocol)
        candidates = rows[rows["intermediate"] != "direct"]
        alone = rows[rows["held_out"] == candidates["held_out"].iloc[0]]
        with pytest.raises(
            MetaselectError, match=rf"Protocol '{protocol}' needs .* at least (two|three)"
        ):
            outer_folds(alone, protocol=protocol, seed=0)


def test_intermediates_that_share_data_are_left_out_together(gains):
    rows = _rows(gains, "intermediate")
    groups = source_groups(rows["intermediate"], CATALOGUE)
    for fold in outer_folds(rows, protocol="intermediate", seed=0):
        seen = {groups[name] for name in fold.train["intermediate"] if name != "direct"}
        away = {groups[name] for name in fold.test["intermediate"] if name != "direct"}
        assert not seen & away
        for name in set(fold.test["intermediate"]) - {"direct"}:
            for other in set(fold.train["intermediate"]) - {"direct"}:
                assert not CATALOGUE.share_source(name, other)


def test_intermediates_are_left_out_in_thirds_that_a_seed_fixes(gains):
    rows = _rows(gains, "intermediate")
    names = [
        [fold.name for fold in outer_folds(rows, protocol="intermediate", seed=seed)]
        for seed in (0, 0, 1)
    ]
    assert len(names[0]) == 3
    assert names[0] == names[1] != names[2]


def test_targets_are_left_out_one_cluster_at_a_time(gains):
    rows = _rows(gains, "target")
    folds = outer_folds(rows, protocol="target", seed=0)
    assert sorted(fold.name for fold in folds) == sorted(rows["cluster"].unique())
    squad = next(fold for fold in folds if fold.name == "squad")
    assert set(squad.test["target"]) == {"xquad", "mlqa"}


def test_where_one_encoder_is_left_its_targets_are_what_is_tuned_on(gains):
    # two encoders: the training rows are of one alone
    for fold in outer_folds(_rows(gains, "encoder"), protocol="encoder", seed=0):
        assert fold.train["encoder"].nunique() == 1
        assert (fold.train["held_out"] == fold.train["cluster"]).all()
    for fold in outer_folds(_rows(gains, "family"), protocol="family", seed=0):
        assert (fold.train["held_out"] == fold.train["family"]).all()
