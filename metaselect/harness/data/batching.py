"""Which items go into which batch: buckets of like length, in an order that a seed fixes."""

from collections.abc import Iterator

import numpy as np

POOL_BATCHES = 100
"""Batches cut from one sorted pool: wide enough that padding is rare, and still random."""


def training_batches(
    lengths: np.ndarray,
    *,
    batch_tokens: int | None,
    batch_examples: int | None,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Endless epochs of length-bucketed batches; each item comes once an epoch.

    Args:
        lengths: Tokens of each item (times its sequences), shape (n_items,), none empty.
        batch_tokens: Padded tokens a batch at most (one item at least); None counts examples.
        batch_examples: Items a batch; None counts tokens.
        rng: Fixes the order.
    """
    if (batch_tokens is None) == (batch_examples is None):
        raise ValueError(f"need one of {batch_tokens=} and {batch_examples=}")
    if not len(lengths):
        raise ValueError("no items to train on")
    while True:
        yield from epoch_batches(
            lengths, batch_tokens=batch_tokens, batch_examples=batch_examples, rng=rng
        )


def epoch_batches(
    lengths: np.ndarray,
    *,
    batch_tokens: int | None,
    batch_examples: int | None,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """One epoch's batches in random order."""
    order = rng.permutation(len(lengths))
    mean_batch = batch_examples or max(1, int((batch_tokens or 1) / lengths.mean()))
    pool = mean_batch * POOL_BATCHES
    batches = [
        batch
        for start in range(0, len(order), pool)
        for batch in _cut(order[start : start + pool], lengths, batch_tokens, batch_examples)
    ]
    return [batches[position] for position in rng.permutation(len(batches))]


def inference_batches(lengths: np.ndarray, *, batch_tokens: int) -> list[np.ndarray]:
    """All items once, longest first, so that running out of memory shows at once."""
    order = np.argsort(-lengths, kind="stable")
    return _cut_sorted(order, lengths, batch_tokens, None)


def _cut(
    items: np.ndarray, lengths: np.ndarray, batch_tokens: int | None, batch_examples: int | None
) -> list[np.ndarray]:
    by_length = items[np.argsort(-lengths[items], kind="stable")]
    return _cut_sorted(by_length, lengths, batch_tokens, batch_examples)


def _cut_sorted(
    items: np.ndarray, lengths: np.ndarray, batch_tokens: int | None, batch_examples: int | None
) -> list[np.ndarray]:
    """Cut items, longest first, so that a batch padded to its first item fits the budget."""
    batches = []
    start = 0
    while start < len(items):
        longest = max(1, int(lengths[items[start]]))
        size = batch_examples or max(1, (batch_tokens or longest) // longest)
        batches.append(items[start : start + size])
        start += size
    return batches
