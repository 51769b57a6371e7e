"""What a task asks, from its label names, its columns and its size: rules that say why.

Where no rule decides, the catalogue's most similar tasks of the same head vote.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from metaselect.catalogue.likeness import SAME_DATA, shipped_profiles
from metaselect.catalogue.tasks import Catalogue, Head, Kind, TaskCard

_LABEL_WORDS: Mapping[Kind, str] = {
    "nli": "entailment contradiction neutral not_entailment non_entailment entails contradicts "
    "entailed refutes supports",
    "paraphrase": "paraphrase not_paraphrase non_paraphrase duplicate not_duplicate equivalent "
    "not_equivalent",
    "sentiment": "positive negative neutral mixed pos neg very_positive very_negative "
    "somewhat_positive somewhat_negative conflict",
    "emotion": "anger joy sadness fear disgust surprise trust anticipation love optimism pessimism "
    "shame guilt happiness sad happy angry annoyance gratitude admiration",
    "acceptability": "acceptable unacceptable grammatical ungrammatical",
    "abusive-language": "hate hateful not_hate non_hate not_hateful non_hateful nothate offensive "
    "not_offensive non_offensive abusive not_abusive non_abusive toxic not_toxic non_toxic sexist "
    "racist sexism racism",
    "topic": "world sport sports business politics technology tech sci_tech science "
    "science_technology health entertainment travel geography nature culture religion education "
    "economy finance international local opinion lifestyle company",
    "discourse": "cause condition elaboration contrast purpose concession temporal expansion "
    "comparison contingency joint attribution background explanation evaluation restatement seg",
    "probing": "past pres nn nns sing plur",  # as SentEval's probing tasks have them
    "ner": "per loc org misc person location organization organisation gpe date corporation "
    "creative_work group product norp fac time money event",
    "argument-mining": "claim premise majorclaim major_claim evidence",
    "error-detection": "err error incorrect",
    "idioms": "idiom mwe",
    "pos-tagging": "adj adp adv aux cconj det intj noun num part pron propn punct sconj sym verb x",
    "dependency-relations": "nsubj obj iobj obl nmod amod advmod advcl acl case det punct root "
    "conj cc aux cop mark ccomp xcomp compound csubj appos nummod",
}
"""Names that labels of a kind go by, in lower case with `_` between words."""

_TAGGING: tuple[Kind, ...] = (
    *("ner", "pos-tagging", "dependency-relations", "argument-mining", "error-detection"),
    *("idioms", "discourse"),
)
_PAIRED: tuple[Kind, ...] = ("nli", "paraphrase")  # need two texts
_SINGLE: tuple[Kind, ...] = ("acceptability", "probing", "emotion", "abusive-language")
_MANY = 10  # classes of short texts above which they are intents
_LABEL_COLUMNS: Mapping[str, Kind] = {
    "topic": "topic", "intent": "intent", "emotion": "emotion", "sentiment": "sentiment",
    "is_duplicate": "paraphrase", "entailment": "nli",
}  # fmt: skip
_SHORT = 20  # words
_SHARE = 0.5  # of the labels that must go by the names of a kind

_N_VOTERS = 3
_N_KINDS = 3  # that are told
ALIKE = 0.5
"""Likeness of texts that outweighs what two texts and two classes mostly are."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What rules read of a task.

    Attributes:
        head: Its output.
        text: Names of its text columns.
        label: Name of its label column.
        labels: Names of its classes, or of its tags without B- and I-.
        spans: Whether its tags mark spans (B- and I-).
        mean_words: Mean words of a row, as profiles have it, without endless rows.
        n_words: Median words of a row.
        n_words_each: Median words of each text column.
    """

    head: Head
    text: tuple[str, ...]
    label: str
    labels: tuple[str, ...]
    spans: bool
    mean_words: float
    n_words: float
    n_words_each: tuple[float, ...]


def kind_by_rule(shape: Shape) -> tuple[Kind, str] | None:
    """A task's kind and the reason in words; None where no rule decides."""
    if shape.head == "extractive-qa":
        return "extractive-qa", "answers are spans of a context"
    if shape.head == "regression":
        return _rated(shape)
    named = _named_by_columns(shape) or _named_by_labels(shape) or _named_by_label(shape)
    if named is not None or shape.head == "multiple-choice":
        return named
    if shape.head == "tagging":
        many = shape.spans and len(shape.labels) > _MANY
        return ("slot-filling", f"{len(shape.labels)} types of span") if many else None
    many = len(shape.labels) > _MANY and shape.n_words < _SHORT and len(shape.text) == 1
    return ("intent", f"{len(shape.labels)} classes of short texts") if many else None


def normal_label(label: str) -> str:
    """A label's name in lower case, with `_` between words.

    Example:
        >>> normal_label("Not Entailment")
        'not_entailment'
    """
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def _named_by_columns(shape: Shape) -> tuple[Kind, str] | None:
    names = {name.lower() for name in shape.text}
    if shape.head != "classification" or len(names) < 2:
        return None
    if "word" in names:
        return "word-sense", "a word and texts that it stands in"
    if "question" in names and names & {"passage", "context", "paragraph"}:
        return "yes-no-qa", "a question on a passage and classes"
    if names >= {"premise", "hypothesis"}:
        return "nli", "a premise and a hypothesis"
    return None


