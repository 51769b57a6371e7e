"""Rows from folders and cards: layouts, labels, languages by any code, broken files."""

import gzip
import json
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import load_catalogue, parse_cards
from metaselect.catalogue.tasks import TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.data.hubtables import named_classes
from metaselect.harness.data.reading import read_rows
from metaselect.harness.data.rows import (
    Labelled,
    MultipleChoice,
    Pair,
    Question,
    Row,
    Tagged,
    sentence_at,
)
from tests.harness.conftest import nli_rows, pair_rows, write_rows

PACK = Path(os.environ.get("METASELECT_PACK", Path(__file__).parents[3] / "shared" / "pack"))
CATALOGUE = load_catalogue(None)


def rows_of(name: str, *rows: dict[str, Any]) -> list[Any]:
    return read_rows(CATALOGUE[name], rows, where="test", drop_unlabelled=False)


def test_labels_may_be_names_positions_or_booleans() -> None:
    pair = {"premise": "a", "hypothesis": "b"}
    assert rows_of("mnli", {**pair, "label": "neutral"}, {**pair, "label": 2}) == [
        Labelled(("a", "b"), 1), Labelled(("a", "b"), 2),
    ]  # fmt: skip
    wic = {"word": "w", "sentence1": "a", "sentence2": "b"}
    assert [row.label for row in rows_of("wic", {**wic, "label": True}, {**wic, "label": 0})] == [
        1, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("label", ["maybe", 3, -1, 0.5, None])
def test_a_label_that_the_card_does_not_know_is_refused(label: Any) -> None:
    with pytest.raises(MetaselectError, match=r"test, row 1: label .* does not match the labels"):
        rows_of("mnli", {"premise": "a", "hypothesis": "b", "label": label})


def test_rows_without_a_label_are_left_out_of_training_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{**row, "label": -1} if i in (1, 4) else row for i, row in enumerate(nli_rows(6))]
    for name in ("train", "validation", "test.en"):
        write_rows(tmp_path / "snli" / f"{name}.jsonl", rows)
    corpora, card = Corpora(tmp_path), CATALOGUE["snli"]
    assert (
        len(corpora.rows(card, "train", "en")) == len(corpora.rows(card, "validation", "en")) == 4
    )
    assert caplog.messages == [
        f"snli {split}, {split}.jsonl: 2 of 6 rows have no label and are left out"
        for split in ("train", "validation")
    ]
    with pytest.raises(MetaselectError, match=r"row 2: label -1 \(withheld\) does not match"):
        corpora.rows(card, "test", "en")


def test_training_rows_that_are_all_without_a_label_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "snli" / "train.jsonl", [{**row, "label": -1} for row in nli_rows(3)])
    with pytest.raises(MetaselectError, match=r"row 1: label -1 \(withheld\) does not match"):
        Corpora(tmp_path).rows(CATALOGUE["snli"], "train", "en")


def test_choices_come_from_columns_or_lists_and_labels_from_letters() -> None:
    copa = {"premise": "p", "choice1": "x", "choice2": "y", "question": "effect", "label": 1}
    assert rows_of("copa", copa) == [MultipleChoice("p What happened as a result?", ("x", "y"), 1)]
    swag = {"ctx": "c", "endings": ["a", "b", "c", "d"], "label": "3"}
    assert rows_of("hellaswag", swag) == [MultipleChoice("c", ("a", "b", "c", "d"), 3)]
    nested = {"question": "q", "choices": {"label": ["A", "B"], "text": ["x", "y"]}}
    assert rows_of("commonsenseqa", {**nested, "answerKey": "B"}) == [
        MultipleChoice("q", ("x", "y"), 1)
    ]


def test_questions_tags_and_pairs_keep_what_scoring_needs() -> None:
    answers = {"text": ["b"], "answer_start": [2]}
    assert rows_of("squad", {"id": "7", "question": "q", "context": "a b", "answers": answers}) == [
        Question("7", "q", "a b", ("b",), (2,))
    ]
    assert rows_of("panx", {"tokens": ["x", "y"], "ner_tags": ["O", 1]}) == [
        Tagged(("x", "y"), (0, 1))
    ]
    assert rows_of("tatoeba", {"source_sentence": "s", "target_sentence": "t"}) == [
        Pair("s", "t", "0")
    ]


