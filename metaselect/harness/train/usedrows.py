"""Word embeddings of which a training moves the rows of its own tokens alone.

A quarter of a million rows are most of a small multilingual encoder, and a training sees a few
thousand of them. The others have no gradient, so that the optimiser would spend its time and
memory, two states a weight, on rows that weight decay alone moves.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from metaselect.harness.data.tokens import Encoded
from metaselect.harness.train.bodies import body_of


class _UsedRows(torch.nn.Module):
    """Stands where word embeddings were while they train.

    Args:
        full: The embeddings, shape (vocabulary, width); kept up to date whenever they are asked.
        used: Sorted ids of the tokens that train.
    """

    def __init__(self, full: torch.nn.Embedding, used: np.ndarray) -> None:
        super().__init__()
        self.full = full.requires_grad_(False)
        device = full.weight.device
        self._used = torch.from_numpy(used.astype(np.int64)).to(device)
        self._place = torch.full((full.num_embeddings,), -1, device=device)
        self._place[self._used] = torch.arange(len(used), device=device)
        self.rows = torch.nn.Parameter(full.weight.detach()[self._used])
        pad = full.padding_idx
        self._pad = int(self._place[pad]) if pad is not None and pad in used else None

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        if self.training:
            return torch.nn.functional.embedding(self._place[ids], self.rows, padding_idx=self._pad)
        self.settle()
        embedded: torch.Tensor = self.full(ids)
        return embedded

    def settle(self) -> None:
        """Bring what was learnt into the full embeddings."""
        with torch.no_grad():
            self.full.weight[self._used] = self.rows


def used_tokens(encoded: Sequence[Encoded], tokenizer: Any) -> np.ndarray:
    """Ids of the tokens in some texts, padding among them; sorted."""
    return np.unique(np.concatenate([[tokenizer.pad_token_id], *(item.ids for item in encoded)]))


@contextmanager
def used_rows_only(models: Sequence[torch.nn.Module], used: np.ndarray) -> Iterator[None]:
    """Train, while it is open, some rows of the word embeddings in place of all.

    Args:
        models: Models that may share their body; frozen embeddings stay as they are.
        used: Ids of all tokens that a training step can see, padding too; sorted.
    """
    replaced: list[tuple[Any, torch.nn.Embedding, _UsedRows]] = []
    for model in models:
        body: Any = body_of(model)
        full = getattr(getattr(body, "embeddings", None), "word_embeddings", None)
        if isinstance(full, torch.nn.Embedding) and full.weight.requires_grad:
            rows = _UsedRows(full, used)
            body.embeddings.word_embeddings = rows
            replaced.append((body.embeddings, full, rows))
    try:
        yield
    finally:
        for embeddings, full, rows in replaced:
            rows.settle()
            embeddings.word_embeddings = full.requires_grad_(True)
