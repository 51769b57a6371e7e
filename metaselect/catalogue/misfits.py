"""Rows that are meant for a head but not written as it is read, and how to write them."""

import re
from collections.abc import Sequence

from metaselect.catalogue.cells import all_are, median_words, values_of
from metaselect.catalogue.datafile import DataFile, Row

_WORDS = ("tokens", "words")
_TAGS = ("ner_tags", "tags", "pos_tags", "upos")
_A_TAG = re.compile(r"[BIESLUM][-_].+|[^a-z]+")  # B-LOC, O, NOUN
_NEARLY_ALL = 0.95  # of the rows
_LONGEST_NAME = 6  # words from which a column's name is taken for a text
_MOST_LETTERS = 60  # above which it is too
_TWO_LISTS = (
    'two lists a row, in JSON lines such as {"tokens": ["In", "Rome"], "tags": ["O", "B-LOC"]}'
)


def misfit(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    """How to write questions with answers, or words with tags, where they are written otherwise.

    For rows that no head of questions or tags could read.
    """
    if {"question", "context"} <= {*names} and ("answer_start" in names or _answer_list(rows)):
        return (
            "questions on a context need their answers in one column, such as "
            '"answers": {"text": ["Rome"], "answer_start": [17]}'
        )
    words, tags = (
        next((name for name in known if name in names), None) for known in (_WORDS, _TAGS)
    )
    if words is None or tags is None:
        return None
    if all_are(str, values_of(rows, words)) or all_are(str, values_of(rows, tags)):
        return f'{words} and {tags} need lists, such as ["In", "Rome"] and ["O", "B-LOC"]'
    for number, row in enumerate(rows, start=1):
        one, other = row.get(words), row.get(tags)
        if isinstance(one, list) and isinstance(other, list) and len(one) != len(other):
            return (
                f"row {number} of those read has {len(one)} {words} and {len(other)} {tags}: as "
                "many are needed"
            )
    return None


def nested_misfit(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    """How to write labels that are spans or several a row, where no column is a label."""
    for name in names:
        values = values_of(rows, name)
        inner = [item for value in values if isinstance(value, list) for item in value]
        if name == "data" and inner and all(isinstance(item, dict) for item in inner):
            return "a question a line is needed, with its context and answers, not the whole file"
        if inner and all(isinstance(item, dict) and {"start", "end"} <= {*item} for item in inner):
            return (
                f"{name} are spans: write lists of tokens and of tags in their place, such as "
                '["In", "Rome"] and ["O", "B-LOC"]'
            )
        if name in ("label", "labels") and inner:
            return f"{name} is a list: one label a row is needed"
    return None


def _answer_list(rows: Sequence[Row]) -> bool:
    """Whether answers are a list of records."""
    values = values_of(rows, "answers")
    return all_are(list, values) and any(
        isinstance(item, dict) and "answer_start" in item for value in values for item in value
    )


def spaced_tags(rows: Sequence[Row], names: Sequence[str], label: str | None) -> str | None:
    """How to write a column of texts and a label of as many tags with spaces between them."""
    texts = [name for name in names if all_are(str, values_of(rows, name))]
    texts = [name for name in texts if median_words(rows, name) >= 2]
    marks = {item: {word for row in rows for word in str(row.get(item)).split()} for item in texts}
    for tags in [name for name in texts if label in (None, name)]:
        if not all(map(_A_TAG.fullmatch, marks[tags])):
            continue
        for words in texts:
            if len(marks[words]) > len(marks[tags]) and _nearly_as_long(rows, words, tags):
                return (
                    f"{tags!r} looks like a tag for each word of {words!r}: write {_TWO_LISTS}, or "
                    "say --head classification if each of its values is a class"
                )
    return None


def _nearly_as_long(rows: Sequence[Row], one: str, other: str) -> bool:
    alike = sum(len(str(row.get(one)).split()) == len(str(row.get(other)).split()) for row in rows)
    return alike >= _NEARLY_ALL * len(rows)


def token_misfit(data: DataFile, texts: Sequence[str], label: str) -> str | None:
    """How to write the rows of a file with a token and its tag a line, as CoNLL has them."""
    words = [str(value) for name in texts for value in values_of(data.rows, name)]
    if any(len(word.split()) > 1 for word in words):
        return None
    tags = {str(value) for value in values_of(data.rows, label)}
    spans = all(map(_A_TAG.fullmatch, tags)) and any(tag[1:2] in ("-", "_") for tag in tags)
    if not spans and not _has_gaps(data):
        return None
    return f"a line is a token with its tag, {label!r}: take a row a sentence, with {_TWO_LISTS}"


def _has_gaps(data: DataFile) -> bool:
    """Whether a table has empty lines between some of its rows, and not between all."""
    if data.path.suffix not in (".csv", ".tsv"):
        return False
    n_gaps = len(re.findall(r"\n\s*\n", data.path.read_text(encoding="utf-8").strip()))
    return 0 < n_gaps < data.n_rows / 2


def first_line_misfit(data: DataFile, texts: Sequence[str], label: str | None) -> str | None:
    """That the first line of a table is a row: its label, or a text as long as no name is.

    Args:
        data: The file.
        texts: Columns that were guessed to be texts.
        label: Column that was guessed to be the label; None where it was named.
    """
    numbers = [str(place) for place in range(len(data.columns))]  # as pandas names columns
    if data.path.suffix not in (".csv", ".tsv") or data.columns == numbers:
        return None
    known = label is not None and label in map(str, values_of(data.rows, label))
    rows = [str(label)] if known else []
    rows += [name for name in texts if _is_long(name)]
    if not rows:
        return None
    return (
        f"its first line names the columns, but {shortened(rows[0])!r} looks like a row's. Put a "
        "line such as text,label above it, or name the columns with --text and --label"
    )


def _is_long(name: str) -> bool:
    return len(name.split()) >= _LONGEST_NAME or len(name) > _MOST_LETTERS


def shortened(name: str) -> str:
    """A name or value of at most 60 letters, and dots where it is longer."""
    return name if len(name) <= _MOST_LETTERS else f"{name[:_MOST_LETTERS]}..."