def test_withheld_answers_are_refused_not_scored() -> None:
    withheld = {"text": [""], "answer_start": [0]}
    with pytest.raises(MetaselectError, match=r"row 1: blank answer \(withheld\)"):
        rows_of("squad", {"id": "7", "question": "q", "context": "a b", "answers": withheld})
    empty = {"text": [], "answer_start": []}
    (row,) = rows_of("squad", {"id": "7", "question": "q", "context": "a b", "answers": empty})
    assert row.answers == ()


def test_words_and_tags_of_different_number_are_refused() -> None:
    with pytest.raises(MetaselectError, match="2 words but 1 tags"):
        rows_of("panx", {"tokens": ["x", "y"], "ner_tags": ["O"]})


NLI = {"premise": "a", "hypothesis": "b", "label": 0}
QA = {"id": "7", "question": "q", "context": "a b"}


@pytest.mark.parametrize(
    ("task", "row", "reason"),
    [
        ("mnli", {**NLI, "premise": None}, "column 'premise' has nothing where a text belongs"),
        ("mnli", {**NLI, "premise": math.nan}, "column 'premise' has nothing where a text belongs"),
        (
            "mnli",
            {**NLI, "premise": " ", "hypothesis": ""},
            "nothing to read in 'premise' and 'hyp",
        ),
        ("panx", {"tokens": [""], "ner_tags": ["O"]}, "nothing to read in 'tokens': write a text"),
        ("squad", {**QA, "question": "", "context": "", "answers": {}}, "nothing to read in"),
        ("mnli", {**NLI, "hypothesis": ["b"]}, "column 'hypothesis' has a list where a text"),
        ("mnli", {**NLI, "label": math.inf}, "label inf does not match the labels"),
        ("mnli", {**NLI, "label": [0]}, r"label \[0\] does not match the labels"),
        ("stsb", {"sentence1": "a", "sentence2": "b", "label": "?"}, r"rating '\?' is no number"),
        ("panx", {"tokens": "x", "ner_tags": ["O"]}, "column 'tokens' has a text where a list"),
        ("panx", {"tokens": ["x"], "ner_tags": 0}, "column 'ner_tags' has a number where a list"),
        ("squad", {**QA, "answers": ["b"]}, r"there is no column 'answers\.text'"),
        ("squad", {**QA, "answers": {"text": ["b"], "answer_start": ["?"]}}, "offset .* no number"),
        (
            "tatoeba",
            {"source_sentence": {}, "target_sentence": "t"},
            "column .* has an object where a",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(task: str, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(MetaselectError, match=f"^test, row 1: {reason}"):
        rows_of(task, row)


def test_one_of_two_texts_may_be_blank_and_a_number_is_its_digits() -> None:
    (row,) = rows_of("mnli", {**NLI, "premise": 7, "hypothesis": ""})
    assert row == Labelled(("7", ""), 0)


def test_rows_that_are_no_objects_or_lack_a_column_are_refused() -> None:
    with pytest.raises(MetaselectError, match=r"^test has a list for a row: write an object"):
        rows_of("mnli", ["a", "b"])  # type: ignore[arg-type]
    lacking = {name: value for name, value in NLI.items() if name != "label"}
    with pytest.raises(MetaselectError, match=r"^test, row 2: there is no column 'label'"):
        rows_of("mnli", NLI, lacking)


def test_a_bucc_sentence_without_a_translation_is_an_empty_text() -> None:
    (row,) = rows_of("tatoeba", {"source_sentence": "s", "target_sentence": math.nan})
    assert row == Pair("s", "", "0")


def test_equal_faults_of_a_file_are_one_line_and_the_first_few_are_told(tmp_path: Path) -> None:
    path = tmp_path / "xnli" / "test.en.jsonl"
    labels = [*["yes"] * 5, 0, "no", "a", "b", "c"]
    write_rows(path, [{**NLI, "label": label} for label in labels])
    found = Corpora(tmp_path).faults(CATALOGUE["xnli"], "test", "en")
    assert [line.split(" does not match")[0] for line in found] == [
        "xnli test (en), test.en.jsonl, rows 1, 2, 3 and 2 more: label 'yes'",
        "xnli test (en), test.en.jsonl, row 7: label 'no'",
        "xnli test (en), test.en.jsonl, row 8: label 'a'",
        "xnli test (en), test.en.jsonl: 2 more like these.",
    ]
    path.write_text(json.dumps(NLI) + "\n{\n")
    (broken,) = Corpora(tmp_path).faults(CATALOGUE["xnli"], "test", "en")
    assert "test.en.jsonl is broken: row 2 is no JSON (Expecting property name" in broken
    path.write_text("\n")
    (empty,) = Corpora(tmp_path).faults(CATALOGUE["xnli"], "test", "en")
    assert empty.startswith("xnli test (en), test.en.jsonl has no rows: write at least one")


def test_columns_that_no_layout_reads_arenamed_classes() -> None:
    with pytest.raises(MetaselectError, match=r"has columns \['a'\]; the card of mnli reads"):
        rows_of("mnli", {"a": 1})
    with pytest.raises(MetaselectError, match="test has no rows"):
        rows_of("mnli")


def test_sentences_are_cut_around_an_answer() -> None:
    text = "He left in 1.5 hours. She stayed! Why?"
    assert sentence_at(text, text.index("1.5")) == "He left in 1.5 hours."
    assert sentence_at(text, text.index("stayed")) == "She stayed!"
    assert sentence_at(text, len(text) - 1) == "Why?"


def test_test_files_are_found_under_any_code_of_their_language(tmp_path: Path) -> None:
    write_rows(tmp_path / "tatoeba" / "test.swh.jsonl", pair_rows(3))
    write_rows(tmp_path / "tatoeba" / "test.cmn.jsonl", pair_rows(4))
    write_rows(tmp_path / "sib200" / "test.zho_Hans.jsonl", [{"text": "a", "category": "travel"}])
    corpora = Corpora(tmp_path)
    assert len(corpora.rows(CATALOGUE["tatoeba"], "test", "sw")) == 3
    assert len(corpora.rows(CATALOGUE["tatoeba"], "test", "zh")) == 4
    assert len(corpora.rows(CATALOGUE["sib200"], "test", "zh")) == 1
    assert corpora.test_languages(CATALOGUE["tatoeba"]) == ["sw", "zh"]


def test_files_of_regions_and_dialects_are_their_own(tmp_path: Path) -> None:
    codes = ("bar", "bar-IT", "bar-x-muc", "hi-Latn", "zh-Hant")
    for size, code in enumerate(codes, start=1):
        write_rows(tmp_path / "xnli" / f"test.{code}.jsonl", nli_rows(size))
    asked = (*codes, "bar-DE", "bar-x-st", "hi", "zh")
    card = replace(CATALOGUE["xnli"], languages=asked)
    corpora = Corpora(tmp_path)
    assert corpora.test_languages(card) == list(codes)
    assert [len(corpora.rows(card, "test", code)) for code in codes] == [1, 2, 3, 4, 5]


def test_a_language_never_takes_the_file_of_a_region_that_is_a_language_of_the_task(
    tmp_path: Path,
) -> None:
    write_rows(tmp_path / "xnli" / "test.bar-IT.jsonl", nli_rows(2))
    corpora = Corpora(tmp_path)
    whole = replace(CATALOGUE["xnli"], languages=("bar", "bar-IT"))
    assert corpora.test_languages(whole) == ["bar-IT"]
    assert corpora.test_languages(replace(whole, languages=("bar",))) == ["bar"]


def test_files_may_be_plain_packed_or_parquet(tmp_path: Path) -> None:
    rows = nli_rows(5)
    (tmp_path / "xnli").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "xnli" / "test.en.jsonl").write_text(text)
    (tmp_path / "xnli" / "test.de.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    pd.DataFrame(rows).to_parquet(tmp_path / "xnli" / "test.fr.parquet")
    read = [Corpora(tmp_path).rows(CATALOGUE["xnli"], "test", code) for code in ("en", "de", "fr")]
    assert read[0] == read[1] == read[2]
    assert len(read[0]) == 5


def test_parquet_s_lists_are_read_like_json_s(tmp_path: Path) -> None:
    (tmp_path / "squad").mkdir()
    row = {"id": "1", "question": "q", "context": "a b",
           "answers": {"text": ["b"], "answer_start": [2]}}  # fmt: skip
    pd.DataFrame([row]).to_parquet(tmp_path / "squad" / "train.parquet")
    (found,) = Corpora(tmp_path).rows(CATALOGUE["squad"], "train", "en")
    assert found == Question("1", "q", "a b", ("b",), (2,))


def test_a_file_cut_short_is_broken_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "xnli"
    folder.mkdir()
    packed = gzip.compress(b'{"premise": "a", "hypothesis": "b", "label": 0}\n' * 50)
    (folder / "test.en.jsonl.gz").write_bytes(packed[:-12])
    with pytest.raises(MetaselectError, match=r"test.en.jsonl.gz is broken: .* fetch the file"):
        Corpora(tmp_path).rows(CATALOGUE["xnli"], "test", "en")


def test_the_identity_of_rows_follows_the_file_s_content(tmp_path: Path) -> None:
    corpora, card = Corpora(tmp_path), CATALOGUE["xnli"]
    write_rows(tmp_path / "xnli" / "test.en.jsonl", nli_rows(3))
    first = corpora.identity(card, "test", "en")
    write_rows(tmp_path / "xnli" / "test.en.jsonl", nli_rows(4))
    assert corpora.identity(card, "test", "en") != first
    assert corpora.identity(card, "test", "sw") == "missing"


def test_class_numbers_of_the_hub_become_names_so_that_their_order_does_not_matter() -> None:
    from datasets import ClassLabel, Features, List, Value

    features = Features(
        {
            "label": ClassLabel(names=["contradiction", "Entailment", "neutral"]),
            "tags": List(ClassLabel(names=["neutral", "entailment"])),
            "digit": ClassLabel(names=["0", "1"]),
            "text": Value("string"),
        }
    )
    labels = ("entailment", "neutral", "contradiction")
    row = {"label": 1, "tags": [1, 0], "digit": 1, "text": "a"}
    assert named_classes(row, features, labels) == {
        "label": "entailment", "tags": ["entailment", "neutral"], "digit": 1, "text": "a",
    }  # fmt: skip
    assert named_classes({**row, "label": -1}, features, labels)["label"] == -1


def test_a_task_without_a_place_on_the_hub_says_that_a_folder_is_needed() -> None:
    (card,) = parse_cards(
        '[x]\ntitle = "X"\nkind = "nli"\nhead = "classification"\nmetric = "accuracy"', where="x"
    )
    with pytest.raises(MetaselectError, match="names no data on the hub: use a folder"):
        Corpora(None).rows(card, "train", "en")


PACK_TASKS = sorted(path.parent.name for path in PACK.glob("*/meta.json"))
ROW_OF_HEAD = {
    "classification": Labelled, "regression": Labelled, "multiple-choice": MultipleChoice,
    "extractive-qa": Question, "tagging": Tagged, "sentence-retrieval": Pair,
    "answer-retrieval": Pair,
}  # fmt: skip


def pack_rows(name: str) -> Iterator[tuple[str, list[Row]]]:
    """Training and validation rows of a task of the pack, and tests of its first two languages."""
    corpora, card = Corpora(PACK), CATALOGUE[name]
    for split in ("train", "validation"):
        if corpora.has(card, split, "en"):  # type: ignore[arg-type]
            yield split, corpora.rows(card, split, "en")  # type: ignore[arg-type]
    for language in corpora.test_languages(card)[:2]:
        if name == "tydiqa_goldp":  # its test answers are blank in the pack
            with pytest.raises(MetaselectError, match="withheld"):
                corpora.rows(card, "test", language)
        else:
            yield f"test.{language}", corpora.rows(card, "test", language)


def fits(card: TaskCard, row: Row) -> bool:
    """Whether a row has what the card's head reads: label, choice, tags or answer in range."""
    match row:
        case Labelled() if card.head == "classification":
            return all(row.texts) and row.label in range(len(card.labels))
        case Labelled():
            return all(row.texts) and math.isfinite(row.label)
        case MultipleChoice():
            return len(row.choices) == card.n_choices and row.label in range(len(row.choices))
        case Tagged():
            return len(row.tokens) == len(row.tags) > 0
        case Question():
            starts = zip(row.answers, row.starts, strict=True)
            return all(row.context[at : at + len(text)] == text for text, at in starts)
        case Pair():
            return bool(row.source and row.target)


@pytest.mark.skipif(not PACK_TASKS, reason=f"no task data at {PACK}; METASELECT_PACK names it")
def test_the_data_pack_has_eighty_one_tasks() -> None:
    assert len(PACK_TASKS) == 81


@pytest.mark.parametrize("name", PACK_TASKS)
def test_a_task_of_the_data_pack_is_read_through_its_card(name: str) -> None:
    card = CATALOGUE[name]
    read = dict(pack_rows(name))
    n_tests = 0 if name == "tydiqa_goldp" else 2 * (len(card.languages) > 1)
    n_trained = 0 if card.train_size == 0 or name == "lareqa_xquad_r" else 2  # LAReQA has SQuAD's
    assert len(read) == n_trained + n_tests
    for split, rows in read.items():
        assert {type(row) for row in rows} == {ROW_OF_HEAD[card.head]}, split
        assert [row for row in rows if not fits(card, row)] == [], split
