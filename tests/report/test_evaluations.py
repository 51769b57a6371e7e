"""What records say on the page: the best of a row, references apart, sentences."""

import pytest

from metaselect.evaluation.answer import conclusion
from metaselect.evaluation.question import Findings
from metaselect.evaluation.verdicts import verdict
from metaselect.report.evaluations import (
    answers,
    direct_sentence,
    domain_of,
    method_rows,
    overview,
    title_of,
    whisker_rows,
)
from tests.report.parts import ABLATION, EVALUATION


def test_methods_stand_by_their_regret_with_references_last():
    rows = method_rows(EVALUATION)
    assert [row.name for row in rows] == ["ranker", "history", "random", "oracle", "ceiling"]
    assert [row.reference for row in rows] == [False, False, False, True, True]


def test_the_best_is_marked_whoever_it_is_and_never_a_reference():
    better = {**EVALUATION["methods"]["history"], "regret@1": 0.002}
    record = {**EVALUATION, "methods": {**EVALUATION["methods"], "history": better}}
    rows = {row.name: row.cells["regret@1"] for row in method_rows(record)}
    assert rows["history"] == ("0.20", True)
    assert rows["ranker"] == ("0.40", False)
    assert rows["ceiling"] == ("0.30", False)
    assert rows["oracle"] == ("0.00", False)


def test_all_that_look_best_are_marked():
    tie = {**EVALUATION["methods"]["history"], "regret@1": 0.00401}  # 0.40 as the ranker's
    record = {**EVALUATION, "methods": {**EVALUATION["methods"], "history": tie}}
    head, cells = overview([record])["rows"][0]
    assert head == "A new target"
    assert {name for name, (_, best) in cells.items() if best} == {"ranker", "history"}
    assert overview([record])["heads"][-1] == "ceiling"


def test_a_contrast_whose_interval_reaches_0_is_unclear():
    rows = {row.name: row for row in method_rows(EVALUATION)}
    assert not rows["random"].unclear  # -2.6 to -0.6
    assert rows["history"].unclear  # -1.83 to +0.17
    low, high = domain_of(rows.values())
    assert low < -0.026
    assert high > 0.0017


def test_the_oracle_of_an_ablation_leads_by_random_s_regret():
    frame = whisker_rows(ABLATION).set_index("name")
    assert frame["difference"].to_dict() == pytest.approx({"size": -0.015, "oracle": -0.02})


def test_where_direct_is_no_choice_it_is_not_said_to_be_advised():
    assert "advised in 0%" in direct_sentence(EVALUATION)
    among = {**EVALUATION, "with_direct": False}
    assert "advised" not in direct_sentence(among)
    assert "no choice here" in direct_sentence(among)


def test_a_narrower_question_does_not_answer_the_whole_one():
    found = answers([EVALUATION], [ABLATION])
    whole = Findings({"evaluation-target": EVALUATION, "ablation-target": ABLATION}, {})
    assert found[0] == conclusion(whole)
    assert found[1].startswith("Difficulty, language and diversity features together")
    assert found[-1] == verdict(EVALUATION)
    assert len(found) == 1 + 3 + 1
    assert len(answers([EVALUATION], [])) == 1 + 2 + 1
    known = {"difficulty": ["mnli"], "measured difficulty": ["mnli", "qqp"]}
    unasked = answers([EVALUATION], [ABLATION], {"intermediates": ["mnli", "qqp"], "known": known})
    assert unasked[1].endswith("what it adds cannot be told from these runs.")
    assert unasked[0].endswith(" What difficulty adds cannot be told.")
    assert unasked[2:] == found[2:]
    assert answers([{**EVALUATION, "with_direct": False}], [ABLATION]) == []
    poor = {**EVALUATION, "search": {**EVALUATION["search"], "groups": ["size", "history"]}}
    assert title_of(poor) == "A new target, features of size, history alone"
    assert answers([poor], [ABLATION]) == []
    assert answers([EVALUATION, poor], [ABLATION]) == found


def test_a_title_says_where_regret_is_that_on_other_seeds():
    assert title_of(EVALUATION | {"learnt_and_scored_on": "the same seeds"}) == "A new target"
    crossed = title_of(EVALUATION | {"learnt_and_scored_on": "other seeds"})
    assert crossed == "A new target (on other seeds)"
