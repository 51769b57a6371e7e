import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import parse_cards, shipped_catalogue
from metaselect.catalogue.measured import Measured, Value
from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.files import CARD, MANIFEST, read_manifest, write_json, write_manifest
from metaselect.ranking.model import GainModel
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.selector import TaskSelector
from metaselect.selector.io import KIND, SCHEMA

COLUMNS = [
    "language",
    "rank",
    "intermediate",
    "score",
    "gain",
    "low",
    "high",
    "p_positive",
    "reasons",
]


def _runs():
    return check_runs(simulated_runs(seed=0, noise=0.005), percent=False)


def _selector(**settings):
    # two trials are the two starts, without trees and with them: both are kept
    usual = {"n_trials": 2, "n_best": 2, "chance": None, "n_folds": 2, "level": 0.7}
    return TaskSelector(**usual | {"random_state": 1} | settings)


@pytest.fixture(scope="module")
def selector():
    return _selector().fit(_runs())


@pytest.fixture
def folder(selector, tmp_path):
    selector.save_pretrained(tmp_path / "predictor")
    return tmp_path / "predictor"


def test_a_ranking_has_every_candidate_once_best_first(selector):
    found = selector.rank(target="xnli", languages=["sw"])
    assert found.columns.tolist() == COLUMNS
    assert found["rank"].tolist() == list(range(1, 14))  # 12 intermediates and `direct`
    assert found["intermediate"].is_unique
    assert found["score"].is_monotonic_decreasing
    assert set(found["language"]) == {"sw"}
    direct = found[found["intermediate"] == "direct"].iloc[0]
    assert (direct["gain"], direct["low"], direct["high"]) == (0.0, 0.0, 0.0)
    others = found[found["intermediate"] != "direct"]
    assert (others["low"] < others["gain"]).all()
    assert (others["gain"] < others["high"]).all()
    assert others["p_positive"].between(0, 1, inclusive="neither").all()
    assert direct["p_positive"] == 0.0
    assert all(len(reasons) in (1, 2, 3) for reasons in found["reasons"])


def test_each_model_makes_its_features_once(selector, monkeypatch):
    models = selector.predictor_for("sib200").models
    assert len(models) == 2
    made = []
    table = GainModel.table
    monkeypatch.setattr(
        GainModel,
        "table",
        lambda self, rows, **more: made.append(self) or table(self, rows, **more),
    )
    selector.rank(target="sib200", languages=["sw", "ta"])
    assert made == list(models)


def test_the_truth_of_the_simulated_world_is_found(selector):
    # of xquad's candidates squad is truly best, by more than 2 points in every language
    found = selector.rank(target="xquad", languages=["ar", "th"])
    assert found[found["rank"] == 1]["intermediate"].tolist() == ["squad", "squad"]


def test_several_languages_are_each_ranked_in_the_order_asked(selector):
    found = selector.rank(target="xnli", languages=["ta", "sw", "ta", "swh"])
    assert found["language"].drop_duplicates().tolist() == ["ta", "sw"]
    for code in ("sw", "ta"):
        own = found[found["language"] == code].reset_index(drop=True)
        alone = selector.rank(target="xnli", languages=[code])
        pd.testing.assert_frame_equal(own, alone)


