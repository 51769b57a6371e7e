"""Answers against gold by SQuAD's and MLQA's rules, worked out by hand."""

import pytest

from metaselect.harness.answers import answer_measures, answer_words


def test_english_answers_lose_articles_punctuation_and_case() -> None:
    assert answer_words("An  Apple-pie, the best.", None) == ["applepie", "best"]


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("es", "La casa, ¡y el perro!", ["casa", "y", "perro"]),
        ("de", "Der Hund und dem Haus", ["hund", "und", "haus"]),
        ("ar", "البيت", ["بيت"]),
        ("vi", "Những con mèo", ["con", "mèo"]),
        ("hi", "दिल्ली।", ["दिल्ली"]),
        ("zh", "在2000年，北京", ["在", "2000", "年", "北", "京"]),
        ("en", "The U.S.", ["us"]),
    ],
)
def test_mlqa_normalises_by_language(language: str, text: str, words: list[str]) -> None:
    assert answer_words(text, language) == words


def test_f1_counts_shared_words_and_takes_the_best_gold_answer() -> None:
    gold = [["the red house", "a blue house"], ["1890"]]
    found = answer_measures(gold, ["house red big", "1891"], mlqa_language=None)
    # First: {red, house} against {house, red, big}: 2 * 2 / (2 + 3) = 0.8; second 0.
    assert found["f1"] == pytest.approx(0.4)
    assert found["exact_match"] == 0.0


def test_a_question_without_an_answer_wants_none() -> None:
    assert answer_measures([[], []], ["", "park"], mlqa_language=None)["f1"] == 0.5


def test_chinese_gets_credit_for_shared_characters() -> None:
    squad = answer_measures([["北京市"]], ["北京"], mlqa_language=None)
    mlqa = answer_measures([["北京市"]], ["北京"], mlqa_language="zh")
    assert squad["f1"] == 0.0
    assert mlqa["f1"] == pytest.approx(0.8)  # 2 * 2 / (3 + 2)
