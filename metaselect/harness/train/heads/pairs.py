"""Dual encoders: one body embeds both texts of a pair, trained to tell its partner in the batch."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional

from metaselect.harness.data.rows import Pair, Row
from metaselect.harness.data.tokens import Encoded, pack
from metaselect.harness.recipe import Limits
from metaselect.harness.train.heads.base import BatchResult, Head
from metaselect.harness.train.inference import Tensors


def encode_pairs(rows: Sequence[Row], tokenizer: Any, limits: Limits) -> Encoded:
    """Two sequences a row, query and answer; `partner` numbers the distinct answers."""
    pairs = cast("Sequence[Pair]", rows)
    queries = encode_texts([row.source for row in pairs], tokenizer, limits.query_length)
    answers = encode_texts([row.target for row in pairs], tokenizer, limits.max_length)
    _, partner = np.unique([row.target for row in pairs], return_inverse=True)
    both = [ids for couple in zip(queries, answers, strict=True) for ids in couple]
    return pack(
        both, None, width=2, items={"partner": partner.astype(np.int64)}, tokens={}, rows=None
    )


def encode_texts(texts: Sequence[str], tokenizer: Any, max_length: int) -> list[list[int]]:
    """Token ids of single texts; an empty text is its special tokens."""
    if not texts:
        return []
    out = tokenizer(list(texts), truncation=True, max_length=max_length)
    return cast("list[list[int]]", out["input_ids"])


def train_pairs(model: torch.nn.Module, batch: Tensors, *, temperature: float) -> BatchResult:
    """Softmax over the batch's answers; equal answers of other queries do not count against it."""
    queries = embed(model, _side(batch, 0), layer=-1, pooling="mean")
    answers = embed(model, _side(batch, 1), layer=-1, pooling="mean")
    logits = queries @ answers.T / temperature
    partner = batch.items["partner"]
    twins = (partner[:, None] == partner[None, :]) & ~torch.eye(len(partner), dtype=torch.bool).to(
        partner.device
    )
    logits = logits.masked_fill(twins, -1e4)
    gold = torch.arange(len(logits), device=logits.device)
    losses = functional.cross_entropy(logits, gold, reduction="none")
    return BatchResult(losses.sum(), torch.exp(-losses.detach()), logits.argmax(-1) == gold)


def embed(model: torch.nn.Module, batch: Tensors, *, layer: int, pooling: str) -> torch.Tensor:
    """Unit vectors of sequences in float32, shape (n_sequences, hidden).

    Args:
        model: A body without head.
        batch: Sequences; a missing mask means that none is padded.
        layer: Hidden layer, 0 for the embeddings, negative from the last.
        pooling: `mean` over the tokens, or `first` token.
    """
    last = layer == -1
    out = model(**batch.inputs, output_hidden_states=not last)
    states = (out.last_hidden_state if last else out.hidden_states[layer]).float()
    if pooling == "first":
        return functional.normalize(states[:, 0], dim=-1)
    mask = batch.inputs.get("attention_mask")
    if mask is None:
        return functional.normalize(states.mean(1), dim=-1)
    weights = mask[:, :, None].float()
    return functional.normalize((states * weights).sum(1) / weights.sum(1), dim=-1)


def _side(batch: Tensors, which: int) -> Tensors:
    """Every query or every answer, without the columns that pad the other side."""
    inputs = {name: values[which::2] for name, values in batch.inputs.items()}
    mask = inputs.get("attention_mask")
    if mask is not None:
        longest = int(mask.sum(1).max())
        inputs = {name: values[:, :longest] for name, values in inputs.items()}
    return Tensors(inputs, batch.items, {}, 1)


DUAL = Head("AutoModel", None, encode_pairs, train_pairs, None)
