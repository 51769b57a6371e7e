"""Rows that are meant for a head but not written as it is read, and how to write them."""

from collections.abc import Sequence

from metaselect.catalogue.cells import all_are, values_of
from metaselect.catalogue.datafile import Row

_WORDS = ("tokens", "words")
_TAGS = ("ner_tags", "tags", "pos_tags", "upos")


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
