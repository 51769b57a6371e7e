"""A card from rows: the head, the kind and the columns of small tables of every sort."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.kinds import Shape, kind_of_same_data
from metaselect.catalogue.newtask import METRICS, Overrules, guess_task
from metaselect.errors import MetaselectError

PACK = Path(os.environ.get("METASELECT_PACK", Path(__file__).parents[3] / "shared" / "pack"))
TEXTS = [f"the {noun} {verb} in the park" for noun in ("cat", "dog") for verb in ("runs", "sits")]


def _rows(labels, **columns):
    """Twenty rows, the values of each column in turn."""
    every = {**columns, "label": labels}
    return [
        {name: values[place % len(values)] for name, values in every.items()} for place in range(20)
    ]


def _unique(**columns):
    """Nine rows, each with texts of its own; None stays."""
    return [
        {name: value and f"{value} {place}" for name, value in columns.items()}
        for place in range(9)
    ]


PAIR = {"sentence1": TEXTS, "sentence2": TEXTS[::-1]}
WORDS = [text.split() for text in TEXTS]
ANSWER = {"text": ["cat"], "answer_start": [4]}
TABLES = {
    "sentiment": (_rows(["positive", "negative"], text=TEXTS), "classification", "sentiment"),
    "emotion": (_rows(["joy", "anger", "fear"], tweet=TEXTS), "classification", "emotion"),
    "topic": (_rows(["Sports", "Sci/Tech", "World"], text=TEXTS), "classification", "topic"),
    "hate": (_rows(["hateful", "non-hateful"], text=TEXTS), "classification", "abusive-language"),
    "intents": (
        _rows([f"intent {number}" for number in range(12)][:10] + ["x"] * 9 + ["y"], text=TEXTS),
        "classification",
        "intent",
    ),
    "nli": (
        _rows(["entailment", "neutral", "contradiction"], **PAIR), "classification", "nli"
    ),
    "paraphrase": (_rows([0, 1], **PAIR), "classification", "paraphrase"),
    "similarity": (_rows([0.5, 1.25, 3.0, 4.5], **PAIR), "regression", "similarity"),
    "word sense": (_rows([True, False], word=["cat"], **PAIR), "classification", "word-sense"),
    "yes or no": (
        _rows([True, False], question=TEXTS, passage=TEXTS), "classification", "yes-no-qa"
    ),
    "words": (
        _rows([0.1, 0.25, 0.3], sentence1=["cat"], sentence2=["dog", "park"]),
        "regression",
        "word-similarity",
    ),
    "spans": (
        _rows([ANSWER], question=TEXTS, context=TEXTS), "extractive-qa", "extractive-qa"
    ),
    "entities": (
        _rows([["O", "B-PER", "I-PER", "O", "O", "B-LOC"]], tokens=WORDS), "tagging", "ner"
    ),
    "slots": (
        _rows([["O", *(f"B-{place}{number}" for place in "abcde")] for number in range(3)],
              tokens=WORDS),
        "tagging",
        "slot-filling",
    ),
    "words' classes": (
        _rows([["DET", "NOUN", "VERB", "ADP", "DET", "NOUN"]], tokens=WORDS),
        "tagging",
        "pos-tagging",
    ),
    "choices": (
        _rows([0, 1], premise=TEXTS, choice1=TEXTS, choice2=TEXTS[::-1]),
        "multiple-choice",
        "commonsense",
    ),
    "a list of choices": (
        _rows(["A", "B"], question=TEXTS, options=[TEXTS[:3]]), "multiple-choice", "commonsense"
    ),
}  # fmt: skip


def _guessed(folder, rows, **overrules):
    folder.mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "train.jsonl").write_text(text, encoding="utf-8")
    return guess_task(folder, shipped_catalogue(), Overrules(**overrules))


@pytest.mark.parametrize("name", TABLES)
def test_head_and_kind_of_a_small_table(tmp_path, name):
    rows, head, kind = TABLES[name]
    found = _guessed(tmp_path / "mine", rows)
    assert (found.card.head, found.card.kind) == (head, kind)
    assert (found.card.name, found.card.train_size, found.n_unlabelled) == ("mine", 20, 0)


def test_the_card_says_columns_labels_and_metric(tmp_path):
    rows = _rows(["positive"] * 3 + ["negative"], id=range(20), review=TEXTS)
    found = _guessed(tmp_path / "My Täsk", rows)
    card = found.card
    assert card.name == "my_t_sk"
    assert card.labels == ("negative", "positive")
    assert (card.layouts[0].text, card.layouts[0].label) == (("review",), "label")
    assert card.metric == "macro_f1"  # 3 in 4 are of one class: 0.81 bits of 1
    assert found.label_entropy == pytest.approx(-0.75 * math.log2(0.75) + 0.25 * 2)
    assert found.mean_words == found.median_words == 6  # the cat runs in the park
    assert not found.by_likeness


def test_what_is_named_overrules_the_guess(tmp_path):
    rows = _rows(["positive", "negative"], text=TEXTS, other=TEXTS, second=["a", "b", "c"])
    found = _guessed(
        tmp_path / "mine", rows, kind="topic", text=["other"], label="second", metric="macro_f1"
    )
    layout = found.card.layouts[0]
    assert (found.card.kind, found.card.metric) == ("topic", "macro_f1")
    assert (layout.text, layout.label) == (("other",), "second")


ENDINGS = {"ending1": TEXTS, "ending2": TEXTS[::-1]}


@pytest.mark.parametrize(
    ("rows", "guess", "head", "text"),
    [
        (_rows([1, 2, 3, 4, 5], text=TEXTS), "classification", "regression", ("text",)),
        (
            [row | {"label": place} for place in range(25) for row in _rows([0], text=TEXTS)[:2]],
            "regression", "classification", ("text",),
        ),
        (_rows([0, 1], **ENDINGS), "multiple-choice", "classification", tuple(ENDINGS)),
        (_rows([0, 1], premise=TEXTS, **PAIR), "classification", "multiple-choice", ("premise",)),
        (
            [row | {"kind": "ab"[place % 2], "text": "a b"} for place, row in enumerate(
                _rows([["O", "B-X"]], tokens=[["a", "b"]]))],
            "tagging", "classification", ("text",),
        ),
    ],
)  # fmt: skip
def test_a_head_that_is_named_overrules_the_guess(tmp_path, rows, guess, head, text):
    assert _guessed(tmp_path / "mine", rows).card.head == guess
    more = {"label": "kind"} if "kind" in rows[0] else {}
    found = _guessed(tmp_path / "mine", rows, head=head.upper(), **more).card
    assert (found.head, found.layouts[0].text) == (head, text)
    assert found.metric in METRICS[head]
    assert bool(found.labels) == (head == "classification")


@pytest.mark.parametrize(
    ("stem", "labels", "head"),
    [
        ("complaint_{}", [1.6, 0.4, 2.0], "regression"),
        ("answer{}", [1.6, 0.4, 2.0], "regression"),
        ("answer{}", [0, 1, 2, 3], "classification"),
        ("ticket{}", [1, 2], "classification"),
        ("ticket{}", ["A", "B"], "multiple-choice"),
        ("ticket{}", ["ticketa", "ticketb"], "multiple-choice"),
        ("option_{}", [1, 2], "multiple-choice"),
    ],
)
def test_two_numbered_texts_are_a_pair_unless_the_label_picks_one(tmp_path, stem, labels, head):
    names = stem.format("a"), stem.format("b")
    rows = _rows(labels, subject=TEXTS, **dict(zip(names, (TEXTS, TEXTS[::-1]), strict=True)))
    card = _guessed(tmp_path / "mine", rows).card
    layout = card.layouts[0]
    assert card.head == head
    assert names == (layout.choices if head == "multiple-choice" else layout.text)


def test_tags_in_one_string_are_said_to_need_lists(tmp_path):
    rows = [{"text": f"I like camera {i}", "entities": "O O B-ITEM I-ITEM"} for i in range(9)]
    told = r"'entities' looks like a tag for each word of 'text': write two lists a row, in JSON"
    for overrules in ({}, {"label": "entities"}):
        with pytest.raises(MetaselectError, match=told):
            _guessed(tmp_path / "mine", [*rows, {"text": "b a", "entities": "O O"}], **overrules)
    swapped = [{"first": f"a b {i}", "second": f"b a {i}", "label": i % 2} for i in range(9)]
    assert _guessed(tmp_path / "mine", swapped).card.head == "classification"


@pytest.mark.parametrize("first", ["token\ttag", "In\tO"])
@pytest.mark.parametrize("tag", ["B-LOC", "noun"])
def test_a_file_with_a_token_a_line_says_how_rows_should_look(tmp_path, first, tag):
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join([first, *[f"In\tO\nRome\t{tag}\nit\tO\n"] * 9]), encoding="utf-8")
    told = r"a line is a token with its tag, '(tag|O)': take a row a sentence, with two lists a row"
    with pytest.raises(MetaselectError, match=told):
        guess_task(path, shipped_catalogue(), Overrules())


@pytest.mark.parametrize("between", ["\n", "\n\n"])  # pandas' own on Windows parts all rows
def test_words_with_classes_are_classified(tmp_path, between):
    path = tmp_path / "mine.csv"
    path.write_text("word,label\n" + between.join(["Rome,city", "Po,river"] * 9), encoding="utf-8")
    assert guess_task(path, shipped_catalogue(), Overrules()).card.head == "classification"


def test_rows_that_repeat_another_are_counted(tmp_path):
    rows = [{"text": f"a {i}", "label": i % 2} for i in range(6)]
    assert _guessed(tmp_path / "a", rows * 3).n_repeats == 12
    assert _guessed(tmp_path / "b", [*rows, {"text": "a 0", "label": 1}]).n_repeats == 0


def test_a_name_that_the_catalogue_has_is_not_taken(tmp_path):
    rows = TABLES["nli"][0]
    assert _guessed(tmp_path / "xnli", rows).card.name == "my-xnli"
    assert _guessed(tmp_path / "direct", rows).card.name == "my-direct"
    assert _guessed(tmp_path / "日本", rows).card.name == "task"


def test_letters_for_choices_are_kept_in_order(tmp_path):
    found = _guessed(tmp_path / "mine", TABLES["a list of choices"][0])
    assert found.card.layouts[0].values == ("A", "B")
    assert found.card.n_choices == 3


def test_rows_without_a_label_are_counted(tmp_path):
    rows = _rows([0, 1, -1, None], text=TEXTS)
    found = _guessed(tmp_path / "mine", rows)
    assert found.n_unlabelled == found.card.train_size == 10  # half of twenty
    assert found.card.labels == ("0", "1")


def test_rows_without_a_label_beyond_those_read_are_estimated(tmp_path):
    rows = _rows([0, 1, None, None], text=TEXTS) * 2001  # 40,020 rows, of which each third is read
    found = _guessed(tmp_path / "mine", rows)
    assert len(found.data.rows) == 13_340
    assert found.card.train_size == 20_010


def test_labels_that_differ_in_case_or_spaces_alone_are_found(tmp_path):
    labels = ["card", "LOAN ", "loan"]
    assert _guessed(tmp_path / "a", _rows(labels, text=TEXTS)).variants == ("LOAN ", "loan")
    assert _guessed(tmp_path / "b", _rows(["+", "-"], text=TEXTS)).variants is None


def test_one_endless_row_does_not_move_the_guess(tmp_path):
    rows = _rows([f"intent {number}" for number in range(12)][:10] + ["x"] * 9 + ["y"], text=TEXTS)
    rows[0] = {**rows[0], "text": "word " * 30_000}
    found = _guessed(tmp_path / "mine", rows)
    assert found.card.kind == "intent"  # short texts, though 1,506 words in the mean
    assert (found.mean_words, found.median_words) == (6, 6)
    assert (found.most_words, found.n_long) == (30_000, 1)


@pytest.mark.parametrize(
    ("rows", "overrules", "message"),
    [
        (_rows(["x"], text=TEXTS), {}, "label column 'label' has one value alone, 'x'"),
        (_rows([0, 1], text=TEXTS), {"label": "lable"}, "no column 'lable' .*Did you mean label"),
        (_rows([0, 1], text=TEXTS), {"text": ["txt"]}, "no column 'txt' .*Did you mean text"),
        (_rows([0, 1], text=TEXTS), {"kind": "nil"}, "--kind is one of .*, not 'nil'"),
        (_rows([0, 1], text=TEXTS), {"kind": "sentimnt"}, r"'sentimnt'\. Did you mean sentiment"),
        (_rows([0, 1], text=TEXTS), {"text": []}, "--text names no column. There are: "),
        (_rows([0, 1], text=TEXTS), {"head": "tags"}, "--head is one of classification, regressio"),
        (
            _rows([0, 1], text=TEXTS),
            {"head": "tagging"},
            "--head tagging needs two lists of one le",
        ),
        (
            _rows([0, 1], text=TEXTS),
            {"head": "extractive-qa"},
            "needs columns question and context",
        ),
        (
            _rows([0, 1], text=TEXTS),
            {"head": "multiple-choice"},
            "needs a list of choices, or colu",
        ),
        (
            _rows(["a", "b"], text=TEXTS),
            {"head": "regression"},
            "needs numbers, and the label colu",
        ),
        (
            _rows([["O", "B-X"]], tokens=[["a", "b"]], text=TEXTS),
            {"head": "classification", "label": "label"},
            "needs one label a row, and 'label' has lists",
        ),
        (_rows([0.5, 1.5, float("inf")], text=TEXTS), {}, "has infinite numbers. Take these rows"),
        (
            [
                {
                    "question": f"a {i}",
                    "context": "b c",
                    "answer": "c",
                    "answer_start": 2,
                    "n": i % 2,
                }
                for i in range(9)
            ],
            {},
            "need their answers in one column, such as",
        ),
        (
            [
                {
                    "question": f"a {i}",
                    "context": "b c",
                    "answers": [{"text": "c", "answer_start": 2}],
                }
                for i in range(9)
            ],
            {},
            "need their answers in one column, such as",
        ),
        (
            [{"tokens": "a b", "ner_tags": "O B-PER"}, {"tokens": "a c", "ner_tags": "O O"}] * 9,
            {},
            r'tokens and ner_tags need lists, such as \["In", "Rome"\] and',
        ),
        (
            [{"tokens": ["a", "b"], "tags": tags} for tags in (["O", "O"], ["O"])],
            {},
            "row 2 of those read has 2 tokens and 1 tags: as many are needed",
        ),
        (
            [
                {"text": f"a {i}", "entities": [{"start": 0, "end": 1, "label": "PER"}]}
                for i in range(9)
            ],
            {},
            "entities are spans: write lists of tokens and of tags",
        ),
        (
            [{"text": f"a {i}", "labels": ["x", "y"][: 1 + i % 2]} for i in range(9)],
            {},
            "labels is a list: one label a row is needed",
        ),
        ([{"data": [{"paragraphs": []}], "version": "1.1"}], {}, "a question a line is needed"),
        (_rows([0, 1], text=TEXTS), {"metric": "bleu"}, "--metric of a classification task is"),
        ([{"first": f"a {i}", "second": f"b {i}"} for i in range(9)], {}, "looks like a label"),
        (_rows([0, 1], number=[1.5, 2.5]), {}, "looks like a text beside the label"),
        (_rows([None], text=TEXTS), {"label": "label"}, "label column 'label' is empty"),
        (_rows([None], text=TEXTS), {}, "label column 'label' is empty. Fill it"),
        (_unique(text="a"), {}, "a label column is missing beside text. Add one"),
        (_unique(premise="a", hypothesis="b"), {}, "missing beside premise, hypothesis"),
        (
            _unique(first="a", second="b", verdict=None),
            {},
            "second is a text; verdict is empty. Name",
        ),
        (
            [{"ticket_no": 1000 + i, "text": f"a {i}", "queue": "bill"} for i in range(30)],
            {},
            "ticket_no is different in each row; text is a text; queue has one value alone, 'bill'",
        ),
        (
            [{"text": f"a {i}", "ticket_no": 1000 + i} for i in range(30)],
            {},
            r"missing beside text \(ticket_no is different in each row\)\. Add .*--label",
        ),
        (
            [{"text": f"a {i}", "label": i} for i in range(30)],
            {},
            r"missing beside text \(label is different in each row\)",
        ),
        (
            [{"text": f"a {i}", "ticket": f"T{i}"} for i in range(30)],
            {"label": "ticket"},
            "label column 'ticket' is different in each of 30 rows, as an id is",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, rows, overrules, message):
    with pytest.raises(MetaselectError, match=message) as told:
        _guessed(tmp_path / "mine", rows, **overrules)
    assert "\n" not in str(told.value)


def test_a_kind_is_known_in_any_case(tmp_path):
    assert _guessed(tmp_path / "mine", TABLES["nli"][0], kind="Topic").card.kind == "topic"


def test_a_label_that_hardly_repeats_is_counted(tmp_path):
    numbers = [{"text": f"a {i}", "ticket_no": 1000 + i} for i in range(30)]
    assert _guessed(tmp_path / "a", numbers, label="ticket_no").n_rare == 30
    pairs = [{"text": f"a {i}", "label": f"T{min(i, 27)}"} for i in range(30)]  # 28 in 30 rows
    assert _guessed(tmp_path / "b", pairs, label="label").n_rare == 28
    assert _guessed(tmp_path / "c", TABLES["nli"][0]).n_rare is None


def test_amounts_with_a_fraction_may_all_differ(tmp_path):
    rows = [{"text": f"a {i}", "ticket_no": i, "ease": i + 0.5} for i in range(30)]
    found = _guessed(tmp_path / "mine", rows)
    assert (found.card.head, found.card.layouts[0].label) == ("regression", "ease")
    assert found.n_rare is None


def _table(folder, *lines):
    path = folder / "mine.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("first", "named"), [("fine,pos", "pos"), ("a film that I would see again,no", "a film that I")]
)
def test_a_table_whose_first_line_is_a_row_is_refused(tmp_path, first, named):
    rows = [f"film {place},{label}" for place, label in enumerate(["pos", "neg"] * 4)]
    path = _table(tmp_path, first, *rows)
    with pytest.raises(MetaselectError, match=f"'{named}.* looks like a row's. Put a line such as"):
        guess_task(path, shipped_catalogue(), Overrules())
    text, label = first.split(",")
    found = guess_task(path, shipped_catalogue(), Overrules(text=[text], label=label))
    assert found.card.layouts[0].label == label  # as named


def test_columns_that_pandas_numbers_are_names(tmp_path):
    path = _table(tmp_path, "0,1", *(f"film {place},{place % 2}" for place in range(8)))
    layout = guess_task(path, shipped_catalogue(), Overrules()).card.layouts[0]
    assert (layout.text, layout.label) == (("0",), "1")


@pytest.mark.skipif(not PACK.is_dir(), reason="the data pack is not here")
@pytest.mark.parametrize(
    "name",
    ["rte", "copa", "cb", "sib200", "xsid_intent", "sick", "udpos", "wic", "stsb_mt", "squad"],
)
def test_real_tasks_are_known_without_their_own_profile(name):
    cards = shipped_catalogue()
    unseen = {other for other in cards if cards.share_training(name, other)}
    found = guess_task(PACK / name, cards, Overrules(), unseen=unseen)
    assert (found.card.head, found.card.kind) == (cards[name].head, cards[name].kind)
    assert not set(found.likeness) & unseen


@pytest.mark.skipif(not PACK.is_dir(), reason="the data pack is not here")
def test_real_data_are_most_like_themselves():
    likeness = guess_task(PACK / "wnut17", shipped_catalogue(), Overrules()).likeness
    assert next(iter(likeness)) == "wnut17"
    assert likeness["wnut17"] == pytest.approx(1.0, abs=0.001)
    assert sorted(likeness.values())[-2] < 0.8


def test_texts_of_a_known_task_have_its_kind():
    shape = Shape("classification", ("a", "b"), "y", ("0", "1"), False, 40.0, 40.0, (20.0, 20.0))
    votes = {"pawsx": 0.95, "qnli": 0.4}
    kind, because = kind_of_same_data(shape, votes, shipped_catalogue())
    assert (kind, because) == ("paraphrase", "the texts are like those of pawsx")
    assert kind_of_same_data(shape, {"pawsx": 0.7}, shipped_catalogue()) is None
    assert kind_of_same_data(replace(shape, head="tagging"), votes, shipped_catalogue()) is None
    assert kind_of_same_data(shape, {}, shipped_catalogue()) is None


@pytest.mark.parametrize(
    ("column", "kind"), [("topic", "topic"), ("Intent", "intent"), ("label", None)]
)
def test_a_label_column_that_is_called_as_a_kind_is_of_that_kind(tmp_path, column, kind):
    rows = [{"text": f"the parcel {i} came late", column: f"group{i % 4}"} for i in range(80)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = guess_task(tmp_path, shipped_catalogue(), Overrules())
    assert found.by_likeness == (kind is None)
    assert kind in (None, found.card.kind)
