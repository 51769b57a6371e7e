"""Raw rows into records: which columns are read, and every row that a card does not allow.

A card lists layouts: which columns hold the texts, the label, the choices. The first layout whose
columns are all there reads the rows. Labels become indices into the card's labels; a label that
the card does not know is refused, since a silent mix-up of classes looks like a bad encoder.

In training and test rows alike a number counts as its digits where a text belongs, and one of
several texts may be blank (QQP has such questions); a row with nothing to read is refused.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaselect.catalogue.tasks import Head, Layout, TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.data.rows import Labelled, MultipleChoice, Pair, Question, Row, Tagged

log = logging.getLogger(__name__)

UNLABELLED = -1
"""What the hub has for a class that is not known."""

COPA_QUESTIONS = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}
"""How COPA's authors word the two values of its question column (Roemmele et al. 2011)."""

_MOST_FAULTS = 3  # told of one file: a wrong column has as many faults as rows
_MOST_ROWS = 3  # named of one fault


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row, or a whole table, cannot be read.

    Attributes:
        reason: What is wrong and what to do.
        row: Its number from 1; None for the table.
    """

    reason: str
    row: int | None = None


def read_rows(
    card: TaskCard, table: Sequence[Any], *, where: str, drop_unlabelled: bool
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
    rows: list[Row] = []
    for item in _each(card, table, drop_unlabelled=drop_unlabelled):
        if isinstance(item, RowFault):
            raise MetaselectError(_told(where, item.reason, [item.row]))
        rows.append(item)
    if len(rows) < len(table):
        log.warning("%s: %d of %d rows have no label and are left out", where,
                    len(table) - len(rows), len(table))  # fmt: skip
    return rows


def row_faults(
    card: TaskCard, table: Sequence[Any], *, where: str, drop_unlabelled: bool
) -> list[str]:
    """What `read_rows` would refuse: equal faults on one line with their rows, the first few."""
    rows_by_reason: dict[str, list[int | None]] = {}
    for item in _each(card, table, drop_unlabelled=drop_unlabelled):
        if isinstance(item, RowFault):
            rows_by_reason.setdefault(item.reason, []).append(item.row)
    found = [_told(where, reason, rows) for reason, rows in rows_by_reason.items()]
    more = len(found) - _MOST_FAULTS
    return found[:_MOST_FAULTS] + [f"{where}: {more} more like these."] * (more > 0)


def _told(where: str, reason: str, rows: Sequence[int | None]) -> str:
    named = ", ".join(str(row) for row in rows[:_MOST_ROWS] if row is not None)
    if not named:
        return f"{where} {reason}."
    more = f" and {len(rows) - _MOST_ROWS:,} more" if len(rows) > _MOST_ROWS else ""
    return f"{where}, {'row' if len(rows) == 1 else 'rows'} {named}{more}: {reason}."


def _each(
    card: TaskCard, table: Sequence[Any], *, drop_unlabelled: bool
) -> Iterator[Row | RowFault]:
    """Each row that is not left out, as a record or as what is wrong with it."""
    if not table:
        yield RowFault("has no rows: write at least one, or take the file away")
        return
    try:
        layout = _fitting_layout(card, _object(table[0]))
    except ValueError as error:
        yield RowFault(str(error))
        return
    read = _READERS[card.head]
    left_out = _unlabelled(card, layout, table) if drop_unlabelled else frozenset()
    for index, raw in enumerate(table):
        if index in left_out:
            continue
        try:
            yield read(card, layout, _object(raw), index)
        except ValueError as error:
            yield RowFault(str(error), index + 1)


def _object(raw: Any) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise ValueError(f"has {_kind(raw)} for a row: write an object, column to value, a line")
    return raw


def _unlabelled(card: TaskCard, layout: Layout, table: Sequence[Any]) -> frozenset[int]:
    """Positions of rows whose class is -1; none where all are: their labels are withheld."""
    column = layout.label
    if column is None or card.head not in ("classification", "multiple-choice"):
        return frozenset()
    found = [index for index, raw in enumerate(table) if _is_unlabelled(raw, column)]
    return frozenset(found) if len(found) < len(table) else frozenset()


def _is_unlabelled(raw: Any, column: str) -> bool:
    try:
        return bool(cell(raw, column) == UNLABELLED)
    except ValueError:
        return False


def _fitting_layout(card: TaskCard, raw: Mapping[str, Any]) -> Layout:
    for layout in card.layouts:
        if layout.columns <= set(raw):
            return layout
    known = "; ".join(str(sorted(item.columns)) for item in card.layouts)
    raise ValueError(
        f"has columns {sorted(raw)}; the card of {card.name} reads {known or 'none'}. "
        "Rename the columns, or add a layout in your own card (--tasks)"
    )


def cell(raw: Any, column: str) -> Any:
    """A column's value; a dot reaches into a nested column.

    Raises:
        ValueError: There is no such column.
    """
    value = raw
    for part in column.split("."):
        try:
            value = value[part]
        except (KeyError, TypeError, IndexError):
            raise ValueError(
                f"there is no column {column!r}, which the first row has: write it in every row"
            ) from None
    return value


def _kind(value: Any) -> str:
    """What a value is, for people."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, Iterable):
        return "a text" if isinstance(value, str) else "a list"
    return "nothing" if value is None or value != value else "a number"


