"""Frozen word embeddings that stay in the encoder's file, in its type, and are not copied.

A quarter of a million rows are most of a small multilingual encoder. The file is mapped into
memory: rows come from the disk as they are first read, and the workers of a machine share them.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from metaselect.harness.train.bodies import body_of

_WORDS = "embeddings.word_embeddings.weight"


class FileWords(torch.nn.Embedding):
    """Word embeddings in whatever type the file has them, that come out in float32."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Vectors of token ids, shape (..., width)."""
        return super().forward(input).float()


def read_state(path: Path) -> tuple[dict[str, torch.Tensor], torch.Tensor] | None:
    """Weights of a file by name, and its word embeddings, which stay there; None for both without.

    Among the weights, one number in their shape stands for the word embeddings.
    """
    with safe_open(str(path), framework="pt") as file:
        mapped = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    found = [name for name in mapped if name.endswith(_WORDS)]
    if len(found) != 1:
        return None
    words = mapped.pop(found[0])
    state = {name: _copied(value) for name, value in mapped.items()}
    state[found[0]] = torch.zeros(1, 1).expand(words.shape)
    return state, words


def _copied(value: torch.Tensor) -> torch.Tensor:
    """A weight that may train: in memory of its own, in float32."""
    return value.to(torch.float32 if value.is_floating_point() else value.dtype, copy=True)


def put_in(model: torch.nn.Module, words: torch.Tensor) -> None:
    """Let a model look words up in a matrix of the file, shape (vocabulary, width)."""
    body: Any = body_of(model)
    pad = body.embeddings.word_embeddings.padding_idx
    body.embeddings.word_embeddings = FileWords.from_pretrained(  # type: ignore[no-untyped-call]
        words, freeze=True, padding_idx=pad
    )
