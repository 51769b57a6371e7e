"""Tokenised rows as flat arrays, cut into batches of like length.

Arrays are small on disk and quick to slice into padded batches; which items go into which batch,
and in what order, a seed fixes.
"""

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metaselect.files import replacing

POOL_BATCHES = 100
"""Batches cut from one sorted pool: wide enough that padding is rare, and still random."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Items of token sequences, one after another, with what is known of each.

    Attributes:
        ids: Token ids of all sequences, shape (n_tokens,).
        types: Token types, same shape.
        bounds: Where each sequence starts and the last ends, shape (n_items * width + 1,).
        width: Sequences an item: 1, the choices of a question, or 2 for a pair of texts.
        rows: Row that each item came from, shape (n_items,); several QA windows share one.
        weights: Loss terms of each item, shape (n_items,): 1, or its labelled tokens.
        items: Gold values an item, by name, each (n_items,).
        tokens: Values a token, by name, each (n_tokens,) and padded with -100 in batches.
    """

    ids: np.ndarray
    types: np.ndarray
    bounds: np.ndarray
    width: int
    rows: np.ndarray
    weights: np.ndarray
    items: Mapping[str, np.ndarray]
    tokens: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each item's longest sequence, shape (n_items,)."""
        sizes = np.diff(self.bounds).reshape(len(self), self.width)
        return np.asarray(sizes.max(axis=1)) if len(self) else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded arrays of some items; model inputs have shape (n_items * width, length).

    Attributes:
        inputs: `input_ids`, `attention_mask`, `token_type_ids`.
        items: Gold values an item.
        tokens: Values a token, -100 at padding, shape (n_items * width, length).
        index: Position of each item in the encoded table.
        width: Sequences an item.
    """

    inputs: Mapping[str, np.ndarray]
    items: Mapping[str, np.ndarray]
    tokens: Mapping[str, np.ndarray]
    index: np.ndarray
    width: int


def pack(
    sequences: Sequence[Sequence[int]],
    types: Sequence[Sequence[int]] | None,
    *,
    width: int,
    items: Mapping[str, np.ndarray],
    tokens: Mapping[str, Sequence[Sequence[int]]],
    rows: np.ndarray | None,
) -> Encoded:
    """Lay lists of tokens end to end; an item weighs as many as its labelled tokens, or 1."""
    bounds = np.zeros(len(sequences) + 1, np.int64)
    np.cumsum([len(sequence) for sequence in sequences], out=bounds[1:])
    flat = {name: _flat(values, np.int32) for name, values in tokens.items()}
    n_items = len(sequences) // width
    weights = np.ones(n_items, np.float32)
    if "tags" in flat:
        labelled = np.concatenate([[0], np.cumsum(flat["tags"] >= 0)])
        weights = np.asarray(labelled[bounds[1:]] - labelled[bounds[:-1]], np.float32)
    ids = _flat(sequences, np.int32)
    return Encoded(
        ids=ids,
        types=np.zeros(len(ids), np.int8) if types is None else _flat(types, np.int8),
        bounds=bounds,
        width=width,
        rows=np.arange(n_items) if rows is None else rows,
        weights=weights,
        items=items,
        tokens=flat,
    )


def collate(encoded: Encoded, index: np.ndarray, *, pad_id: int, multiple: int) -> Batch:
    """Pad some items to their longest sequence, rounded up to a multiple (8 on a GPU)."""
    which = (index[:, None] * encoded.width + np.arange(encoded.width)).ravel()
    starts, stops = encoded.bounds[which], encoded.bounds[which + 1]
    sizes = stops - starts
    length = -(-int(sizes.max()) // multiple) * multiple
    inside = np.arange(length) < sizes[:, None]
    where = (starts[:, None] + np.arange(length))[inside]
    return Batch(
        inputs={
            "input_ids": _padded(encoded.ids[where], inside, pad_id),
            "attention_mask": inside.astype(np.int64),
            "token_type_ids": _padded(encoded.types[where], inside, 0),
        },
        items={name: values[index] for name, values in encoded.items.items()},
        tokens={
            name: _padded(values[where], inside, -100) for name, values in encoded.tokens.items()
        },
        index=index,
        width=encoded.width,
    )


def save_encoded(path: Path, encoded: Encoded) -> None:
    """Write an encoded table whole as npz."""
    arrays = {name: getattr(encoded, name) for name in ("ids", "types", "bounds", "rows")}
    arrays |= {"weights": encoded.weights, "width": np.array(encoded.width)}
    arrays |= {f"items.{name}": values for name, values in encoded.items.items()}
    arrays |= {f"tokens.{name}": values for name, values in encoded.tokens.items()}
    with replacing(path) as temp, temp.open("xb") as out:
        np.savez(out, allow_pickle=False, **arrays)


def load_encoded(path: Path) -> Encoded | None:
    """Read a table that `save_encoded` wrote; None where there is none or it is broken."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays: dict[str, Any] = dict(stored)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return Encoded(
        **{name: arrays[name] for name in ("ids", "types", "bounds", "rows", "weights")},
        width=int(arrays["width"]),
        items={name[6:]: value for name, value in arrays.items() if name.startswith("items.")},
        tokens={name[7:]: value for name, value in arrays.items() if name.startswith("tokens.")},
    )


def _flat(lists: Sequence[Sequence[int]], kind: Any) -> np.ndarray:
    if not lists:
        return np.zeros(0, kind)
    return np.concatenate([np.asarray(values, kind) for values in lists])


def _padded(values: np.ndarray, inside: np.ndarray, fill: int) -> np.ndarray:
    out = np.full(inside.shape, fill, np.int64)
    out[inside] = values
    return out


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
