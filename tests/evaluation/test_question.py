"""The parts of the question: what is made, what is known already, and what is skipped."""

from dataclasses import replace

import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.measured import Value
from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.fold_evaluation import EvaluationConfig
from metaselect.evaluation.question import (
    Findings,
    RecordPart,
    Work,
    make_findings,
    question_key,
    question_parts,
)
from metaselect.ranking.tuning import SearchSettings
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

CATALOGUE = shipped_catalogue()
NOTHING = Findings({}, {})
SEARCH = SearchSettings(n_trials=1, n_folds=2, n_best=1, seed=0, chance=None)
CONFIG = EvaluationConfig("target", ("size",), SEARCH, level=0.5, rules=("random",), workers=1)


@pytest.fixture(scope="module")
def runs():
    table = check_runs(simulated_runs(seed=0, noise=0.005), percent=False)
    return table[table["target"].isin(("xnli", "xquad", "udpos"))].reset_index(drop=True)


class Maker:
    """Parts whose making is written down."""

    def __init__(self):
        self.planned, self.made, self.kept = [], [], []

    def part(self, *names, fault=None):
        def make(step):
            if isinstance(fault, KeyboardInterrupt):
                raise fault
            step()
            self.made += names
            return Findings({name: {"name": name} for name in names}, {})

        def plan():
            if isinstance(fault, MetaselectError):
                raise fault
            self.planned += names
            return Work(1, 1.0, make)

        return RecordPart(names, plan)

    def run(self, parts, known=NOTHING):
        self.lines = []
        return make_findings(parts, known=known, keep=self.keep, progress=self.lines.append)

    def keep(self, part, findings):
        self.kept.append((part.names, dict(findings.records)))


def test_the_question_has_seventeen_records(runs):
    names = [name for part in question_parts(runs, CATALOGUE, CONFIG) for name in part.names]
    assert len(names) == len(set(names)) == 17
    assert {
        "anatomy",
        "definitions",
        "coverage",
        "evaluation-target-apart",
        "ablation-encoder",
    } < set(names)


def test_what_is_known_is_neither_planned_nor_made_and_all_come_in_their_order():
    maker = Maker()
    parts = [maker.part("anatomy"), maker.part("evaluation-target"), maker.part("ablation-target")]
    known = Findings({"evaluation-target": {"old": 1}, "evaluation-moon": {}}, {})
    found = maker.run(parts, known)
    assert maker.planned == maker.made == ["anatomy", "ablation-target"]
    assert list(found.records) == ["anatomy", "evaluation-target", "ablation-target"]
    assert found.evaluations == {"target": {"old": 1}}
    assert found.ablations == {"target": {"name": "ablation-target"}}
    assert maker.lines[0] == "2 records to make in 2 steps"
    assert maker.lines[-1].startswith("2/2 steps, ablation-target  ")


def test_a_part_is_kept_before_the_next_is_made():
    maker = Maker()
    parts = [maker.part("evaluation-target"), maker.part("b", fault=KeyboardInterrupt("stopped"))]
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        maker.run(parts)
    assert maker.kept == [
        (("evaluation-target",), {"evaluation-target": {"name": "evaluation-target"}})
    ]


def test_a_part_that_cannot_be_made_is_skipped_with_its_reason():
    maker = Maker()
    fault = MetaselectError("too few families")
    parts = [maker.part("evaluation-family", fault=fault), maker.part("evaluation-target")]
    found = maker.run(parts)
    assert found.skipped == {"family": "too few families"}
    assert list(found.records) == ["evaluation-target"]
    again = Maker()
    assert again.run([again.part(*part.names) for part in parts], found) == found
    assert again.planned == []


def test_nothing_is_made_of_a_table_that_is_too_small_for_every_protocol():
    maker = Maker()
    fault = MetaselectError("too few targets")
    with pytest.raises(MetaselectError, match="too few targets"):
        maker.run([maker.part("anatomy"), maker.part("evaluation-target", fault=fault)])
    assert maker.made == maker.kept == []


def _other_card():
    cards = [
        replace(card, train_size=7) if name == "mnli" else card for name, card in CATALOGUE.items()
    ]
    return Catalogue(cards, CATALOGUE.measured)


def _other_value(task="mnli"):
    value = Value("logme", "xlmr", task, "xnli", "", 0.5, 1.0)
    return Catalogue(CATALOGUE.values(), CATALOGUE.measured.joined([value]))


def test_the_key_is_of_runs_cards_values_and_settings(runs):
    known = question_key(runs, CATALOGUE, CONFIG)
    changed = runs.assign(score=runs["score"].where(runs.index > 0, 0.5))
    others = {
        question_key(changed, CATALOGUE, CONFIG),
        question_key(runs.assign(train_examples=1000), CATALOGUE, CONFIG),
        question_key(runs, _other_card(), CONFIG),
        question_key(runs, _other_value(), CONFIG),
        question_key(runs, CATALOGUE, replace(CONFIG, search=replace(SEARCH, seed=1))),
    }
    assert len(others - {known}) == 5
    assert question_key(runs.copy(), shipped_catalogue(), replace(CONFIG, workers=2)) == known
    assert question_key(runs, _other_value("piqa"), CONFIG) == known  # no run has it
