"""Samples of test rows: the shares of the whole set, the same rows in every run and language."""

from collections import Counter

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.harness.data.rows import Labelled, MultipleChoice, Pair, Question, Row, Tagged
from metaselect.harness.data.sampling import proportional, sample_test_rows

CATALOGUE = load_catalogue(None)


def picked(rows: list[Row], name: str, wanted: int | None, seed: int = 1) -> list[Row]:
    return [rows[i] for i in sample_test_rows(rows, CATALOGUE[name], wanted=wanted, seed=seed)]


def test_classes_keep_their_shares() -> None:
    rows: list[Row] = [Labelled((str(i),), [0, 0, 0, 1, 1, 2][i % 6]) for i in range(120)]
    # Half, a third and a sixth of 30.
    assert Counter(row.label for row in picked(rows, "xnli", 30)) == {0: 15, 1: 10, 2: 5}


def test_the_place_of_the_right_choice_keeps_its_share() -> None:
    rows: list[Row] = [MultipleChoice(str(i), ("a", "b"), i % 4 // 3) for i in range(40)]
    assert Counter(row.label for row in picked(rows, "xcopa", 8)) == {0: 6, 1: 2}


def test_questions_keep_the_share_of_those_without_an_answer() -> None:
    rows: list[Row] = [
        Question(str(i), "q", "a b", ("a",) if i % 5 else (), (0,) if i % 5 else ())
        for i in range(50)
    ]
    assert sum(not row.answers for row in picked(rows, "squad_v2", 15)) == 3


def test_sentences_keep_the_share_of_those_with_an_entity() -> None:
    outside, inside = (CATALOGUE["panx"].labels.index(tag) for tag in ("O", "B-PER"))
    rows: list[Row] = [Tagged(("x", "y"), (outside, outside if i % 10 else inside))
                       for i in range(100)]  # fmt: skip
    assert sum(inside in row.tags for row in picked(rows, "panx", 20)) == 2


def test_rows_without_classes_are_a_plain_sample() -> None:
    for name, rows in (
        ("tatoeba", [Pair(str(i), str(i), str(i)) for i in range(30)]),
        ("sts_semeval", [Labelled((str(i),), i / 7) for i in range(30)]),
        ("udpos", [Tagged((str(i),), (i % 3,)) for i in range(30)]),
    ):
        found = sample_test_rows(rows, CATALOGUE[name], wanted=10, seed=1)
        assert len(set(found)) == 10
        assert found == sorted(found)
        assert sample_test_rows(rows, CATALOGUE[name], wanted=10, seed=2) != found


def test_parallel_test_sets_give_the_same_rows_in_each_language() -> None:
    english: list[Row] = [Labelled((f"en {i}",), i * 7 % 3) for i in range(90)]
    swahili: list[Row] = [Labelled((f"sw {i}",), i * 7 % 3) for i in range(90)]
    first, second = picked(english, "xnli", 20), picked(swahili, "xnli", 20)
    assert [row.texts[0][3:] for row in first] == [row.texts[0][3:] for row in second]


@pytest.mark.parametrize("wanted", [None, 6, 7])
def test_all_rows_are_taken_where_there_are_not_more(wanted: int | None) -> None:
    rows: list[Row] = [Labelled((str(i),), 0) for i in range(6)]
    assert picked(rows, "xnli", wanted) == rows


def test_shares_are_rounded_by_largest_remainders() -> None:
    # 7 of 10: 3.5, 2.1, 1.4; one is left and goes to the first.
    assert proportional([5, 3, 2], 7) == [4, 2, 1]
    # Equal remainders go to the earlier: 1.5 and 1.5.
    assert proportional([5, 5], 3) == [2, 1]
    assert proportional([1, 1, 98], 50) == [1, 0, 49]  # .5, .5, 49
