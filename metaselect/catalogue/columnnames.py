"""Names that columns of texts, labels and ids go by, and those of a table that have them."""

import re
from collections.abc import Collection, Sequence

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
