"""Rows as labelled vectors: what an encoder's last layer makes of the items that carry labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from metaselect.catalogue.tasks import TaskCard
from metaselect.features.measured.bench import N_SAMPLE, Bench
from metaselect.harness.data.tokens import Batch
from metaselect.harness.train.heads.registry import HEADS
from metaselect.harness.train.inference import Forward, Tensors
from metaselect.seeding import derive_seed

_N_MOST = 1500  # labelled items kept: tokens of tagged or questioned texts are many
_N_BINS = 3  # of ratings
_SAME_ITEMS = (  # heads of source and target whose models class the same items
    *(("classification", "classification"), ("classification", "regression")),
    ("tagging", "tagging"),
)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Labelled items.

    Attributes:
        features: Shape (n_items, hidden), float64.
        labels: Shape (n_items,), classes from 0, every one of which has at least two items.
        owners: Row that each item came from, shape (n_items,): items of one row hang together.
    """

    features: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]

    @property
    def chance(self) -> float:
        """Accuracy of always saying the most frequent label."""
        return float(np.bincount(self.labels).max() / len(self.labels))

    def sample(self, n_items: int) -> "Vectors":
        """At most so many of them, of classes that still have two or more."""
        found = _kept(self.features, self.labels, self.owners, n_most=n_items, name="sample")
        return self if found is None else found


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
    return _labelled(bench, card, bench.body(tuned_card), _states)


def source_classes(bench: Bench, name: str, *, tuned_on: str) -> Vectors | None:
    """What a model tuned on one task says of another's items: probabilities of its own classes.

    Returns:
        Probabilities as features, shape (n_items, n_source_classes); None unless both tasks class
        (or the second rates) texts, or both tag words.
    """
    card, source = bench.source(name), bench.source(tuned_on)
    if card is None or source is None or (source.head, card.head) not in _SAME_ITEMS:
        return None
    return _labelled(bench, card, bench.tuned(source), _probabilities)


def _labelled(bench: Bench, card: TaskCard, model: torch.nn.Module, run: Forward) -> Vectors | None:
    """What a model makes of a task's labelled items."""
    predictor, head = bench.predictor(model, card), HEADS[card.head]
    encoded = head.encode(
        bench.rows(card, "train", N_SAMPLE), predictor.tokenizer, predictor.limits
    )
    parts = []
    for batch, (states,) in predictor.outputs(encoded, run):
        vectors, labels, items = _items(batch, states, head_name=card.head)
        parts.append((vectors, labels, encoded.rows[batch.index[items]]))
    features, values, owners = (np.concatenate(part) for part in zip(*parts, strict=True))
    if card.head == "regression":
        values = np.searchsorted(np.quantile(values, [1 / _N_BINS, 2 / _N_BINS]), values)
    kept = features.astype(np.float64), values.astype(np.int64), owners
    return _kept(*kept, n_most=_N_MOST, name=card.name)


def _states(model: torch.nn.Module, batch: Tensors) -> tuple[torch.Tensor, ...]:
    return (model(**batch.inputs).last_hidden_state,)


def _probabilities(model: torch.nn.Module, batch: Tensors) -> tuple[torch.Tensor, ...]:
    return (model(**batch.inputs).logits.float().softmax(dim=-1),)


def _items(
    batch: Batch, states: npt.NDArray[np.float32], *, head_name: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Vectors, labels, and the place in the batch of each one's item."""
    n_items = len(batch.index)
    if head_name == "tagging":
        chosen = batch.tokens["tags"] >= 0
        return states[chosen], batch.tokens["tags"][chosen], np.nonzero(chosen)[0]
    if head_name == "extractive-qa":
        return _answer_words(batch, states)
    pooled = states if states.ndim == 2 else _mean(states, batch)
    label = np.asarray(batch.items["label"], dtype=np.float64)
    if head_name == "multiple-choice":
        right = np.arange(batch.width) == label[:, None]
        return pooled, right.ravel().astype(np.float64), np.repeat(np.arange(n_items), batch.width)
    return pooled, label, np.arange(n_items)


def _mean(states: npt.NDArray[np.float32], batch: Batch) -> npt.NDArray[np.float32]:
    mask = batch.inputs["attention_mask"][:, :, None].astype(np.float32)
    return np.asarray((states * mask).sum(axis=1) / mask.sum(axis=1))


def _answer_words(
    batch: Batch, states: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Tokens of answers, and as many others of the same contexts, evenly spaced."""
    where = np.arange(states.shape[1])
    vectors, labels, items = [], [], []
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
        items.append(np.full(len(chosen), item))
    if not vectors:
        return np.zeros((0, states.shape[2]), np.float32), np.zeros(0), np.zeros(0, np.int64)
    return np.concatenate(vectors), np.concatenate(labels), np.concatenate(items)


def _kept(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64],
    owners: npt.NDArray[np.int64], *, n_most: int, name: str,
) -> Vectors | None:  # fmt: skip
    """At most so many items, of classes that have two or more, numbered without gaps."""
    if len(labels) > n_most:
        rng = np.random.default_rng(derive_seed(0, "vectors", name))
        chosen = np.sort(rng.permutation(len(labels))[:n_most])
        features, labels, owners = features[chosen], labels[chosen], owners[chosen]
    counts = np.bincount(labels)
    fine = counts[labels] >= 2
    features, owners = features[fine], owners[fine]
    _, labels = np.unique(labels[fine], return_inverse=True)
    if len(np.unique(labels)) < 2:
        return None
    return Vectors(features, labels, owners)
