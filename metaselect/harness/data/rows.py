"""Rows of a task as plain records, whatever its columns are called.

A card lists layouts: which columns hold the texts, the label, the choices. The first layout whose
columns are all there reads the rows. Labels become indices into the card's labels; a label that
the card does not know is refused, since a silent mix-up of classes looks like a bad encoder.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaselect.catalogue.tasks import Head, Layout, TaskCard
from metaselect.errors import MetaselectError

log = logging.getLogger(__name__)

UNLABELLED = -1
"""What the hub has for a class that is not known."""

COPA_QUESTIONS = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}
"""How COPA's authors word the two values of its question column (Roemmele et al. 2011)."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One or two texts with a class index, or with a number for regression."""

    texts: tuple[str, ...]
    label: float


@dataclass(frozen=True, slots=True)
class MultipleChoice:
    """A text with answers to choose from; label is the index of the right one."""

    text: str
    choices: tuple[str, ...]
    label: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question on a context; no answers means that it cannot be answered."""

    key: str
    question: str
    context: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """Words with one tag index each."""

    tokens: tuple[str, ...]
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts that belong together; pairs of one group answer each other.

    Either text may be empty: BUCC's pool has sentences without a translation.
    """

    source: str
    target: str
    group: str


Row = Labelled | MultipleChoice | Question | Tagged | Pair


def read_rows(
    card: TaskCard, table: Sequence[Mapping[str, Any]], *, where: str, drop_unlabelled: bool
) -> list[Row]:
    """Normalise raw rows by the first of the card's layouts whose columns are there.

    Args:
        card: Names the head, labels and layouts.
        table: Raw rows, column name to value.
        where: Names the file or split in errors.
        drop_unlabelled: Whether rows with the label -1 are left out, counted in a warning, where
            others have a label: annotators of SNLI did not agree on all. Else they are refused.

    Raises:
        MetaselectError: No rows, no layout fits, or a value that the card does not allow.
    """
    if not table:
        raise MetaselectError(f"{where} has no rows.")
    layout = _fitting_layout(card, table[0], where)
    read = _READERS[card.head]
    left_out = _unlabelled(card, layout, table) if drop_unlabelled else frozenset()
    if left_out:
        log.warning("%s: %d of %d rows have no label and are left out", where, len(left_out),
                    len(table))  # fmt: skip
    rows: list[Row] = []
    for index, raw in enumerate(table):
        if index in left_out:
            continue
        try:
            rows.append(read(card, layout, raw, index))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MetaselectError(f"{where}, row {index + 1}: {error}.") from error
    return rows


def _unlabelled(
    card: TaskCard, layout: Layout, table: Sequence[Mapping[str, Any]]
) -> frozenset[int]:
    """Positions of rows whose class is -1; none where all are: their labels are withheld."""
    column = layout.label
    if column is None or card.head not in ("classification", "multiple-choice"):
        return frozenset()
    found = [
        index
        for index, raw in enumerate(table)
        if raw.get(column.split(".")[0]) is not None and cell(raw, column) == UNLABELLED
    ]
    return frozenset(found) if len(found) < len(table) else frozenset()


def _fitting_layout(card: TaskCard, raw: Mapping[str, Any], where: str) -> Layout:
    for layout in card.layouts:
        if layout.columns <= set(raw):
            return layout
    known = "; ".join(str(sorted(item.columns)) for item in card.layouts)
    raise MetaselectError(
        f"{where} has columns {sorted(raw)}; the card of {card.name} reads {known or 'none'}. "
        "Rename the columns, or add a layout in your own card (--tasks)."
    )


def cell(raw: Mapping[str, Any], column: str | None) -> Any:
    """A column's value; a dot reaches into a nested column."""
    value: Any = raw
    for part in (column or "").split("."):
        value = value[part]
    return value


