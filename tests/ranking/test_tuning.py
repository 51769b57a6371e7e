import json
import sys
from contextlib import contextmanager
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.ranking.searchspace import default_settings
from metaselect.ranking.tuning import SearchSettings, fit_predictor

GROUPS = ("size", "affinity")
SEARCH = SearchSettings(n_trials=5, n_folds=2, n_best=2, seed=4, chance=None)


@pytest.fixture(scope="module")
def rows(simulated_rows):
    return simulated_rows


@pytest.fixture(scope="module")
def unbroken(rows, catalogue):
    """What a search of five trials in memory chooses, all of them."""
    return _fit(rows, catalogue, replace(SEARCH, n_best=5))


class Lines(list):
    """Progress lines; stops the search, as Ctrl-C would, after so many."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.stop_after = stop_after

    def __call__(self, line):
        self.append(line)
        if len(self) == self.stop_after:
            raise KeyboardInterrupt("stopped")


def _fit(rows, catalogue, search, **options):
    given = {"groups": GROUPS, "level": 0.5} | options
    return fit_predictor(rows, catalogue=catalogue, search=search, **given)


def _chosen(predictor):
    return [(repr(choice.settings), choice.loss) for choice in predictor.choices]


def _journal(tmp_path):
    return str(tmp_path / "searches" / "journal.log")


def test_one_trial_takes_the_defaults(rows, catalogue):
    predictor = _fit(rows, catalogue, replace(SEARCH, n_trials=1))
    assert [choice.settings for choice in predictor.choices] == [default_settings(GROUPS)]
    assert (predictor.n_trials, predictor.n_pruned) == (1, 0)


def test_a_search_is_never_worse_than_the_defaults_and_counts_its_trials(rows, catalogue, unbroken):
    lines = Lines()
    predictor = _fit(rows, catalogue, SEARCH, progress=lines)
    assert _chosen(predictor) == _chosen(unbroken)[:2]
    default = _fit(rows, catalogue, replace(SEARCH, n_trials=1))
    assert predictor.choices[0].loss <= default.choices[0].loss
    assert predictor.n_trials == 5
    assert [line.split()[1] for line in lines] == ["1/5", "2/5", "3/5", "4/5", "5/5"]
    assert len(predictor.models) == len(predictor.choices) == 2
    losses = [choice.loss for choice in predictor.choices]
    assert losses == sorted(losses)


def test_a_search_keeps_the_defaults_unless_others_are_proven_better(rows, catalogue, unbroken):
    defaults = _fit(rows, catalogue, replace(SEARCH, n_trials=1))
    strict = _fit(rows, catalogue, replace(SEARCH, chance=0.0))
    assert _chosen(strict) == _chosen(defaults)
    assert strict.n_trials == 5
    lenient = _fit(rows, catalogue, replace(SEARCH, n_best=5, chance=5.0))  # p < 5 / 5 tries
    assert all(choice.loss < defaults.choices[0].loss for choice in lenient.choices) or (
        _chosen(lenient) == _chosen(defaults)
    )


def test_another_seed_gives_another_search(rows, catalogue, unbroken):
    other = _fit(rows, catalogue, replace(SEARCH, n_trials=3, n_best=5, seed=5))
    tried = {settings for settings, _ in _chosen(unbroken)}
    assert len({settings for settings, _ in _chosen(other)} - tried) == 1  # beside two starts


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_search_stopped_between_trials_goes_on_to_the_same_end(
    rows, catalogue, unbroken, tmp_path, stop_after
):
    search = replace(SEARCH, n_best=5, storage=_journal(tmp_path))
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        _fit(rows, catalogue, search, progress=Lines(stop_after))
    rest = Lines()
    resumed = _fit(rows, catalogue, search, progress=rest)
    assert len(rest) == 5 - stop_after
    assert _chosen(resumed) == _chosen(unbroken)


@pytest.mark.parametrize("n_fits", [1, 4, 8])
def test_a_search_stopped_within_a_trial_goes_on_to_the_same_end(
    rows, catalogue, unbroken, tmp_path, n_fits
):
    # a trial grows 3 models' trees in each of 2 folds, but the first start has no trees:
    # the first fit and the fourth are the second trial's, the eighth the third trial's
    search = replace(SEARCH, n_best=5, storage=_journal(tmp_path))
    with pytest.raises(KeyboardInterrupt, match="stopped"), _interrupt_at_fit(n_fits):
        _fit(rows, catalogue, search)
    rest = Lines()
    resumed = _fit(rows, catalogue, search, progress=rest)
    assert len(rest) == (3 if n_fits == 8 else 4)
    assert _chosen(resumed) == _chosen(unbroken)
    assert (resumed.n_trials, resumed.n_pruned) == (unbroken.n_trials, unbroken.n_pruned)


def test_a_finished_search_tries_nothing_more_and_more_trials_go_on(
    rows, catalogue, unbroken, tmp_path
):
    search = replace(SEARCH, n_best=9, storage=_journal(tmp_path))
    first, again, more = Lines(), Lines(), Lines()
    chosen = _chosen(_fit(rows, catalogue, search, progress=first))
    assert _chosen(_fit(rows, catalogue, search, progress=again)) == chosen == _chosen(unbroken)
    longer = _fit(rows, catalogue, replace(search, n_trials=7), progress=more)
    assert (len(first), len(again), len(more)) == (5, 0, 2)
    assert set(chosen) <= set(_chosen(longer))
    at_once = _fit(rows, catalogue, replace(SEARCH, n_best=9, n_trials=7))
    assert _chosen(longer) == _chosen(at_once)


@pytest.mark.parametrize("what", ["gain", "noise", "groups", "seed", "card"])
def test_other_data_or_groups_start_a_search_of_their_own(rows, catalogue, tmp_path, what):
    search = replace(SEARCH, n_trials=2, storage=_journal(tmp_path))
    _fit(rows, catalogue, search)
    other, cards, options = rows, catalogue, {}
    if what == "gain":
        other = rows.assign(gain=rows["gain"].where(rows.index != 5, 0.1))
    elif what == "noise":
        other = rows.assign(score_se=rows["score_se"] * 2)
    elif what == "groups":
        options["groups"] = ("size",)
    elif what == "seed":
        search = replace(search, seed=9)
    else:
        cards = Catalogue(
            replace(card, train_size=7) if card.name == "mnli" else card
            for card in catalogue.values()
        )
    lines = Lines()
    _fit(other, cards, search, progress=lines, **options)
    assert len(lines) == 2


def test_the_journal_is_lines_of_json(rows, catalogue, tmp_path):
    search = replace(SEARCH, n_trials=2, storage=_journal(tmp_path))
    _fit(rows, catalogue, search)
    lines = (tmp_path / "searches" / "journal.log").read_text(encoding="utf-8").splitlines()
    assert lines
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert {path.name for path in (tmp_path / "searches").iterdir()} == {"journal.log"}


def test_one_unit_cannot_be_tuned_on(rows, catalogue):
    alone = rows[rows["cluster"] == rows["cluster"].iloc[0]]
    with pytest.raises(MetaselectError, match=r"at least two independent units .* got 1"):
        _fit(alone, catalogue, SEARCH)


def test_intervals_come_from_clusters_that_the_models_did_not_see(rows, catalogue):
    # 5 clusters reach level 5/6: .8 has an interval, .9 has none
    search = replace(SEARCH, n_trials=1)
    assert _fit(rows, catalogue, search, level=0.8).residuals.radius > 0
    none = _fit(rows, catalogue, search, level=0.9).residuals
    assert (none.radius, none.n_units) == (None, 5)


def test_expected_gain_of_direct_is_nothing_and_of_the_others_finite(rows, catalogue):
    predictor = _fit(rows, catalogue, replace(SEARCH, n_trials=1))
    expected = predictor.predict(rows).gain
    direct = (rows["intermediate"] == "direct").to_numpy()
    assert (expected[direct] == 0).all()
    assert np.isfinite(expected).all()
    assert len(set(expected[~direct])) > 10


def test_scale_and_intervals_come_from_complete_queries(rows, catalogue):
    # a cluster of which one candidate alone was tried, which gained 30 points: levels and
    # intervals are those of the others, while effects are learnt from it too
    search = replace(SEARCH, n_trials=1)
    (away, *_) = rows["cluster"].unique()
    own = rows["cluster"] == away
    few = rows[~own | rows["intermediate"].isin(["direct", "mnli"])].reset_index(drop=True)
    lifted = few.assign(gain=few["gain"] + 0.3 * ((few["cluster"] == away) & (few["gain"] != 0)))
    predictor = _fit(lifted, catalogue, search)
    assert predictor.residuals.n_units == rows["cluster"].nunique() - 1
    (scale,) = [choice.scale for choice in predictor.choices]
    assert not set(scale.level_by_target) & set(rows.loc[own, "target"])
    assert abs(scale.level) < 0.1


@contextmanager
def _interrupt_at_fit(number):
    """Ctrl-C as the n-th LightGBM model begins."""
    left = number

    def count(frame, event, _):
        nonlocal left
        if event == "call" and frame.f_code is lightgbm.train.__code__:
            left -= 1
            if left == 0:
                raise KeyboardInterrupt("stopped")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
