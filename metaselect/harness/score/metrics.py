"""Scores of predictions against gold, as fractions, through scikit-learn, SciPy and seqeval."""

import warnings
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from scipy import stats
from sklearn import metrics

OUTSIDE = "O"
"""The tag of words outside all entities."""

COMMONEST_SHARE = "commonest_share"
"""Share of the predictions that are the commonest one; 1 is a model that always says the same."""


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
