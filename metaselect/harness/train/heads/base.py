"""What every head offers to the training loop and to scoring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from metaselect.catalogue.tasks import TaskCard
from metaselect.harness.data.rows import Row
from metaselect.harness.data.tokens import Encoded
from metaselect.harness.recipe import Limits
from metaselect.harness.train.inference import InferenceModel, Tensors


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What one forward pass says of a batch.

    Attributes:
        loss_sum: Sum of the loss terms; the loop divides by their number in the whole step.
        confidence: Probability of the gold answer, shape (n_items,), detached.
        correct: Whether the answer is right, same shape.
    """

    loss_sum: torch.Tensor
    confidence: torch.Tensor
    correct: torch.Tensor


class Encode(Protocol):
    """Tokenise training rows, with their gold values."""

    def __call__(self, rows: Sequence[Row], tokenizer: Any, limits: Limits) -> Encoded:
        """Items in row order; a row may give several (QA windows)."""


class Train(Protocol):
    """Run a batch forward and compare with gold."""

    def __call__(
        self, model: torch.nn.Module, batch: Tensors, *, temperature: float
    ) -> BatchResult:
        """The temperature is read by dual encoders alone."""


class Score(Protocol):
    """Score a model on one language's test rows."""

    def __call__(
        self, predictor: InferenceModel, rows: Sequence[Row], card: TaskCard, language: str
    ) -> Mapping[str, float]:
        """Measures by name, as fractions."""


@dataclass(frozen=True, slots=True)
class Head:
    """A kind of output layer.

    Attributes:
        auto_class: The library's class, `AutoModelFor...`.
        n_labels: Outputs: the number of the card's labels, a fixed number, or None where the
            class fixes them.
        encode: Training rows to items.
        train: Forward pass with loss.
        score: Measures on test rows; None where scoring needs a pool of candidates.
    """

    auto_class: str
    n_labels: int | str | None
    encode: Encode
    train: Train
    score: Score | None


def label_count(head: Head, card: TaskCard) -> int | None:
    """Outputs that a task's head needs."""
    return len(card.labels) if head.n_labels == "labels" else _fixed(head.n_labels)


def _fixed(n_labels: int | str | None) -> int | None:
    return n_labels if isinstance(n_labels, int) else None


def text_columns(texts: Sequence[tuple[str, ...]]) -> tuple[list[str], list[str] | None]:
    """First texts and, where rows have several, the others joined by a space."""
    first = [row[0] for row in texts]
    second = [" ".join(row[1:]) for row in texts] if texts and len(texts[0]) > 1 else None
    return first, second
