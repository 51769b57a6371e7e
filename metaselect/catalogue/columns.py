"""Which columns of a table hold the texts, the label and the choices, and so which head it takes.

Known names come first, then what the values look like. Whoever knows better names the columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from metaselect.catalogue.cells import (
    all_are,
    are_amounts,
    are_numbers,
    cell_of,
    median_words,
    tells_rows_apart,
    values_of,
)
from metaselect.catalogue.columnnames import (
    BESIDE,
    LABELS,
    PAIRS,
    TAGS,
    TEXTS,
    WORDS,
    are_choices,
    is_id,
    named,
    numbered,
)
from metaselect.catalogue.datafile import DataFile, Row
from metaselect.catalogue.misfits import (
    first_line_misfit,
    misfit,
    nested_misfit,
    shortened,
    spaced_tags,
    token_misfit,
)
from metaselect.catalogue.tasks import Head
from metaselect.errors import MetaselectError, nearest

_MOST_CLASSES = 200  # above which a column of texts is no label
_A_TEXT = "is a text"
_IN_EACH = "is different in each row"
_IN_NEARLY_EACH = "is different in nearly each row"
_AN_ID = "goes by an id's name"
_LIKE_AN_ID = (_IN_EACH, _IN_NEARLY_EACH, _AN_ID)


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column is.

    Attributes:
        head: The output that the label asks for.
        text: Columns of the texts, first, second, ...
        label: Column of the label; nested ones by a dot.
        choices: One column with a list, or several, for multiple choice.
        groups: Column that ties rows together, for questions.
    """

    head: Head
    text: tuple[str, ...]
    label: str
    choices: tuple[str, ...] = ()
    groups: str | None = None


def find_columns(
    data: DataFile,
    *,
    head: Head | None = None,
    text: Sequence[str] | None = None,
    label: str | None = None,
) -> Columns:
    """Guess the columns of a table; what is named is taken as named.

    Raises:
        MetaselectError: A named column is not there, no column looks like a label or a text, the
            columns are none of the head named, or the first line of a CSV or TSV looks like a row.
    """
    for option, names in (("--text", text or ()), ("--label", () if label is None else (label,))):
        for name in names:
            if name not in data.columns:
                raise MetaselectError(
                    f"{data.path} has no column {name!r} ({option}).{nearest(name, data.columns)} "
                    f"There are: {', '.join(data.columns)}."
                )
    if text is not None and not text:
        raise MetaselectError(f"--text names no column. There are: {', '.join(data.columns)}.")
    found = _guessed(data, label, text) if head is None else _of_head(head, data, label, text)
    found = found if text is None else replace(found, text=tuple(text))
    guessed = () if text else found.text, None if label else found.label
    if how := first_line_misfit(data, *guessed):
        raise MetaselectError(f"{data.path}: {how}.")
    return found


def _guessed(data: DataFile, label: str | None, text: Sequence[str] | None) -> Columns:
    """The columns of the first head that they fit."""
    rows, names = data.rows, data.columns
    found = _questions(rows, names, label) or _tagging(rows, names, label)
    how = None if found or label else misfit(rows, names)
    how = how or (None if found else spaced_tags(rows, names, label))
    if found is None and how is None:
        found = _multiple_choice(rows, names, label) or _labelled(data, label, text)
        how = token_misfit(data, found.text, found.label)
    if found is None or how:
        raise MetaselectError(f"{data.path}: {how}.")
    return found


def _of_head(head: Head, data: DataFile, label: str | None, text: Sequence[str] | None) -> Columns:
    """The columns of a head that a user names."""
    if head in _NEEDS:
        needs, find = _NEEDS[head]
        found = find(data.rows, data.columns, label)
        if found is None:
            raise MetaselectError(f"{data.path}: --head {head} needs {needs}.")
        return found
    found = replace(_labelled(data, label, text), head=head)
    values = values_of(data.rows, found.label)
    if any(isinstance(value, list | dict) for value in values):
        raise MetaselectError(
            f"{data.path}: --head {head} needs one label a row, and {found.label!r} has lists. "
            "Name another with --label."
        )
    if head == "regression" and not are_numbers(values):
        raise MetaselectError(
            f"{data.path}: --head regression needs numbers, and the label column {found.label!r} "
            "has others. Name another with --label."
        )
    return found


