"""Rows of a task as plain records: what training and scoring take, whatever columns held it."""

from collections.abc import Iterable
from dataclasses import dataclass


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