def test_top_keeps_the_first_of_each_language(selector):
    whole = selector.rank(target="xnli", languages=["sw", "ta"])
    found = selector.rank(target="xnli", languages=["sw", "ta"], top=3)
    assert found["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    kept = whole[whole["rank"] <= 3].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, kept)


def test_candidates_may_be_named_new_ones_too_and_direct_is_added(selector):
    found = selector.rank(target="xnli", languages=["sw"], candidates=["scitail", "mnli", "mnli"])
    assert set(found["intermediate"]) == {"scitail", "mnli", "direct"}
    assert np.isfinite(found["gain"]).all()
    alone = selector.rank(target="xnli", languages=["sw"], candidates=["direct"])
    assert alone["intermediate"].tolist() == ["direct"]


def test_no_language_at_all_is_refused(selector):
    with pytest.raises(MetaselectError, match="give at least one code"):
        selector.rank(target="xnli", languages=[])


def test_a_new_target_and_a_seen_one_use_their_own_predictors(selector):
    assert selector.predictor_for("xnli") is selector.predictors_["family"]
    assert selector.predictor_for("mewslix") is selector.predictors_["target"]
    # SQuAD 2.0 holds the data of SQuAD, which XQuAD, a target of these runs, trains on.
    assert selector.predictor_for("squad_v2") is selector.predictors_["family"]
    found = selector.rank(target="mewslix", languages=["sw"])
    assert np.isfinite(found["gain"]).all()


def test_a_study_chooses_the_encoder_and_no_other_study_is_known(selector):
    base, small = (
        selector.rank(target="xnli", languages=["sw"], study=f"simulated/encoder-{size}")
        for size in ("base", "small")
    )
    assert not base["gain"].equals(small["gain"])
    with pytest.raises(MetaselectError, match=r"No training study 'mine'; there are: simulated/"):
        selector.rank(target="xnli", languages=["sw"], study="mine")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"target": "xnil"}, r"Unknown task 'xnil'\. Did you mean .*xnli"),
        ({"languages": ["sw", "swahili"]}, r"Languages go by codes, not 'swahili'"),
        ({"languages": ["zzzz"]}, r"Unknown language 'zzzz'"),
        ({"candidates": ["mnli", "mlni"]}, r"Unknown task 'mlni'\. Did you mean .*mnli"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(selector, asked, message):
    with pytest.raises(MetaselectError, match=message):
        selector.rank(**{"target": "xnli", "languages": ["sw"]} | asked)


def test_a_selector_that_is_not_fitted_says_so():
    with pytest.raises(MetaselectError, match="not fitted: call fit or from_pretrained"):
        TaskSelector().rank(target="xnli", languages=["sw"])
    with pytest.raises(MetaselectError, match="not fitted"):
        TaskSelector().save_pretrained("nowhere")


def test_a_seed_fixes_the_ranking(selector):
    again = _selector().fit(_runs())
    pd.testing.assert_frame_equal(
        again.rank(target="mewslix", languages=["sw"]),
        selector.rank(target="mewslix", languages=["sw"]),
    )


def test_tasks_without_a_card_are_ranked_on_what_is_known():
    names = {"mnli": "our_nli", "squad": "our_qa", "xnli": "our_target"}
    runs = _runs().replace({"intermediate": names, "target": names})
    selector = _selector().fit(runs)
    found = selector.rank(target="our_target", languages=["sw"])
    assert {"our_nli", "our_qa"} <= set(found["intermediate"])
    assert np.isfinite(found["gain"]).all()


def test_without_any_card_the_history_still_ranks():
    selector = _selector(catalogue=Catalogue([])).fit(_runs())
    found = selector.rank(target="xnli", languages=["sw"])
    assert np.isfinite(found["gain"]).all()
    assert found["score"].nunique() > 5
    with pytest.raises(MetaselectError, match="Unknown task 'mewslix'"):
        selector.rank(target="mewslix", languages=["sw"])


def test_a_second_fit_forgets_the_first():
    runs = _runs()
    selector = _selector().fit(runs)
    assert set(selector.predictors_) == {"target", "family"}
    selector.fit(runs[runs["language"] == "sw"].reset_index(drop=True))
    assert set(selector.predictors_) == {"target"}  # one family: nothing to tell families by
    assert selector.training_.languages == ("sw",)


def test_runs_without_a_choice_are_refused():
    runs = _runs()
    alone = runs[runs["intermediate"] == "mnli"].reset_index(drop=True)
    with pytest.raises(MetaselectError, match="nothing to rank"):
        _selector().fit(alone)


def test_a_saved_selector_ranks_the_same_to_the_last_bit(selector, folder):
    loaded = TaskSelector.from_pretrained(folder)
    assert loaded.training_ == selector.training_
    for asked in (
        {"target": "xnli", "languages": ["sw", "ta"]},
        {"target": "mewslix", "languages": ["qu"], "study": "simulated/encoder-small"},
        {"target": "panx", "languages": ["my"], "candidates": ["scitail", "mnli"]},
    ):
        first, second = selector.rank(**asked), loaded.rank(**asked)
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_a_loaded_selector_saves_the_same_files(folder, tmp_path):
    TaskSelector.from_pretrained(folder).save_pretrained(tmp_path / "again")
    first, second = (
        read_manifest(path, kind=KIND, schema=SCHEMA).hashes
        for path in (folder, tmp_path / "again")
    )
    assert first == second
    assert (folder / CARD).read_text("utf-8") == (tmp_path / "again" / CARD).read_text("utf-8")


def test_a_saved_folder_holds_text_alone(folder):
    names = {path.name for path in folder.iterdir()}
    assert names >= {MANIFEST, "predictor.json"}
    assert {name.rsplit(".", 1)[1] for name in names} == {"json", "md", "txt"}
    for path in folder.iterdir():
        assert path.read_text(encoding="utf-8").isprintable() or "\n" in path.read_text("utf-8")


def _changed_byte(folder):
    path = next(folder.glob("target-*.txt"))
    path.write_text(path.read_text(encoding="utf-8").replace("0.0", "0.1", 1), encoding="utf-8")


def _newer_schema(folder):
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    write_json(folder / MANIFEST, content | {"schema": SCHEMA + 1})


def _sealed(folder, change):
    content = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
    change(content)
    write_json(folder / "predictor.json", content)
    write_manifest(folder, kind=KIND, schema=SCHEMA, made_by={})


def _set_boosters(*names):
    def change(content):
        content["predictors"]["target"]["models"][0]["boosters"] = list(names)

    return change


DAMAGES = {
    "changed byte": (_changed_byte, "has changed since it was made"),
    "missing file": (
        lambda folder: next(folder.glob("*.txt")).unlink(),
        r"not whole: .*txt is missing",
    ),
    "newer schema": (_newer_schema, "made by a newer metaselect"),
    "pickle": (
        lambda folder: (folder / "model.pkl").write_bytes(pickle.dumps([1])),
        "looks like a pickle",
    ),
    "disguised pickle": (
        lambda folder: (folder / "notes.txt").write_bytes(pickle.dumps([1])),
        "looks like a pickle",
    ),
    "unfinished": (lambda folder: (folder / MANIFEST).unlink(), "not a finished predictor folder"),
    "other content": (
        lambda folder: _sealed(folder, lambda content: content.pop("training")),
        "not a predictor this version reads",
    ),
    "list of predictors": (
        lambda folder: _sealed(folder, lambda content: content.update(predictors=[1])),
        "not a predictor this version reads",
    ),
    "unknown setting": (
        lambda folder: _sealed(folder, lambda content: content["settings"].update(deep=1)),
        "not a predictor this version reads",
    ),
    "trees elsewhere": (
        lambda folder: _sealed(folder, _set_boosters("../../etc/passwd")),
        "names trees outside its folder",
    ),
    "no trees": (
        lambda folder: _sealed(folder, _set_boosters("predictor.json")),
        "does not hold LightGBM trees",
    ),
    "features of another version": (
        lambda folder: _sealed(
            folder, lambda content: content["predictors"]["target"]["models"][0]["features"].pop()
        ),
        "trained on other features than this version computes",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_is_not_whole_is_one_clear_error(folder, damage):
    harm, message = DAMAGES[damage]
    harm(folder)
    with pytest.raises(MetaselectError, match=message) as caught:
        TaskSelector.from_pretrained(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "./no/where", "/no/such", "a/b/c", "~/x", ""])
def test_what_is_no_folder_is_one_clear_error(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MetaselectError, match=r"No predictor folder|not a finished predictor"):
        TaskSelector.from_pretrained(name)


def test_a_file_in_place_of_the_folder_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("text", encoding="utf-8")
    with pytest.raises(MetaselectError, match="No predictor folder"):
        TaskSelector.from_pretrained(tmp_path / "file")


class TestMeasured:
    """A selector that learnt from measured values takes them along."""

    @pytest.fixture
    def measured(self):
        cards = shipped_catalogue()
        names = sorted(set(_runs()["intermediate"]) - {"direct", "copa"})
        values = [
            Value("unlearnt_share", "e", name, "", "", place / len(names), 1.0)
            for place, name in enumerate(names)
        ]
        catalogue = Catalogue(cards.values(), Measured(values))
        return _selector(groups=("size", "measured", "difficulty"), catalogue=catalogue)

    def test_values_come_back_with_the_folder_and_win_over_other_ones(self, measured, tmp_path):
        before = measured.fit(_runs()).rank(target="udpos", languages=["fi"])
        measured.save_pretrained(tmp_path / "predictor")
        bare = Catalogue(shipped_catalogue().values())
        loaded = TaskSelector.from_pretrained(tmp_path / "predictor", catalogue=bare)
        pd.testing.assert_frame_equal(loaded.rank(target="udpos", languages=["fi"]), before)
        other = Value("unlearnt_share", "e", "mnli", "", "", 3.0, 1.0)
        theirs = Catalogue(shipped_catalogue().values(), Measured([other]))
        loaded = TaskSelector.from_pretrained(tmp_path / "predictor", catalogue=theirs)
        pd.testing.assert_frame_equal(loaded.rank(target="udpos", languages=["fi"]), before)

    def test_a_candidate_without_them_is_named_with_the_cost(self, measured):
        found = measured.fit(_runs()).warnings(target="udpos", languages=["fi"])
        (line,) = [note for note in found if "measured difficulty" in note]
        assert line.startswith("1 candidate has no measured difficulty: copa (about 2 min with")

    def test_a_folder_without_measured_features_has_no_values(self, folder):
        assert not (folder / "measured.csv").exists()


def test_the_shipped_cards_are_the_default():
    assert TaskSelector().catalogue is shipped_catalogue()


def test_a_target_is_no_candidate_for_itself_unless_asked_for(selector):
    found = selector.rank(target="mnli", languages=["en"])
    assert "mnli" not in set(found["intermediate"])
    asked = selector.rank(target="mnli", languages=["en"], candidates=["mnli"])
    assert set(asked["intermediate"]) == {"mnli", "direct"}


def test_tasks_joined_by_a_plus_can_be_ranked(selector):
    asked = {"target": "xnli", "languages": ["sw"]}
    ranking = selector.rank(**asked, candidates=["mnli+squad", "mnli"])
    assert set(ranking["intermediate"]) == {"mnli+squad", "mnli", "direct"}
    assert ranking["gain"].notna().all()
    with pytest.raises(MetaselectError, match="Unknown task 'squadd'"):
        selector.rank(**asked, candidates=["mnli+squadd"])
    with pytest.raises(MetaselectError, match=r"mnli\+tatoeba: no training data"):
        selector.rank(**asked, candidates=["mnli+tatoeba"])


def test_the_control_is_no_candidate(selector):
    with pytest.raises(MetaselectError, match=r"direct\+ is a control, .* never ranked. Leave it"):
        selector.rank(target="xnli", languages=["sw"], candidates=["mnli", "direct+"])


def test_a_task_without_training_data_is_no_candidate(selector):
    with pytest.raises(MetaselectError, match="tatoeba: no training data"):
        selector.rank(target="xnli", languages=["sw"], candidates=["mnli", "tatoeba"])


class TestOwnCards:
    """A selector that learnt from tasks of a user's own takes their cards along."""

    OWN = replace(shipped_catalogue()["mnli"], name="tickets", train_size=90_000, same_source=())

    @pytest.fixture
    def folder(self, tmp_path):
        runs = _runs()
        runs["intermediate"] = runs["intermediate"].replace("mnli", "tickets")
        catalogue = Catalogue([*shipped_catalogue().values(), self.OWN])
        _selector(catalogue=catalogue).fit(runs).save_pretrained(tmp_path / "predictor")
        return tmp_path / "predictor"

    def test_it_ranks_as_it_did_without_being_given_them_again(self, folder):
        asked = {"target": "xnli", "languages": ["sw"]}
        loaded = TaskSelector.from_pretrained(folder)
        assert loaded.catalogue["tickets"] == self.OWN
        with_cards = Catalogue([*shipped_catalogue().values(), self.OWN])
        given = TaskSelector.from_pretrained(folder, catalogue=with_cards)
        pd.testing.assert_frame_equal(loaded.rank(**asked), given.rank(**asked))
        assert not any("tickets" in note for note in loaded.warnings(**asked))

    def test_a_card_that_is_given_counts_before_the_folders(self, folder):
        other = replace(self.OWN, train_size=10)
        given = Catalogue([*shipped_catalogue().values(), other])
        assert TaskSelector.from_pretrained(folder, catalogue=given).catalogue["tickets"] == other

    def test_cards_that_ship_are_not_written(self, folder):
        cards = parse_cards((folder / "tasks.toml").read_text(), where="tasks.toml")
        assert [card.name for card in cards] == ["tickets"]
