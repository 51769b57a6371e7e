"""What ships: collected runs with all that explains them, and a predictor trained on just these."""

import json

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.cli.records import read_records
from metaselect.errors import MetaselectError
from metaselect.evaluation.folds import PROTOCOLS, without_same_source
from metaselect.files import CARD, read_manifest
from metaselect.runs.schema import check_runs, table_hash
from metaselect.runs.simulated import is_simulated
from metaselect.selector import TaskSelector
from metaselect.selector.card import card_text
from metaselect.selector.io import KIND, SCHEMA
from metaselect.selector.provenance import summarise_evaluation
from metaselect.selector.shipped import (
    RUNS_KIND,
    shipped_evaluation,
    shipped_predictor,
    shipped_runs,
)

INTERMEDIATES = {"mnli", "sts_semeval", "sst2", "udpos", "qqp", "cola", "xsid_intent"}


@pytest.fixture(scope="module")
def runs():
    return shipped_runs()


@pytest.fixture(scope="module")
def selector():
    return TaskSelector.from_pretrained(shipped_predictor())


def test_the_shipped_runs_are_a_sound_table_of_measured_scores(runs):
    assert len(check_runs(runs, percent=False)) == len(runs) > 2000
    assert not is_simulated(runs)
    assert set(runs["source"]) == {"metaselect run"}
    assert {*runs["intermediate"], *runs["target"]} - {"direct"} <= set(shipped_catalogue())


def test_twenty_targets_have_every_intermediate_on_two_seeds(runs):
    """Cells whose intermediate shares the target's data are not asked for."""
    own = runs[runs["intermediate"].isin(INTERMEDIATES | {"direct"})]
    seeds = own.groupby(["target", "language", "intermediate"])["seed"].nunique()
    there = set(seeds[seeds >= 2].index.droplevel("language"))
    cells = pd.DataFrame(
        [(target, task) for target in set(own["target"]) for task in INTERMEDIATES | {"direct"}],
        columns=["target", "intermediate"],
    )
    needed = without_same_source(cells, shipped_catalogue()).groupby("target")["intermediate"]
    whole = [target for target, tasks in needed if {(target, task) for task in tasks} <= there]
    assert len(whole) >= 20
    assert runs["language"].nunique() >= 60


def test_the_manifest_says_how_the_runs_were_made(runs):
    folder = shipped_predictor().parent / "runs"
    made_by = read_manifest(folder, kind=RUNS_KIND, schema=1).made_by
    assert (made_by["n_runs"], made_by["runs_hash"]) == (len(runs), table_hash(runs))
    for grid in made_by["grids"]:
        assert grid["wall_s"] > 1000
        assert grid["hashes"]["data"]
        assert grid["hashes"]["encoders"]
        assert grid["hardware"]["cores"] >= 1
        assert not any("/" in encoder["path"] for encoder in grid["grid"]["encoders"])
    card = (folder / CARD).read_text(encoding="utf-8")
    assert "Not comparable with published" in card
    assert all(f"| {target} |" in card for target in runs["target"].unique())


def test_the_shipped_predictor_was_trained_on_the_shipped_runs(runs, selector):
    made_by = read_manifest(shipped_predictor(), kind=KIND, schema=SCHEMA).made_by
    assert made_by["n_runs"] == len(runs)
    assert selector.training_ is not None
    assert not selector.training_.simulated
    assert selector.training_.runs_hash == table_hash(runs)
    assert set(selector.training_.encoder_by_study) == set(runs["study"])


def test_the_shipped_evaluation_is_of_the_shipped_runs_and_in_the_card(runs, selector):
    found = read_records([shipped_evaluation()], "evaluation")[0]
    assert found.runs_hash == table_hash(runs)
    skipped = json.loads((shipped_evaluation() / "skipped.json").read_text(encoding="utf-8"))
    assert {record["protocol"] for record in found.records} == {*PROTOCOLS} - {*skipped}
    assert {"target", "family", "intermediate"} <= {*PROTOCOLS} - {*skipped}
    assert ("encoder" in skipped) == (runs["encoder"].nunique() < 2)
    assert selector.provenance.evaluations == tuple(map(summarise_evaluation, found.records))


def test_the_shipped_predictor_has_a_card_that_tells_of_its_runs(runs, selector):
    text = (shipped_predictor() / CARD).read_text(encoding="utf-8")
    assert table_hash(runs) in text
    assert text == card_text(selector.training_, selector.predictors_, selector.provenance)


@pytest.mark.parametrize(
    ("language", "note"),
    [
        ("sw", "sw: vectors of swh (Swahili)"),
        ("qu", "qu: vectors of quy (Ayacucho Quechua)"),
        ("cy", "cy (Welsh): no training run in it, extrapolated"),
        ("nan", "nan (Min Nan Chinese): no training run in it, extrapolated"),
    ],
)
def test_languages_are_ranked_and_those_outside_the_study_called_so(runs, selector, language, note):
    assert ("no training run" in note) == (language not in set(runs["language"]))
    ranking = selector.rank(target="sib200", languages=[language])
    assert set(ranking["intermediate"]) == set(runs["intermediate"])
    assert ranking["gain"].notna().all()
    told = selector.warnings(target="sib200", languages=[language])
    assert any(line.startswith(note) for line in told), told


def test_a_copy_without_artifacts_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "metaselect.selector.shipped.resources.files", lambda name: tmp_path / "package"
    )
    with pytest.raises(MetaselectError, match="give your own with --runs"):
        shipped_runs()
    with pytest.raises(MetaselectError, match="make one with metaselect train"):
        shipped_predictor()
