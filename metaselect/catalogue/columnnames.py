"""Names that columns of texts, labels and ids go by, and those of a table that have them."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from metaselect.catalogue.cells import are_numbers

PAIRS = (
    *(("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2")),
    *(("sentence_a", "sentence_b"), ("text1", "text2"), ("text_a", "text_b"), ("s1", "s2")),
    *(("sent1", "sent2"), ("sentence_1", "sentence_2"), ("text_1", "text_2")),
    *(("question", "passage"), ("question", "context"), ("question", "sentence")),
    *(("query", "passage"), ("query", "document"), ("source", "translation"), ("src", "mt")),
)
"""Columns that are two texts of one row, by their names in lower case."""

LABELS = (
    *("label", "labels", "gold_label", "class", "category", "target", "y", "sentiment", "intent"),
    *("emotion", "topic", "stance", "score", "similarity", "relatedness", "rating", "stars"),
    *("is_duplicate", "entailment", "acceptability", "toxicity", "answer", "answerkey", "gold"),
)
TAGS = ("ner_tags", "tags", "upos", "pos_tags", "pos", "labels", "label", "deprel", "slots")
WORDS = ("tokens", "words", "sentence", "text")
TEXTS = ("text", "sentence", "content", "review", "tweet", "utterance", "comment", "document")
BESIDE = ("headline", "aspect", "word")  # a second text, whatever the first is called
_CHOICES = (
    *("choice", "option", "opt", "ending", "end", "answer", "ans", "alternative", "candidate"),
    *("solution", "sol", "quiz", "hypothesis", "hyp"),
)
_NUMBERED = re.compile(r"(.*?)_?(\d|[A-Ea-e])")  # choice1, ending_0, answerA
_IDS = re.compile(
    r"(.*_|)(id|idx|index|guid|uid|uuid|key|hash|url|date|split|lang|language|src|source|domain|corpus|genre)"
    r"(_.*|)"
)


def named(names: Collection[str], wanted: Sequence[str]) -> list[str]:
    """The columns with these names, whatever their case, in the order wanted."""
    by_name = {name.lower(): name for name in reversed(list(names))}
    return [by_name[name] for name in wanted if name in by_name]


def is_id(name: str) -> bool:
    """Whether a column goes by an id's name."""
    return _IDS.fullmatch(name.lower()) is not None


def numbered(names: Iterable[str]) -> dict[str, list[str]]:
    """Columns that a place tells apart alone, such as choice1 and choice2, by what they share."""
    alike: dict[str, list[str]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match and match[1]:
            alike.setdefault(match[1].lower(), []).append(name)
    return {stem: found for stem, found in alike.items() if len(found) > 1}


def are_choices(stem: str, names: Sequence[str], marks: Sequence[Any]) -> bool:
    """Whether a label says which of some numbered columns is right, by its values.

    Two columns are else a pair of texts: where the label is neither their names nor letters nor,
    if they are called as choices are, the numbers of their places.
    """
    if are_numbers(marks) and any(value % 1 for value in marks):
        return False
    seen = {str(int(value) if isinstance(value, float) else value).lower() for value in marks}
    places = ({"0", "1"}, {"1", "2"}, {"true", "false"}) if stem.endswith(_CHOICES) else ()
    own = {name.lower() for name in names}
    return len(names) > 2 or any(seen <= known for known in (own, {"a", "b"}, *places))
