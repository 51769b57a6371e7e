"""Answers against gold by SQuAD's and MLQA's rules, worked out by hand, and by rules of our own."""

import random
import re
import string
import sys
import unicodedata
from collections import Counter

import pytest

from metaselect.harness.score.metrics import answer_measures, answer_words


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


SPANISH = {"un", "una", "unos", "unas", "el", "la", "los", "las"}
GERMAN = {
    *("ein", "eine", "einen", "einem", "eines", "einer"),
    *("der", "die", "das", "den", "dem", "des"),
}
MARKS = {chr(i) for i in range(sys.maxunicode) if unicodedata.category(chr(i))[0] == "P"}
TEXTS = {
    None: "The the a an Apple, apple-pie of U.S. «1890» año — ² x\u00a0y l'eau $5 50% ` ^",
    "en": "The the a an Apple, apple-pie of U.S. «1890» año — ² x\u00a0y theatre another",
    "es": "El la los unas UNA casa, perro ¡y! ¿qué? lado unos-unas 1890",
    "de": "Der die das Haus, Hund des Eines Einer; derweil „Zug“ 1890",
    "hi": "दिल्ली। भारत की राजधानी 1890 , .",
    "zh": "在2000年， 北京市 是 首都 The capital 《书》 1 2",
}


def official_words(text: str, language: str | None) -> list[str]:
    """Words of an answer by the rules of the published scripts, without their regexes."""
    punctuation = set(string.punctuation) | (set() if language is None else MARKS)
    text = "".join(char for char in text.lower() if char not in punctuation)
    articles = {None: {"a", "an", "the"}, "en": {"a", "an", "the"}, "es": SPANISH, "de": GERMAN}
    parts = re.split(r"(\W+)", text)  # an article goes where it is a word between others
    text = "".join(" " if part in articles.get(language, set()) else part for part in parts)
    if language != "zh":
        return text.split()
    words = [""]
    for char in text:
        if "\u4e00" <= char <= "\u9fa5":
            words += [char, ""]
        elif char.isspace():
            words.append("")
        else:
            words[-1] += char
    return [word for word in words if word]


def official_f1(answer: str, gold: str, language: str | None) -> float:
    said, right = official_words(answer, language), official_words(gold, language)
    shared = sum((Counter(said) & Counter(right)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(said), shared / len(right)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("language", list(TEXTS))
def test_scores_are_those_of_the_published_scripts(language: str | None) -> None:
    rng = random.Random(7)
    pool = re.findall(r"\S+|\s", TEXTS[language])
    said, gold = [], []
    while len(said) < 300:
        answer, *right = ("".join(rng.choices(pool, k=rng.randint(1, 8))) for _ in range(3))
        if all(official_words(text, language) for text in right):  # no gold answer is empty
            said.append(answer)
            gold.append(right)
    f1 = [max(official_f1(a, g, language) for g in right)
          for a, right in zip(said, gold, strict=True)]  # fmt: skip
    exact = [
        any(official_words(a, language) == official_words(g, language) for g in right)
        for a, right in zip(said, gold, strict=True)
    ]
    found = answer_measures(gold, said, mlqa_language=language)
    assert found["f1"] == pytest.approx(sum(f1) / 300, abs=1e-12)
    assert found["exact_match"] == sum(exact) / 300
    assert 0 < found["exact_match"] < found["f1"] < 1
