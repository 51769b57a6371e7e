"""The model card: what the hub reads from it, and what people do."""

from dataclasses import replace

import pytest

from metaselect.errors import MetaselectError
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.selector import TaskSelector
from metaselect.selector.card import card_text
from metaselect.selector.provenance import EvaluationSummary, Provenance, summarise_training
from metaselect.selector.shipped import shipped_predictor

REGRETS = {"random": (0.05, 0.03), "ranker": (0.0125, None)}
JUDGED = EvaluationSummary("target", 9, 3, REGRETS, (-0.0375, -0.05, -0.01), 20)
NASTY = 'a|b`<img src=x>\n---\nlicense: mit # "x"'


@pytest.fixture(scope="module")
def training():
    return summarise_training(check_runs(simulated_runs(seed=0, noise=0.01), percent=False))


@pytest.fixture(scope="module")
def predictors():
    return TaskSelector.from_pretrained(shipped_predictor()).predictors_


def _front(text):
    """The front matter as the hub reads it."""
    hub = pytest.importorskip("huggingface_hub", reason="comes with metaselect[hub]")
    return hub.ModelCard(text).data.to_dict()


def test_the_hub_reads_the_front_matter(training, predictors):
    text = card_text(training, predictors, Provenance(licence="cc-by-4.0"))
    data = _front(text)
    assert data["library_name"] == "metaselect"
    assert data["license"] == "cc-by-4.0"
    assert data["pipeline_tag"] == "tabular-regression"
    assert {"metaselect", "simulated"} <= set(data["tags"])
    assert data["language"] == list(training.languages)
    assert len(data["language"]) >= 20


def test_norwegian_and_min_nan_stay_languages_in_yaml(training, predictors):
    text = card_text(replace(training, languages=("nan", "no")), predictors, Provenance())
    assert _front(text)["language"] == ["nan", "no"]


def test_the_training_runs_are_told_by_rows_hash_and_source(training, predictors):
    text = card_text(training, predictors, Provenance())
    assert training.runs_hash in text
    assert "3,744 measured scores" in text
    for study, rows in training.rows_by_study.items():
        assert f"| {study} | {training.encoder_by_study[study]} | {rows:,} |" in text
    for source, rows in training.rows_by_source.items():
        assert f"| {source} | {rows:,} |" in text
    assert "Trained on simulated runs: nothing in it was measured" in text
    for head in ("Intended use", "Training runs", "Evaluation", "Limits", "Licence"):
        assert f"\n## {head}\n" in text


def test_without_a_licence_or_an_evaluation_the_card_says_so(training, predictors):
    text = card_text(training, predictors, Provenance())
    assert "license" not in _front(text)
    assert "Its makers name no licence" in text
    assert "No nested evaluation is part of this card" in text


def test_an_evaluation_is_told_in_points(training, predictors):
    text = card_text(training, predictors, Provenance(evaluations=(JUDGED,)))
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if "left out whole |" in line)
    assert lines[head].split(" | ")[3:5] == ["random", "ranker"]
    assert lines[head + 2] == (
        "| target | 9 in 3 | 20 | 5.00 / 3.00 | 1.25 / – | -3.75 (-5.00 to -1.00) |"
    )


def test_evaluations_with_other_methods_share_one_table(training, predictors):
    other = replace(JUDGED, protocol="family", regrets={"size": (0.02, 0.01)}, n_settings=5)
    text = card_text(training, predictors, Provenance(evaluations=(JUDGED, other)))
    assert "| target | 9 in 3 | 20 | 5.00 / 3.00 | – / – | 1.25 / – | -3.75 (-5.00 to -1.00) |" in (
        text
    )
    assert "| family | 9 in 3 | 5 | – / – | 2.00 / 1.00 | – / – | -3.75 (-5.00 to -1.00) |" in text


def test_names_of_users_never_become_markup_or_yaml(training, predictors):
    nasty = replace(
        training,
        encoder_by_study={NASTY: NASTY},
        rows_by_study={NASTY: 1},
        rows_by_source={NASTY: 1},
        targets=(NASTY,),
        simulated=False,
    )
    text = card_text(nasty, predictors, Provenance())
    assert "<img" not in text
    assert "license" not in _front(text)
    assert "simulated" not in _front(text)["tags"]
    rows = [line for line in text.splitlines() if line.startswith("| ") and "a\\|b" in line]
    assert len(rows) == 2
    assert all(line.replace("\\|", "").count("|") in (3, 4) for line in rows)


@pytest.mark.parametrize("licence", [NASTY, "", "CC BY 4.0", "-mit"])
def test_a_licence_is_an_identifier(licence):
    with pytest.raises(MetaselectError, match="A licence is an identifier such as"):
        Provenance(licence=licence)
