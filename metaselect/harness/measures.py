"""Scores of predictions against gold, as fractions, through scikit-learn, SciPy and seqeval."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats
from sklearn import metrics


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
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, spans: bool
) -> Mapping[str, float]:
    """Token accuracy, and seqeval's F1: over entity spans, or over POS tags.

    Args:
        gold: Tags by sentence.
        predicted: Tags by sentence, alike in length.
        spans: Whether the tags are IOB spans. XTREME runs seqeval on POS tags too, where runs of
            one tag count as one span; so do we, with the tag as its own type.
    """
    from seqeval.metrics import accuracy_score, f1_score

    if not spans:
        gold = [[f"I-{tag}" for tag in tags] for tags in gold]
        predicted = [[f"I-{tag}" for tag in tags] for tags in predicted]
    return {
        "accuracy": float(accuracy_score(gold, predicted)),
        "f1": float(f1_score(gold, predicted, zero_division=0)),
    }


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