def text_of(row: Row, columns: Columns) -> str:
    """All texts and choices of a row as one."""
    values = [cell_of(row, name) for name in (*columns.text, *columns.choices)]
    parts = [value if isinstance(value, list) else [value] for value in values]
    return " ".join(str(item) for part in parts for item in part if item is not None)


def _questions(rows: Sequence[Row], names: Sequence[str], label: str | None) -> Columns | None:
    """A question, its context, and answers with their places in it."""
    texts = named(names, ("question", "context"))
    for name in [label] if label else names:
        values = values_of(rows, name)
        nested = [value for value in values if isinstance(value, dict)]
        if len(texts) == 2 and nested and {"text", "answer_start"} <= set(nested[0]):
            groups = next(iter(named(names, ("id",))), None)
            return Columns("extractive-qa", tuple(texts), name, groups=groups)
    return None


def _tagging(rows: Sequence[Row], names: Sequence[str], label: str | None) -> Columns | None:
    """Two lists of one length in every row: words and tags."""
    lists = [name for name in names if all_are(list, values_of(rows, name))]
    if len(lists) < 2:
        return None
    variety = {
        name: len({str(item) for value in values_of(rows, name) for item in value})
        for name in lists
    }
    words = next(iter(named(lists, WORDS)), max(lists, key=lambda name: variety[name]))
    others = [name for name in lists if name != words and _as_long(rows, words, name)]
    tags = label or next(iter(named(others, TAGS)), None)
    tags = tags or min(others, key=lambda name: variety[name], default=None)
    return Columns("tagging", (words,), tags) if tags in others else None


def _as_long(rows: Sequence[Row], first: str, second: str) -> bool:
    pairs = [(row.get(first), row.get(second)) for row in rows]
    return all(
        isinstance(one, list) and isinstance(other, list) and len(one) == len(other)
        for one, other in pairs
    )


def _multiple_choice(
    rows: Sequence[Row], names: Sequence[str], label: str | None, *, paired: bool = False
) -> Columns | None:
    """A list of answers, or columns such as choice1 and choice2, and the place of the right one;
    columns that are mostly two texts of one row are answers with `paired` alone.
    """
    known = [label] if label else [*named(names, LABELS)]
    marks = None if paired or not known else values_of(rows, known[0])
    choices = _choice_columns(rows, names, marks)
    if not choices or not known:
        return None
    texts = [
        name
        for name in _text_columns(rows, names)
        if name not in (*choices, *known) and not is_id(name)
    ]
    return Columns("multiple-choice", tuple(texts[:2]), known[0], tuple(choices))


def _choice_columns(
    rows: Sequence[Row], names: Sequence[str], marks: Sequence[Any] | None
) -> list[str]:
    """The columns of the answers; by the labels, numbered ones may be two texts to compare."""
    for name in names:
        values = values_of(rows, name)
        if all_are(list, values) and all(len(value) > 1 and all_are(str, value)
                                          for value in values):  # fmt: skip
            return [name]
        if all_are(dict, values) and all(all_are(list, [value.get("text")]) for value in values):
            return [f"{name}.text"]
    alike = numbered(_text_columns(rows, names)).items()
    return next(
        (found for stem, found in alike if marks is None or are_choices(stem, found, marks)), []
    )


_NEEDS: Mapping[Head, tuple[str, Callable[..., Columns | None]]] = {
    "extractive-qa": (
        "columns question and context, and answers such as "
        '{"text": ["Rome"], "answer_start": [17]}',
        _questions,
    ),
    "tagging": (
        'two lists of one length a row, such as tokens ["In", "Rome"] and tags ["O", "B-LOC"]',
        _tagging,
    ),
    "multiple-choice": (
        "a list of choices, or columns such as choice1 and choice2, and the place of the right "
        "one, named with --label",
        partial(_multiple_choice, paired=True),
    ),
}
"""What rows of a head must have, and how it is found."""


def _labelled(data: DataFile, label: str | None, text: Sequence[str] | None) -> Columns:
    """Classes or numbers for one text or more."""
    rows, names = data.rows, data.columns
    column = label or _label_column(rows, [name for name in names if name not in (text or ())])
    if column is None:
        raise _no_label(data)
    texts = list(text or _texts(rows, [name for name in names if name != column]))
    if not texts:
        raise MetaselectError(
            f"{data.path}: none of its columns ({', '.join(names)}) looks like a text beside the "
            f"label {column!r}. Name it with --text COLUMN[,COLUMN]."
        )
    head: Head = "regression" if are_amounts(values_of(rows, column)) else "classification"
    return Columns(head, tuple(texts), column)


