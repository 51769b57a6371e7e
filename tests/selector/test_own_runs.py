"""What a predictor keeps of the runs that it learnt from: enough to warn without them."""

import json
from dataclasses import asdict

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.runs.schema import check_runs
from metaselect.selector.doubts import doubts_of, known_doubts, known_runs, table_doubts
from metaselect.selector.own_runs import own_runs, own_runs_from_json
from metaselect.selector.provenance import summarise_training, training_from_json
from metaselect.selector.warnings import own_warnings

CATALOGUE = shipped_catalogue()


@pytest.fixture(scope="module")
def runs():
    """XNLI at a constant answer's score in one of two studies; MNLI harms XQuAD in both."""
    scores = {
        ("one", "xnli"): (0.34, 0.34), ("two", "xnli"): (0.70, 0.72),
        ("one", "xquad"): (0.50, 0.45), ("two", "xquad"): (0.60, 0.58),
        ("two", "udpos"): (0.80, 0.81),
    }  # fmt: skip
    rows = [
        (study, target, name, language, score + 0.01 * place + 0.001 * seed, seed)
        for (study, target), pair in scores.items()
        for name, score in zip(("direct", "mnli"), pair, strict=True)
        for place, language in enumerate(("de", "sw", "ta"))
        for seed in (0, 1)
    ]
    names = ["study", "target", "intermediate", "language", "score", "seed"]
    given = {"encoder": "e", "adaptation": "finetune", "metric": "accuracy", "source": "made here"}
    return check_runs(pd.DataFrame(rows, columns=names).assign(**given), percent=False)


@pytest.mark.parametrize("study", [None, "one", "two"])
@pytest.mark.parametrize("target", ["xnli", "xquad", "udpos", "panx"])
def test_what_is_kept_warns_as_the_runs_do(runs, target, study):
    entry = json.loads(json.dumps(asdict(summarise_training(runs))))
    known = training_from_json(entry).own_runs
    own = runs if study is None else runs[runs["study"] == study]
    said = own_warnings(known_runs(known, target, study), ["mnli"], target, CATALOGUE)
    assert said == own_warnings(own_runs(own, target), ["mnli"], target, CATALOGUE)
    doubts = known_doubts(known, target, ["mnli"], CATALOGUE, study=study)
    assert doubts == doubts_of(runs, target, ["mnli"], CATALOGUE, study=study)
    assert doubts.runs_at_floor == ((target, study) == ("xnli", "one"))
    assert ("mnli" in doubts.against) == (target == "xquad")
    assert any("speak against" in line for line in said) == (target == "xquad")


def test_what_speaks_against_answers_from_a_table_is_a_line_each(runs):
    few = "the runs have 3 clusters of targets: with under 6 no p over clusters can be below .05"
    lost = "1 of 3 targets lost with every intermediate tried, averaged over their languages: xquad"
    shared = "1 of 3 targets have intermediates with their own data, "
    small, *rest = table_doubts(runs, CATALOGUE)
    assert small.startswith(few)  # 2 / 2**5 is above .05
    assert (rest[0], len(rest)) == (lost, 2)
    assert rest[1].startswith(shared)
    assert rest[1].endswith(": xnli")
    alone = table_doubts(runs[(runs["study"] == "one") & (runs["seed"] == 0)], CATALOGUE)
    assert alone[1] == "no run has a second seed, so nothing tells gains from luck"
    floor = "1 of 2 targets score like a constant answer, so their gains may be noise: xnli"
    assert alone[2] == floor
    # seeds that disagree by 0.2 leave gains of at most 0.05 within two standard errors of 0.1
    wild = (runs["seed"] == 1) & (runs["intermediate"] == "mnli")
    found = table_doubts(runs.assign(score=runs["score"] + 0.2 * wild - 0.1), CATALOGUE)
    assert "100% of the gains lie within two standard errors of 0" in found


def test_a_folder_of_before_keeps_nothing_and_warns_of_nothing(runs):
    entry = asdict(summarise_training(runs))
    del entry["own_runs"]
    known = training_from_json(entry).own_runs
    assert known == own_runs_from_json({}) == {}
    assert known_runs(known, "xnli", None) is None
    assert not known_doubts(known, "xnli", ["mnli"], CATALOGUE, study="one").runs_at_floor
