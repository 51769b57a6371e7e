import json

import numpy as np
import pytest

from metaselect.errors import MetaselectError
from metaselect.features.base import GROUPS
from metaselect.features.table import NEW
from metaselect.files import write_text
from metaselect.ranking.persistence import predictor_from_json, predictor_to_json
from metaselect.ranking.tuning import SearchSettings, fit_predictor


@pytest.fixture(scope="module")
def predictor(simulated_rows, catalogue):
    search = SearchSettings(n_trials=2, n_folds=2, n_best=2, seed=0, chance=None)
    return fit_predictor(
        simulated_rows, catalogue=catalogue, groups=GROUPS, search=search, level=0.8
    )


@pytest.fixture
def saved(predictor, tmp_path):
    """The JSON as it comes back from a file."""
    return json.loads(json.dumps(predictor_to_json(predictor, tmp_path, prefix="p")))


def test_expected_gains_and_reasons_come_back_to_the_last_bit(
    predictor, saved, simulated_rows, catalogue, tmp_path
):
    back = predictor_from_json(saved, tmp_path, catalogue=catalogue)
    new = simulated_rows.assign(held_out=NEW)
    found, again = predictor.predict(new), back.predict(new)
    assert again.gain.tobytes() == found.gain.tobytes()
    first, second = predictor.contributions(found), back.contributions(again)
    assert first.to_numpy().tobytes() == second.to_numpy().tobytes()
    assert (back.choices, back.residuals) == (predictor.choices, predictor.residuals)
    assert back.spread == predictor.spread
    assert (back.n_trials, back.n_pruned) == (predictor.n_trials, predictor.n_pruned)


def test_a_model_without_trees_needs_no_file_for_them(predictor, saved, tmp_path):
    n_trees = [len(model.ranker.boosters_) for model in predictor.models]
    assert 0 in n_trees  # history alone is among the first two trials
    assert len(list(tmp_path.iterdir())) == sum(n_trees)


def test_the_json_has_no_nan(saved):
    assert json.dumps(saved, allow_nan=False)


@pytest.mark.parametrize("name", ["../p-0-0.txt", "/etc/passwd", "..\\p.txt"])
def test_trees_are_read_from_the_folder_alone(saved, catalogue, tmp_path, name):
    saved["models"][0]["boosters"] = [name]
    with pytest.raises(MetaselectError, match="names trees outside its folder"):
        predictor_from_json(saved, tmp_path, catalogue=catalogue)


def test_trees_that_are_none_or_of_other_features_are_refused(saved, catalogue, tmp_path):
    name = next(tmp_path.glob("*.txt")).name
    text = (tmp_path / name).read_text(encoding="utf-8")
    saved["models"][0]["boosters"] = ["other.txt"]
    with pytest.raises(MetaselectError, match="does not hold LightGBM trees"):
        predictor_from_json(saved, tmp_path, catalogue=catalogue)
    write_text(tmp_path / "other.txt", "no trees")
    with pytest.raises(MetaselectError, match="does not hold LightGBM trees"):
        predictor_from_json(saved, tmp_path, catalogue=catalogue)
    n_features = len(saved["models"][0]["features"])
    fewer = text.replace(f"max_feature_idx={n_features - 1}", "max_feature_idx=1")
    assert fewer != text
    write_text(tmp_path / "other.txt", fewer)
    with pytest.raises(MetaselectError, match=r"takes 2 features|does not hold LightGBM"):
        predictor_from_json(saved, tmp_path, catalogue=catalogue)


def test_features_that_this_version_does_not_compute_are_refused(saved, catalogue, tmp_path):
    saved["models"][0]["features"].append("phase_of_the_moon")
    with pytest.raises(MetaselectError, match="trained on other features"):
        predictor_from_json(saved, tmp_path, catalogue=catalogue)


def test_groups_come_back_whatever_their_order(
    saved, predictor, catalogue, tmp_path, simulated_rows
):
    for entry in saved["models"]:
        entry["settings"]["groups"] = entry["settings"]["groups"][::-1]
    back = predictor_from_json(saved, tmp_path, catalogue=catalogue)
    rows = simulated_rows.assign(held_out=NEW)
    np.testing.assert_array_equal(back.predict(rows).gain, predictor.predict(rows).gain)
