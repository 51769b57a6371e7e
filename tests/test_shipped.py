import pandas as pd

from metaselect.card import card_text
from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.files import CARD, read_manifest
from metaselect.runs.schema import check_runs, table_hash
from metaselect.runs.simulated import SOURCE
from metaselect.selector import TaskSelector
from metaselect.shipped import SIMULATED_WARNING, shipped_predictor, shipped_runs
from metaselect.stored import KIND, SCHEMA


def test_the_shipped_runs_are_a_sound_table_that_says_it_is_simulated():
    table = shipped_runs()
    assert len(check_runs(table, percent=False)) == 3744  # 2 x 48 queries x 13 candidates x 3 seeds
    assert set(table["source"]) == {SOURCE}
    assert table["study"].str.startswith("simulated/").all()
    assert "nothing here was measured" in SIMULATED_WARNING


def test_the_shipped_runs_are_the_same_every_time():
    pd.testing.assert_frame_equal(shipped_runs(), shipped_runs())


def test_every_shipped_task_has_a_card():
    table = shipped_runs()
    names = {*table["intermediate"], *table["target"]} - {"direct"}
    assert len(names) == 22
    assert names <= set(shipped_catalogue())


def test_the_shipped_predictor_was_trained_on_the_shipped_runs():
    folder = shipped_predictor()
    assert read_manifest(folder, kind=KIND, schema=SCHEMA).made_by["n_runs"] == len(shipped_runs())
    training = TaskSelector.from_pretrained(folder).training_
    assert training is not None
    assert training.simulated
    assert set(training.encoder_by_study) == set(shipped_runs()["study"])


def test_the_shipped_predictor_has_a_card_that_tells_of_its_runs():
    text = (shipped_predictor() / CARD).read_text(encoding="utf-8")
    assert table_hash(check_runs(shipped_runs(), percent=False)) in text
    assert "nothing in it was measured" in text
    selector = TaskSelector.from_pretrained(shipped_predictor())
    assert text == card_text(selector.training_, selector.predictors_, selector.about)


def test_the_shipped_predictor_warns_that_it_is_simulated():
    selector = TaskSelector.from_pretrained(shipped_predictor())
    told = selector.warnings(target="xnli", languages=["sw"])
    assert any("simulated" in line for line in told)
