"""Answer strings against gold: SQuAD's F1 and exact match, and MLQA's rules by language.

Source: Rajpurkar et al. 2016 (SQuAD 1.1 evaluation) and Lewis et al. 2020 (MLQA evaluation v1):
punctuation is Unicode's category P, articles are each language's own, and Chinese is split by
character. Both are re-written here from their description.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

_ARTICLES = {
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": r"\sال^|ال",
}
_UNSPACED = ("zh",)


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
