"""Heads that read a whole sequence: classification, regression, multiple choice."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional

from metaselect.catalogue.tasks import TaskCard
from metaselect.harness.data.rows import Labelled, MultipleChoice, Row
from metaselect.harness.data.tokens import Encoded, pack
from metaselect.harness.recipe import Limits
from metaselect.harness.score.metrics import (
    COMMONEST_SHARE,
    class_measures,
    commonest_share,
    correlations,
)
from metaselect.harness.train.heads.base import BatchResult, Head, text_columns
from metaselect.harness.train.inference import InferenceModel, Tensors

CLOSE = 0.1
"""A regression counts as correct within this share of the scale (0.5 of STS's 0 to 5)."""

RATING_DECIMALS = 5
"""Predicted ratings that agree to these decimals of the scale are one answer: float32 is no finer
after a network, and a correlation asks for order alone, however close the ratings lie."""


def encode_labelled(rows: Sequence[Row], tokenizer: Any, limits: Limits) -> Encoded:
    """One sequence a row; `label` is the class index."""
    return _encode_texts(cast("Sequence[Labelled]", rows), tokenizer, limits, np.int64, scale=1.0)


def encode_rated(rows: Sequence[Row], tokenizer: Any, limits: Limits) -> Encoded:
    """One sequence a row; `label` is the rating as a share of the largest one."""
    rated = cast("Sequence[Labelled]", rows)
    largest = max(abs(row.label) for row in rated) or 1.0
    return _encode_texts(rated, tokenizer, limits, np.float32, scale=largest)


def encode_choices(rows: Sequence[Row], tokenizer: Any, limits: Limits) -> Encoded:
    """As many sequences a row as choices: the text paired with each."""
    choices = cast("Sequence[MultipleChoice]", rows)
    width = len(choices[0].choices)
    if any(len(row.choices) != width for row in choices):
        raise ValueError(f"rows differ in their number of choices (the first has {width})")
    first = [row.text for row in choices for _ in row.choices]
    second = [choice for row in choices for choice in row.choices]
    out = tokenizer(first, second, truncation="longest_first", max_length=limits.max_length)
    items = {"label": np.array([row.label for row in choices], np.int64)}
    return pack(
        out["input_ids"], out.get("token_type_ids"), width=width, items=items, tokens={}, rows=None
    )


def _encode_texts(
    rows: Sequence[Labelled], tokenizer: Any, limits: Limits, kind: Any, *, scale: float
) -> Encoded:
    first, second = text_columns([row.texts for row in rows])
    out = tokenizer(first, second, truncation="longest_first", max_length=limits.max_length)
    items = {"label": np.array([row.label / scale for row in rows]).astype(kind)}
    return pack(
        out["input_ids"], out.get("token_type_ids"), width=1, items=items, tokens={}, rows=None
    )


def logits_of(model: torch.nn.Module, batch: Tensors) -> torch.Tensor:
    """Class scores in float32, shape (n_items, n_classes); choices are classes of their item."""
    inputs = dict(batch.inputs)
    if batch.width > 1:
        inputs = {name: _by_item(values, batch.width) for name, values in inputs.items()}
    return cast("torch.Tensor", model(**inputs).logits).float()


def train_classes(model: torch.nn.Module, batch: Tensors, *, temperature: float) -> BatchResult:
    """Cross-entropy over classes or choices."""
    logits = logits_of(model, batch)
    label = batch.items["label"]
    losses = functional.cross_entropy(logits, label, reduction="none")
    return BatchResult(losses.sum(), torch.exp(-losses.detach()), logits.argmax(-1) == label)


def train_rating(model: torch.nn.Module, batch: Tensors, *, temperature: float) -> BatchResult:
    """Squared error; confidence is 1 minus the error, as a share of the scale."""
    error = logits_of(model, batch).squeeze(-1) - batch.items["label"]
    size = error.detach().abs()
    return BatchResult((error**2).sum(), (1 - size).clamp(min=0), size < CLOSE)


def score_labelled(
    predictor: InferenceModel, rows: Sequence[Row], card: TaskCard, language: str
) -> Mapping[str, float]:
    """Accuracy, F1 and Matthews correlation of the likeliest class."""
    encoded = encode_labelled(rows, predictor.tokenizer, predictor.limits)
    return _score_classes(predictor, encoded)


def score_choices(
    predictor: InferenceModel, rows: Sequence[Row], card: TaskCard, language: str
) -> Mapping[str, float]:
    """Accuracy of the likeliest choice."""
    encoded = encode_choices(rows, predictor.tokenizer, predictor.limits)
    return _score_classes(predictor, encoded)


def score_rated(
    predictor: InferenceModel, rows: Sequence[Row], card: TaskCard, language: str
) -> Mapping[str, float]:
    """Pearson and Spearman correlation with the ratings."""
    encoded = encode_rated(rows, predictor.tokenizer, predictor.limits)
    predicted = _collect(predictor, encoded)[:, 0]
    found = correlations(encoded.items["label"], predicted)
    return {**found, COMMONEST_SHARE: commonest_share(predicted.round(RATING_DECIMALS).tolist())}


def _score_classes(predictor: InferenceModel, encoded: Encoded) -> Mapping[str, float]:
    predicted = _collect(predictor, encoded).argmax(axis=1)
    found = class_measures(encoded.items["label"], predicted)
    return {**found, COMMONEST_SHARE: commonest_share(predicted.tolist())}


def _collect(predictor: InferenceModel, encoded: Encoded) -> np.ndarray:
    """Logits of every item, in the items' order."""
    found: list[np.ndarray] = []
    where: list[np.ndarray] = []
    for batch, (logits,) in predictor.outputs(encoded, lambda model, x: (logits_of(model, x),)):
        found.append(logits)
        where.append(batch.index)
    return np.concatenate(found)[np.argsort(np.concatenate(where))]


def _by_item(values: torch.Tensor, width: int) -> torch.Tensor:
    return values.reshape(-1, width, values.shape[-1])


CLASSIFICATION = Head(
    "AutoModelForSequenceClassification", "labels", encode_labelled, train_classes, score_labelled
)
REGRESSION = Head("AutoModelForSequenceClassification", 1, encode_rated, train_rating, score_rated)
MULTIPLE_CHOICE = Head(
    "AutoModelForMultipleChoice", None, encode_choices, train_classes, score_choices
)