def _position(value: Any, names: Sequence[str], *names_too: Sequence[str], card: TaskCard) -> int:
    """Index of a label: a number is the index itself, a string is looked up by name."""
    if isinstance(value, str):
        for known in (names, *names_too):
            if value in known:
                return list(known).index(value)
    elif isinstance(value, int | float) and value == int(value) and 0 <= value < len(names):
        return int(value)
    hint = " (withheld)" if value == UNLABELLED else ""
    raise ValueError(
        f"label {value!r}{hint} does not match the labels of {card.name}: {list(names)}"
    )


def _labelled(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> Labelled:
    texts = tuple(str(cell(raw, column)) for column in layout.text)
    value = cell(raw, layout.label)
    if card.head == "regression":
        return Labelled(texts, float(value))
    return Labelled(texts, _position(value, card.labels, layout.values, card=card))


def _choice(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> MultipleChoice:
    parts = [str(cell(raw, column)) for column in layout.text]
    text = " ".join(COPA_QUESTIONS.get(part, part) for part in parts)
    choices = _choice_texts(layout, raw)
    numbered = [str(number) for number in range(len(choices))]
    label = _position(cell(raw, layout.label), numbered, layout.values, card=card)
    return MultipleChoice(text, choices, label)


def _choice_texts(layout: Layout, raw: Mapping[str, Any]) -> tuple[str, ...]:
    if len(layout.choices) > 1:
        return tuple(str(cell(raw, column)) for column in layout.choices)
    return tuple(str(item) for item in cell(raw, layout.choices[0]))


def _question(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> Question:
    question, context = (str(cell(raw, column)) for column in layout.text)
    answers = cell(raw, layout.label)
    texts = tuple(str(text) for text in answers["text"])
    starts = tuple(int(start) for start in answers["answer_start"])
    if len(texts) != len(starts):
        raise ValueError(f"{len(texts)} answers but {len(starts)} offsets")
    if texts and not any(text.strip() for text in texts):
        raise ValueError("blank answer (withheld); one without an answer has an empty list")
    key = str(cell(raw, layout.groups)) if layout.groups else str(index)
    return Question(key, question, context, texts, starts)


def _tagged(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> Tagged:
    tokens = tuple(str(token) for token in cell(raw, layout.text[0]))
    values = cell(raw, layout.label)
    tags = tuple(_position(tag, card.labels, layout.values, card=card) for tag in values)
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} words but {len(tags)} tags")
    return Tagged(tokens, tags)


def _pair(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> Pair:
    source = " ".join(str(cell(raw, column) or "") for column in layout.text)
    target = str(cell(raw, layout.label) or "") if layout.label else ""
    return Pair(source, target, str(cell(raw, layout.groups)) if layout.groups else str(index))


_READERS: Mapping[Head, Callable[[TaskCard, Layout, Mapping[str, Any], int], Row]] = {
    "classification": _labelled,
    "regression": _labelled,
    "multiple-choice": _choice,
    "extractive-qa": _question,
    "tagging": _tagged,
    "sentence-retrieval": _pair,
    "answer-retrieval": _pair,
    "entity-retrieval": _pair,
}


def question_pairs(questions: Iterable[Question]) -> list[Pair]:
    """Question and the sentence that holds its answer: how LAReQA trains on SQuAD.

    Unanswerable questions are left out. Sentences end at `.`, `!` or `?` before white space.
    """
    return [
        Pair(item.question, sentence_at(item.context, item.starts[0]), item.key)
        for item in questions
        if item.starts
    ]


def sentence_at(text: str, position: int) -> str:
    """The sentence of `text` that covers a character position.

    Example:
        >>> sentence_at("It rains. We stay in. Why?", 12)
        'We stay in.'
    """
    ends = [i + 1 for i in range(len(text) - 1) if text[i] in ".!?" and text[i + 1].isspace()]
    start = max((end for end in ends if end <= position), default=0)
    stop = min((end for end in ends if end > position), default=len(text))
    return text[start:stop].strip()