def _no_label(data: DataFile) -> MetaselectError:
    """Why no label was found: its column is empty, it is missing, or it is not known as one."""
    names = data.columns
    if how := nested_misfit(data.rows, names):
        return MetaselectError(f"{data.path}: {how}.")
    empty = [name for name in names if not values_of(data.rows, name)]
    if unfilled := named(empty, LABELS):
        return MetaselectError(
            f"{data.path}: the label column {unfilled[0]!r} is empty. Fill it, or name another "
            "with --label COLUMN."
        )
    why = {name: _why_no_label(data.rows, name) for name in names}
    texts = {*TEXTS, *BESIDE, *(name for pair in PAIRS for name in pair)}
    beside = [name for name in names if name.lower() in texts or why[name] == _A_TEXT]
    others = [name for name in names if name not in beside]
    known = len(beside) == 1 or all(name.lower() in texts for name in beside)
    if beside and known and all(why[name] in _LIKE_AN_ID for name in others):
        also = "; ".join(f"{name} {why[name]}" for name in others)
        return MetaselectError(
            f"{data.path}: a label column is missing beside {', '.join(beside)}"
            f"{f' ({also})' if also else ''}. Add one, such as label, with the right answer of "
            "each row and several rows of each class, or name it with --label COLUMN."
        )
    looked = "; ".join(f"{name} {reason}" for name, reason in why.items())
    return MetaselectError(
        f"{data.path}: none of its columns looks like a label: {looked}. Name it with --label "
        "COLUMN, or add one, such as label, with the right answer of each row."
    )


def _why_no_label(rows: Sequence[Row], name: str) -> str:
    """Why a column was not taken for the label, in words that follow its name."""
    values = values_of(rows, name)
    distinct = {str(value) for value in values}
    if not values:
        return "is empty"
    if len(distinct) == 1 and len(values) > 1:
        return f"has one value alone, {shortened(next(iter(distinct)))!r}"
    if all_are(str, values) and median_words(rows, name) >= 2:
        return _A_TEXT
    if tells_rows_apart(values):
        return _IN_EACH if len(distinct) == len(values) else _IN_NEARLY_EACH
    return _AN_ID if is_id(name) else f"has {len(distinct):,} different values"


def _label_column(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    known = [name for name in named(names, LABELS) if _may_be_label(values_of(rows, name), 1)]
    if known:
        return known[0]
    texts = {name for pair in PAIRS if len(found := named(names, pair)) == 2 for name in found}
    texts |= {*named(names, TEXTS)}
    variety = {
        name: len({str(value) for value in values_of(rows, name)})
        for name in names
        if name not in texts and not is_id(name) and _may_be_label(values_of(rows, name), 2)
    }
    several = {name: count for name, count in variety.items() if count > 1}
    return min(several, key=lambda name: several[name], default=None)


def _may_be_label(values: Sequence[Any], n_rows_each: int) -> bool:
    """Whether values are numbers, or names that stand in so many rows each, in the mean; none
    that tells rows apart.
    """
    if not values or any(isinstance(value, list | dict) for value in values):
        return False
    if tells_rows_apart(values):
        return False
    kinds = {str(value) for value in values}
    return are_numbers(values) or (
        len(kinds) <= _MOST_CLASSES and len(kinds) * n_rows_each <= len(values)
    )


def _texts(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    strings = _text_columns(rows, names)
    beside = named(strings, BESIDE)
    for pair in PAIRS:
        if len(found := named(strings, pair)) == 2:
            return [*named(beside, ("word",)), *found]
    for stem in numbered(strings).values():
        if all(median_words(rows, name) >= 2 for name in stem):
            return stem[:2]
    known = named(strings, TEXTS)[:1]
    if known:
        return known + beside
    worded = [name for name in strings if not is_id(name) and median_words(rows, name) >= 2]
    return worded[:2] or [name for name in strings if not is_id(name)][:2]


def _text_columns(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    return [name for name in names if all_are(str, values_of(rows, name))]
