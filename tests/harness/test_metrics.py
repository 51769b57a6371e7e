"""Measures of tags against the official scripts' rules, and of classes and answers by hand."""

import random
import warnings

import pytest

from metaselect.harness.score.metrics import commonest_share, tag_measures

POS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN"),
    *("PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
NER = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")

Span = tuple[str, int, int]


def pos_spans(sentences: list[list[str]]) -> set[Span]:
    """Spans of part-of-speech tags as seqeval sees them, by rules of our own.

    The type of a tag is what follows its first letter (of X and of the O between sentences
    nothing, named _). A span ends before another type, and after SCONJ and SYM, whose S means
    "single"; one begins with another type, and with S. So an X at the end of a sentence is no span,
    and neither is a CCONJ before SCONJ.
    """
    found: set[Span] = set()
    before, before_type, start = "O", "", 0
    for place, tag in enumerate(tag for tags in sentences for tag in (*tags, "O")):
        kind = tag[1:] or "_"
        if before != "O" and (kind != before_type or before[0] == "S"):
            found.add((before_type, start, place))
        if tag != "O" and (kind != before_type or tag[0] == "S"):
            start = place
        before, before_type = tag, kind
    return found


def ner_spans(sentences: list[list[str]]) -> set[Span]:
    """Entities by CoNLL-2000's rules: B- begins one, and so does I- after another type or O."""
    found: set[Span] = set()
    start, open_type = 0, ""
    for place, tag in enumerate(tag for tags in sentences for tag in (*tags, "O")):
        kind = tag[2:]
        if open_type and (tag[0] != "I" or kind != open_type):
            found.add((open_type, start, place))
            open_type = ""
        if kind and not open_type:
            start, open_type = place, kind
    return found


def f1_of(gold: set[Span], predicted: set[Span]) -> float:
    return 2 * len(gold & predicted) / (len(gold) + len(predicted))


def tagged(names: tuple[str, ...], seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Made-up sentences, and predictions of which a fifth are drawn anew."""
    rng = random.Random(seed)
    gold = [[rng.choice(names) for _ in range(rng.randint(1, 30))] for _ in range(40)]
    told = [[tag if rng.random() > 0.2 else rng.choice(names) for tag in tags] for tags in gold]
    return gold, told


@pytest.mark.parametrize("seed", range(5))
def test_the_f1_of_part_of_speech_tags_is_xtreme_s(seed: int) -> None:
    from seqeval.metrics import f1_score

    gold, told = tagged(POS, seed)
    found = tag_measures(gold, told)["f1"]
    assert found == pytest.approx(f1_of(pos_spans(gold), pos_spans(told)), abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found == f1_score(gold, told)  # what XTREME's evaluate.py calls


@pytest.mark.parametrize("seed", range(5))
def test_the_f1_of_entities_is_conll_s(seed: int) -> None:
    from seqeval.metrics import f1_score

    gold, told = tagged(NER, seed)
    found = tag_measures(gold, told)["f1"]
    assert found == pytest.approx(f1_of(ner_spans(gold), ner_spans(told)), abs=1e-12)
    assert found == f1_score(gold, told)


def test_words_in_a_row_with_one_tag_are_one_span_but_for_those_in_s() -> None:
    gold = [["NOUN", "NOUN", "SYM", "SYM"]]
    # Spans: NOUN 0-1, SYM 2, SYM 3. Said: NOUN 0-1, SYM 2, NOUN 3, so 2 of 3 and 2 of 3.
    found = tag_measures(gold, [["NOUN", "NOUN", "SYM", "NOUN"]])
    assert found == {"accuracy": 3 / 4, "f1": pytest.approx(2 / 3)}


def test_coordinating_and_subordinating_conjunctions_are_one_type() -> None:
    found = tag_measures([["NOUN", "CCONJ"]], [["NOUN", "SCONJ"]])
    assert found == {"accuracy": 1 / 2, "f1": 1.0}  # as in XTREME, where a type lacks its letter


def test_the_commonest_answer_s_share_is_1_for_a_constant() -> None:
    assert commonest_share([3, 3, 3]) == 1.0
    assert commonest_share(["a", "", "a", "b"]) == 0.5
    assert commonest_share([]) == 0.0
