"""One search by several processes."""

from dataclasses import replace

import optuna
import pytest

from metaselect.errors import MetaselectError
from metaselect.ranking import sharedsearch
from metaselect.ranking.sharedsearch import shared_search
from metaselect.ranking.tuning import SearchSettings, fit_predictor, try_settings

GROUPS = ("size", "affinity")
SEARCH = SearchSettings(n_trials=6, n_folds=2, n_best=1, seed=4, chance=None)


def together(rows, catalogue, search):
    with shared_search(rows, catalogue, GROUPS, search) as own:
        return alone(rows, catalogue, own)


def alone(rows, catalogue, search):
    return fit_predictor(rows, catalogue=catalogue, groups=GROUPS, search=search, level=0.5)


def trials_in(journal):
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    storage = optuna.storages.JournalStorage(backend)
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


def test_two_processes_share_one_search(simulated_rows, catalogue, tmp_path):
    journal = tmp_path / "search.log"
    search = replace(SEARCH, workers=2, storage=str(journal))
    found = together(simulated_rows, catalogue, search)
    trials = trials_in(journal)
    assert 6 <= found.n_trials == len(trials) <= 7  # the last two may begin at once
    settings = [tuple(sorted(trial.params.items())) for trial in trials]
    assert len(set(settings)) == len(settings)
    default = alone(simulated_rows, catalogue, replace(SEARCH, n_trials=1))
    assert found.choices[0].loss <= default.choices[0].loss


def test_without_a_storage_one_is_made_for_the_time_being(
    simulated_rows, catalogue, tmp_path, monkeypatch
):
    monkeypatch.setattr(sharedsearch.tempfile, "tempdir", str(tmp_path))
    found = together(simulated_rows, catalogue, replace(SEARCH, workers=2))
    assert found.n_trials >= 6
    assert list(tmp_path.iterdir()) == []


def test_one_process_alone_is_the_plain_search(simulated_rows, catalogue):
    shared = together(simulated_rows, catalogue, SEARCH)
    plain = alone(simulated_rows, catalogue, SEARCH)
    assert repr(shared.choices[0].settings) == repr(plain.choices[0].settings)
    assert shared.choices[0].loss == plain.choices[0].loss


def test_what_a_dead_process_left_is_tried_again(simulated_rows, catalogue, tmp_path):
    search = replace(SEARCH, storage=str(tmp_path / "search.log"))
    for number in range(2):
        try_settings(simulated_rows, catalogue, GROUPS, replace(search, n_trials=2), number)
    backend = optuna.storages.journal.JournalFileBackend(search.storage)
    storage = optuna.storages.JournalStorage(backend)
    (name,) = optuna.get_all_study_names(storage)
    optuna.load_study(study_name=name, storage=storage).ask()  # begun, and never ended
    assert together(simulated_rows, catalogue, replace(search, workers=2)).n_trials >= 6


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"workers": 2, "storage": "sqlite:///search.db"}, "lock each other out of SQLite"),
        ({"executor": "ray"}, "A search on Ray needs --storage"),
    ],
)
def test_processes_that_cannot_share_are_refused(simulated_rows, catalogue, changes, told):
    with pytest.raises(MetaselectError, match=told):
        together(simulated_rows, catalogue, replace(SEARCH, **changes))
