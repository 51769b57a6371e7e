"""Rows as labelled vectors: what an encoder's last layer makes of the items that carry labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from metaselect.features.measured.bench import N_SAMPLE, Bench
from metaselect.harness.data.tokens import Batch
from metaselect.harness.train.heads.registry import HEADS
from metaselect.harness.train.inference import Tensors
from metaselect.seeding import derive_seed

_N_MOST = 1500  # labelled items kept: tokens of tagged or questioned texts are many
_N_BINS = 3  # of ratings

_Labelled = tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Labelled items.

    Attributes:
        features: Shape (n_items, hidden), float64.
        labels: Shape (n_items,), classes from 0, every one of which has at least two items.
    """

    features: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]

    @property
    def chance(self) -> float:
        """Accuracy of always saying the most frequent label."""
        return float(np.bincount(self.labels).max() / len(self.labels))


def labelled_vectors(bench: Bench, name: str, *, tuned_on: str | None) -> Vectors | None:
    """Vectors of a task's English training rows under the encoder, tuned on a task or not.

    Mean-pooled texts carry their class, or the third of the scale that their rating is in; each
    choice whether it is the right one; first pieces of words their tag; words of a context
    whether they are in the answer, as many outside as inside.

    Returns:
        None for tasks without labelled English rows (retrieval).
    """
    card = bench.source(name)
    if card is None or HEADS[card.head].score is None:
        return None
    tuned_card = None if tuned_on is None else bench.source(tuned_on)
    predictor, head = bench.predictor(bench.body(tuned_card), card), HEADS[card.head]
    encoded = head.encode(
        bench.rows(card, "train", N_SAMPLE), predictor.tokenizer, predictor.limits
    )
    parts = []
    for batch, (states,) in predictor.outputs(encoded, _states):
        parts.append(_items(batch, states, head_name=card.head))
    features, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    if card.head == "regression":
        values = np.searchsorted(np.quantile(values, [1 / _N_BINS, 2 / _N_BINS]), values)
    return _kept(features.astype(np.float64), values.astype(np.int64), name=card.name)


def _states(model: torch.nn.Module, batch: Tensors) -> tuple[torch.Tensor, ...]:
    return (model(**batch.inputs).last_hidden_state,)


def _items(batch: Batch, states: npt.NDArray[np.float32], *, head_name: str) -> _Labelled:
    """Vectors of a batch's labelled items and their labels."""
    if head_name == "tagging":
        chosen = batch.tokens["tags"] >= 0
        return states[chosen], batch.tokens["tags"][chosen]
    if head_name == "extractive-qa":
        return _answer_words(batch, states)
    label = np.asarray(batch.items["label"], dtype=np.float64)
    if head_name == "multiple-choice":
        right = np.arange(batch.width) == label[:, None]
        return _mean(states, batch), right.ravel().astype(np.float64)
    return _mean(states, batch), label


def _mean(states: npt.NDArray[np.float32], batch: Batch) -> npt.NDArray[np.float32]:
    mask = batch.inputs["attention_mask"][:, :, None].astype(np.float32)
    return np.asarray((states * mask).sum(axis=1) / mask.sum(axis=1))


def _answer_words(batch: Batch, states: npt.NDArray[np.float32]) -> _Labelled:
    """Tokens of answers, and as many others of the same contexts, evenly spaced."""
    where = np.arange(states.shape[1])
    vectors, labels = [], []
    for item, (start, end) in enumerate(zip(batch.items["start"], batch.items["end"], strict=True)):
        if start == 0:  # not in this window
            continue
        inside = (where >= start) & (where <= end)
        others = np.flatnonzero((batch.tokens["from"][item] >= 0) & ~inside)
        n_taken = min(int(inside.sum()), len(others))
        spaced = others[np.linspace(0, len(others) - 1, n_taken).astype(int)] if n_taken else others
        chosen = np.concatenate([np.flatnonzero(inside), spaced])
        vectors.append(states[item, chosen])
        labels.append(inside[chosen].astype(np.float64))
    if not vectors:
        return np.zeros((0, states.shape[2]), np.float32), np.zeros(0)
    return np.concatenate(vectors), np.concatenate(labels)


def _kept(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], *, name: str
) -> Vectors | None:
    """At most so many items, of classes that have two or more, numbered without gaps."""
    if len(labels) > _N_MOST:
        rng = np.random.default_rng(derive_seed(0, "vectors", name))
        chosen = np.sort(rng.permutation(len(labels))[:_N_MOST])
        features, labels = features[chosen], labels[chosen]
    fine = np.bincount(labels)[labels] >= 2
    _, labels = np.unique(labels[fine], return_inverse=True)
    if len(np.unique(labels)) < 2:
        return None
    return Vectors(features[fine], labels)
