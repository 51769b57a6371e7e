"""Scores of predictions against gold, as fractions, through scikit-learn, SciPy and seqeval.

Answer strings are compared by SQuAD's F1 and exact match (Rajpurkar et al. 2016, evaluation 1.1)
and by MLQA's rules (Lewis et al. 2020, evaluation v1): punctuation is Unicode's category P,
articles are each language's own, and Chinese is split by character. Both are written anew from
their description.
"""

import re
import string
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np
from scipy import stats
from sklearn import metrics

OUTSIDE = "O"
"""The tag of words outside all entities."""

COMMONEST_SHARE = "commonest_share"
"""Share of the predictions that are the commonest one; 1 is a model that always says the same."""

_ARTICLES = {
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": r"\sال^|ال",
}
_UNSPACED = ("zh",)


def class_measures(gold: np.ndarray, predicted: np.ndarray) -> Mapping[str, float]:
    """Accuracy, F1 of class 1, macro F1 over the gold classes, Matthews correlation."""
    classes = np.unique(gold)
    return {
        "accuracy": float(metrics.accuracy_score(gold, predicted)),
        "f1": float(metrics.f1_score(gold == 1, predicted == 1, zero_division=0)),
        "macro_f1": float(
            metrics.f1_score(gold, predicted, labels=classes, average="macro", zero_division=0)
        ),
        "matthews_correlation": float(metrics.matthews_corrcoef(gold, predicted)),
    }


def correlations(gold: np.ndarray, predicted: np.ndarray) -> Mapping[str, float]:
    """Pearson and Spearman; 0 where the predictions are all one value."""
    if np.ptp(predicted) == 0 or np.ptp(gold) == 0:
        return {"pearson": 0.0, "spearman": 0.0}
    return {
        "pearson": float(stats.pearsonr(gold, predicted).statistic),
        "spearman": float(stats.spearmanr(gold, predicted).statistic),
    }


def tag_measures(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> Mapping[str, float]:
    """Token accuracy, and seqeval's F1 over the tags as they are.

    XTREME's `evaluate.py` hands part-of-speech tags to seqeval like entity tags, and so do we: that
    is the published F1. seqeval takes the first letter of a tag for its place in an entity and the
    rest for its type: words in a row with one tag are one span, but each SCONJ and SYM is one of
    its own (S means single), CCONJ and SCONJ are of one type, and an X that ends a sentence is in
    no span. Accuracy is the plain measure.

    Args:
        gold: Tags by sentence.
        predicted: Tags by sentence, alike in length.
    """
    from seqeval.metrics import accuracy_score, f1_score

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* seems not to be NE tag")
        return {
            "accuracy": float(accuracy_score(gold, predicted)),
            "f1": float(f1_score(gold, predicted, zero_division=0)),
        }


def commonest_share(predictions: Iterable[Hashable]) -> float:
    """Share of the predictions that are the commonest one; 0 where there is none.

    Example:
        >>> commonest_share(["a", "b", "a", "a"])
        0.75
    """
    counts = Counter(predictions)
    return max(counts.values()) / counts.total() if counts else 0.0


def primary(measures: Mapping[str, float], metric: str) -> float:
    """The score that a card names: one measure, or a mean such as `mean(exact_match,f1)`.

    Raises:
        ValueError: The head does not give that measure.
    """
    names = metric.removeprefix("mean(").removesuffix(")").split(",")
    names = ["f1" if name == "entity_f1" else name for name in names]
    missing = [name for name in names if name not in measures]
    if missing:
        raise ValueError(f"{metric} needs {missing}, but there are {sorted(measures)}")
    return float(np.mean([measures[name] for name in names]))


def answer_measures(
    gold: Sequence[Sequence[str]], answers: Sequence[str], *, mlqa_language: str | None
) -> Mapping[str, float]:
    """Mean F1 and exact match, each question by its best gold answer.

    Args:
        gold: Right answers of each question; none means that it cannot be answered.
        answers: One answer a question.
        mlqa_language: Language whose MLQA rules apply; None means SQuAD's English rules.
    """
    pairs = list(zip(gold, answers, strict=True))
    return {
        "f1": float(np.mean([_best(_f1, right, got, mlqa_language) for right, got in pairs])),
        "exact_match": float(
            np.mean([_best(_exact, right, got, mlqa_language) for right, got in pairs])
        ),
    }


def mlqa_language_of(task: str, language: str) -> str | None:
    """The language whose rules compare a task's answers; None for SQuAD's English rules."""
    return language if task.startswith("mlqa") else None


def answer_words(text: str, language: str | None) -> list[str]:
    """Lower-cased words without punctuation and articles.

    Example:
        >>> answer_words("The  Amazon, rainforest!", None)
        ['amazon', 'rainforest']
        >>> answer_words("在2000年", "zh")
        ['在', '2000', '年']
    """
    text = text.lower()
    if language is None:
        text = "".join(char for char in text if char not in string.punctuation)
        return re.sub(_ARTICLES["en"], " ", text).split()
    text = "".join(char for char in text if not _is_punctuation(char))
    if language in _ARTICLES:
        text = re.sub(_ARTICLES[language], " ", text)
    return _mixed_words(text) if language in _UNSPACED else text.split()


def _is_punctuation(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def _mixed_words(text: str) -> list[str]:
    """Each Han character on its own, other runs by white space."""
    spaced = re.sub(r"([\u4e00-\u9fa5])", r" \1 ", text)
    return spaced.split()


def _best(
    measure: Callable[[list[str], list[str]], float],
    right: Sequence[str],
    got: str,
    language: str | None,
) -> float:
    words = answer_words(got, language)
    return max(measure(answer_words(answer, language), words) for answer in right or [""])


def _exact(right: list[str], got: list[str]) -> float:
    return float(right == got)


def _f1(right: list[str], got: list[str]) -> float:
    """Harmonic mean of word precision and recall; two empty answers agree."""
    if not right or not got:
        return float(right == got)
    n_shared = sum((Counter(right) & Counter(got)).values())
    return 2 * n_shared / (len(right) + len(got))