def _text(raw: Any, column: str, *, or_empty: bool = False) -> str:
    """A column's text; numbers count as texts."""
    value = cell(raw, column)
    return value if isinstance(value, str) else _as_text(value, column, or_empty=or_empty)


def _as_text(value: Any, column: str, *, or_empty: bool = False) -> str:
    kind = _kind(value)
    if kind == "nothing" and or_empty:
        return ""
    if kind in ("nothing", "a list", "an object"):
        raise ValueError(f"column {column!r} has {kind} where a text belongs: write a string")
    return str(value)


def _items(raw: Any, column: str) -> list[Any]:
    """A column's list."""
    value = cell(raw, column)
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"column {column!r} has {_kind(value)} where a list belongs: write a list")
    return list(value)


def _texts(raw: Any, column: str) -> tuple[str, ...]:
    """A column's list of texts."""
    return tuple(
        item if isinstance(item, str) else _as_text(item, column) for item in _items(raw, column)
    )


def _refuse_blank(texts: Iterable[str], columns: Sequence[str]) -> None:
    """Refuse a row that has nothing to read."""
    if not any(text.strip() for text in texts):
        named = " and ".join(map(repr, columns))
        raise ValueError(f"nothing to read in {named}: write a text, or leave the row out")


def _position(value: Any, names: Sequence[str], *names_too: Sequence[str], card: TaskCard) -> int:
    """Index of a label: a number is the index itself, a string is looked up by name."""
    if isinstance(value, str):
        for known in (names, *names_too):
            if value in known:
                return list(known).index(value)
    elif isinstance(value, int | float) and value in range(len(names)):
        return int(value)
    withheld = not isinstance(value, Iterable) and value == UNLABELLED
    advice = "take rows with labels" if withheld else "correct it, or the labels of your own card"
    raise ValueError(
        f"label {value!r}{' (withheld)' * withheld} does not match the labels of {card.name}: "
        f"{list(names)}; {advice}"
    )


def _labelled(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> Labelled:
    texts = tuple(_text(raw, column) for column in layout.text)
    _refuse_blank(texts, layout.text)
    value = cell(raw, layout.label or "")
    if card.head == "regression":
        return Labelled(texts, _number(value))
    return Labelled(texts, _position(value, card.labels, layout.values, card=card))


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"rating {value!r} is no number: write one, or leave the row out")
    return number


def _choice(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> MultipleChoice:
    parts = [_text(raw, column) for column in layout.text]
    text = " ".join(COPA_QUESTIONS.get(part, part) for part in parts)
    choices = _choice_texts(layout, raw)
    _refuse_blank(choices, layout.choices)
    numbered = [str(number) for number in range(len(choices))]
    label = _position(cell(raw, layout.label or ""), numbered, layout.values, card=card)
    return MultipleChoice(text, choices, label)


def _choice_texts(layout: Layout, raw: Mapping[str, Any]) -> tuple[str, ...]:
    if len(layout.choices) > 1:
        return tuple(_text(raw, column) for column in layout.choices)
    return _texts(raw, layout.choices[0])


def _question(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> Question:
    question, context = (_text(raw, column) for column in layout.text)
    _refuse_blank([question, context], layout.text)
    texts = _texts(raw, f"{layout.label}.text")
    starts = tuple(map(_offset, _items(raw, f"{layout.label}.answer_start")))
    if len(texts) != len(starts):
        raise ValueError(f"{len(texts)} answers but {len(starts)} offsets: give each answer one")
    if texts and not any(text.strip() for text in texts):
        raise ValueError("blank answer (withheld); one without an answer has an empty list")
    key = str(cell(raw, layout.groups)) if layout.groups else str(index)
    return Question(key, question, context, texts, starts)


def _offset(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"offset {value!r} is no number: write the character at which the answer starts"
        ) from None


def _tagged(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> Tagged:
    tokens = _texts(raw, layout.text[0])
    _refuse_blank(tokens, layout.text[:1])
    values = _items(raw, layout.label or "")
    tags = tuple(_position(tag, card.labels, layout.values, card=card) for tag in values)
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} words but {len(tags)} tags: give each word one")
    return Tagged(tokens, tags)


def _pair(card: TaskCard, layout: Layout, raw: Mapping[str, Any], index: int) -> Pair:
    source = " ".join(_text(raw, column, or_empty=True) for column in layout.text)
    target = _text(raw, layout.label, or_empty=True) if layout.label else ""
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
