"""The best constant answer of a sample, worked out by hand for each kind of task."""

from dataclasses import replace

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.harness.data.rows import Labelled, MultipleChoice, Pair, Question, Row, Tagged
from metaselect.harness.score.majority import majority_score

CATALOGUE = load_catalogue(None)


def score(
    name: str, rows: list[Row], *, metric: str | None = None, n_candidates: int | None = None
) -> float:
    card = CATALOGUE[name]
    card = card if metric is None else replace(card, metric=metric)
    return majority_score(rows, card, language="en", n_candidates=n_candidates)


def labelled(*labels: float) -> list[Row]:
    return [Labelled(("a",), label) for label in labels]


def test_accuracy_is_the_share_of_the_commonest_class() -> None:
    assert score("xnli", labelled(0, 2, 2, 1, 2)) == pytest.approx(3 / 5)


def test_f1_of_the_positive_class_is_best_when_all_are_positive() -> None:
    # One of four is positive: precision 1/4, recall 1, F1 2 * 1 / (4 + 1) = .4; all 0 gives 0.
    assert score("mrpc", labelled(0, 0, 1, 0), metric="f1") == pytest.approx(0.4)


def test_macro_f1_counts_the_classes_that_are_never_said_as_0() -> None:
    # All 0: F1 of class 0 is 2 * 3 / (4 + 3) = 6/7, of class 1 it is 0; the mean 3/7.
    assert score("xnli", labelled(0, 0, 1, 0), metric="macro_f1") == pytest.approx(3 / 7)


def test_correlations_of_a_constant_are_0() -> None:
    assert score("cola", labelled(0, 1, 1), metric="matthews_correlation") == 0.0
    assert score("sts_semeval", labelled(0.5, 1.5, 4.0)) == 0.0


def test_a_choice_s_constant_is_the_commonest_place() -> None:
    rows: list[Row] = [MultipleChoice("q", ("a", "b", "c"), label) for label in (1, 1, 0, 2)]
    assert score("cosmosqa", rows) == pytest.approx(1 / 2)


def test_part_of_speech_tags_are_all_the_commonest_one() -> None:
    noun, verb = (CATALOGUE["udpos"].labels.index(tag) for tag in ("NOUN", "VERB"))
    rows: list[Row] = [Tagged(("a", "b", "c"), (noun, noun, verb)), Tagged(("d",), (noun,))]
    # All NOUN: 3 of 4 words. As spans: gold NOUN 0-1, VERB 2, NOUN 0; said NOUN 0-2, NOUN 0: one
    # of two is right, of three gold: F1 2 * 1 / (2 + 3) = .4.
    assert score("udpos", rows, metric="accuracy") == pytest.approx(3 / 4)
    assert score("udpos", rows) == pytest.approx(0.4)


def test_the_best_of_the_commonest_tags_is_the_constant_also_where_most_words_have_none() -> None:
    outside, person, inside = (
        CATALOGUE["panx"].labels.index(tag) for tag in ("O", "B-PER", "I-PER")
    )
    assert score("panx", [Tagged(("a", "b"), (outside, outside))]) == 0.0
    # All B-PER: three entities said, one of the one of gold among them: F1 2 * 1 / (1 + 3) = .5.
    assert score("panx", [Tagged(("a", "b", "c"), (outside, outside, person))]) == 0.5
    # The title of an article alone: all I-PER is one entity of two words, as seqeval reads it.
    assert score("panx", [Tagged(("a", "b"), (person, inside))]) == 1.0


def test_saying_nothing_is_right_where_questions_have_no_answer() -> None:
    asked: Row = Question("1", "q", "a b", ("b",), (2,))
    unanswerable: Row = Question("2", "q", "a b", (), ())
    assert score("squad_v2", [asked, unanswerable, asked, asked]) == pytest.approx(1 / 4)
    assert score("xquad", [asked, asked]) == 0.0


def test_retrieval_names_one_candidate_of_the_pool() -> None:
    pairs: list[Row] = [Pair("a", "x", "1"), Pair("b", "y", "2"), Pair("c", "x", "3"),
                        Pair("", "z", "4"), Pair("d", "", "5")]  # fmt: skip
    assert score("tatoeba", pairs) == pytest.approx(1 / 3)  # x, y, z
    assert score("lareqa_xquad_r", pairs, n_candidates=50) == pytest.approx(1 / 50)