def _named_by_labels(shape: Shape) -> tuple[Kind, str] | None:
    """The kind whose label names most of the labels have, at least half of them."""
    labels = {normal_label(label) for label in shape.labels}
    if not labels:
        return None
    shares = {kind: _share(labels, words.split()) for kind, words in _LABEL_WORDS.items()
              if _possible(kind, shape)}  # fmt: skip
    best = max(shares, key=lambda kind: shares[kind], default=None)
    if best is None or shares[best] < _SHARE:
        return None
    return best, f"labels such as {', '.join(sorted(shape.labels)[:3])}"


def _named_by_label(shape: Shape) -> tuple[Kind, str] | None:
    kind = _LABEL_COLUMNS.get(shape.label.lower())
    if kind is None or shape.head != "classification" or not _possible(kind, shape):
        return None
    return kind, f"the label column's name, {shape.label}"


def _share(labels: Collection[str], words: Collection[str]) -> float:
    return sum(label in words for label in labels) / len(labels)


def _possible(kind: Kind, shape: Shape) -> bool:
    if shape.head == "tagging":
        return kind in _TAGGING
    if kind in ("ner", "pos-tagging", "dependency-relations", "error-detection", "idioms"):
        return False
    two = len(shape.text) > 1
    return (two or kind not in _PAIRED) and (not two or kind not in _SINGLE)


def _rated(shape: Shape) -> tuple[Kind, str] | None:
    if len(shape.text) < 2:
        return None
    if max(shape.n_words_each) < 2:
        return "word-similarity", "two words and a number"
    names = {name.lower() for name in shape.text}
    if names & {"translation", "mt", "target_text"}:
        return "translation-quality", "a source, its translation and a number"
    return "similarity", "two texts and a number"


def kind_of_same_data(
    shape: Shape, likeness: Mapping[str, float], catalogue: Catalogue
) -> tuple[Kind, str] | None:
    """The kind of the task whose data these seem to be, if its head is the same; else None."""
    name = max(likeness, key=lambda name: likeness[name], default=None)
    if name is None or likeness[name] < SAME_DATA or catalogue[name].head != shape.head:
        return None
    return catalogue[name].kind, f"the texts are like those of {name}"


def kind_by_likeness(
    shape: Shape, likeness: Mapping[str, float], catalogue: Catalogue
) -> tuple[tuple[Kind, ...], str]:
    """The kind that the most similar tasks of the same head have, the next two kinds, and why.

    Likeness of texts, of label names, of lengths and of the numbers of texts and labels are added
    up; the three tasks with the most vote with it. Probing tasks have no vote: they stand for no
    use, and there are many. Two texts with two classes are paraphrases unless a text is alike.
    """
    words = shipped_profiles().mean_words
    voters = {
        name: alike + _likeness_of_shape(shape, catalogue[name], words[name])
        for name, alike in likeness.items()
        if catalogue[name].head == shape.head and catalogue[name].kind != "probing"
    }
    alone = {name for name in voters if _is_of_one_text(catalogue[name])}
    likely = (alone if len(shape.text) == 1 else {*voters} - alone) or {*voters}
    order = sorted(likely, key=lambda name: -voters[name])
    best = order[:_N_VOTERS]
    votes: defaultdict[Kind, float] = defaultdict(float)
    for name in best:
        votes[catalogue[name].kind] += voters[name]
    kind = max(votes, key=lambda kind: votes[kind])
    alike = ", ".join(name for name in best if catalogue[name].kind == kind)
    because = f"texts, labels and lengths together most like {alike}"
    paired = shape.head == "classification" and len(shape.text) == 2 and len(shape.labels) == 2
    if paired and max(likeness[name] for name in best) < ALIKE:
        kind, because = "paraphrase", "two texts and two classes"
    kinds = dict.fromkeys([kind, *(catalogue[name].kind for name in order)])
    return tuple(kinds)[:_N_KINDS], because


def _is_of_one_text(card: TaskCard) -> bool:
    return bool(card.layouts) and len(card.layouts[0].text) == 1


def _likeness_of_shape(shape: Shape, card: TaskCard, mean_words: float) -> float:
    own = {normal_label(label) for label in shape.labels}
    its = {normal_label(label) for label in card.labels}
    names = len(own & its) / len(own | its) if own and its else 0.0
    texts = card.layouts[0].text if card.layouts else ()
    return (
        names
        + 0.5 * (len(texts) == len(shape.text))
        + 0.5 * _closeness(len(own), len(its))
        + 0.5 * _closeness(shape.mean_words, mean_words)
    )


def _closeness(first: float, second: float) -> float:
    """1 for equal sizes, 0.5 for one twice the other."""
    return min(first + 1, second + 1) / max(first + 1, second + 1)
