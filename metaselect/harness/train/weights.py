"""The weights that a stage leaves, on disk and back: what it trained, and no more.

What the pretrained encoder has anyway is left out: frozen weights as a whole, and of word
embeddings the rows that no training has moved. Their matrix then holds the others, and a tensor of
the same name with `.rows` at its end says which they are.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from metaselect.errors import MetaselectError
from metaselect.files import replacing
from metaselect.harness.train.bodies import body_of

_WORDS = "embeddings.word_embeddings.weight"
_ROWS = ".rows"
_ENTRY_BYTES = 100  # at most, of a tensor in a file's head, besides its name
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class SavedSize:
    """What a file of weights will take.

    Attributes:
        fixed_bytes: All but the word embeddings.
        row_bytes: One row of those.
        rows: The rows that are kept, sorted.
    """

    fixed_bytes: int
    row_bytes: int
    rows: np.ndarray

    @property
    def n_bytes(self) -> int:
        """In all."""
        return self.fixed_bytes + len(self.rows) * self.row_bytes

    def after(self, parent: "SavedSize") -> "SavedSize":
        """The size where the training goes on from another's weights, which it keeps too."""
        return SavedSize(
            max(self.fixed_bytes, parent.fixed_bytes),
            max(self.row_bytes, parent.row_bytes),
            np.union1d(self.rows, parent.rows),
        )


def saved_size(
    model: torch.nn.Module,
    *,
    left_out: Collection[str],
    rows: np.ndarray | None,
    matrices: torch.dtype,
) -> SavedSize:
    """What `save_weights` will write, from the same arguments."""
    fixed, row_bytes, kept = 0, 0, np.array([], np.int64)
    for name, value in model.state_dict().items():
        width = (matrices if value.ndim > 1 else value.dtype).itemsize
        if name in left_out:
            continue
        fixed += len(name) + _ENTRY_BYTES
        if name.endswith(_WORDS):
            row_bytes = value.shape[1] * width + 8  # with its number
            kept = np.arange(value.shape[0]) if rows is None else np.asarray(rows)
        else:
            fixed += value.numel() * width
    return SavedSize(fixed, row_bytes, kept)


def save_weights(
    model: torch.nn.Module,
    path: Path,
    *,
    left_out: Collection[str],
    rows: np.ndarray | None,
    matrices: torch.dtype,
) -> None:
    """Write a model's weights as safetensors.

    Args:
        model: Body and head.
        path: Where to.
        left_out: Names of weights that are the pretrained encoder's own.
        rows: Rows of the word embeddings that are not; None keeps all.
        matrices: Type that matrices are kept in; vectors stay as they are.
    """
    state = {name: value for name, value in model.state_dict().items() if name not in left_out}
    for name in [name for name in state if rows is not None and name.endswith(_WORDS)]:
        kept = torch.from_numpy(np.asarray(rows, np.int64))
        state[name], state[name + _ROWS] = state[name].detach().cpu()[kept], kept
    plain = {
        name: value.detach().cpu().to(matrices if value.ndim > 1 else value.dtype).contiguous()
        for name, value in state.items()
    }
    with replacing(path) as temp:
        save_file(plain, str(temp))


def names_in(path: Path) -> frozenset[str]:
    """Names of the weights that a file holds, as a whole or in part."""
    return frozenset(name.removesuffix(_ROWS) for name in _keys(path))


def rows_in(path: Path) -> np.ndarray | None:
    """Rows of the word embeddings that a file holds; None where it holds all."""
    keys = _keys(path)
    found = [name for name in keys if name.endswith(_WORDS + _ROWS)]
    if found:
        with safe_open(str(path), framework="np") as file:
            return np.asarray(file.get_tensor(found[0]))
    return None if any(name.endswith(_WORDS) for name in keys) else np.array([], np.int64)


def has_words(path: Path) -> bool:
    """Whether a file of weights has word embeddings of its own, all or some rows."""
    return any(name.endswith(_WORDS) for name in names_in(path))


def n_left_out(path: Path) -> int:
    """Leading layers that a file of weights leaves to the pretrained encoder, embeddings too."""
    names = names_in(path)
    layers = [int(found[1]) for name in names if (found := _LAYER.search(name))]
    has_embeddings = any("embeddings." in name for name in names)
    return 0 if has_embeddings or not layers else min(layers)


def load_body(model: torch.nn.Module, path: Path) -> None:
    """Take over the body of a stage's weights; head and what the file lacks stay as they are.

    Args:
        model: With the pretrained encoder's weights.
        path: A file of `save_weights`.

    Raises:
        MetaselectError: The file is another encoder's.
    """
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    body = body_of(model)
    own = body.state_dict()
    state = _whole(
        {name.removeprefix(prefix): value for name, value in load_file(str(path)).items()}, own
    )
    shared = {name: value for name, value in state.items() if name in own}
    if not shared or any(value.shape != own[name].shape for name, value in shared.items()):
        raise MetaselectError(f"{path} holds weights of another encoder.")
    body.load_state_dict(shared, strict=False)


def load_all(model: torch.nn.Module, path: Path) -> None:
    """Take over every weight of a stage's file, the body and its head, as `load_body` does."""
    state = _whole(load_file(str(path)), model.state_dict())
    if model.load_state_dict(state, strict=False).unexpected_keys:
        raise MetaselectError(f"{path} holds weights of another model.")


def _whole(state: Mapping[str, Any], own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A file's weights, with the rows that it lacks from the model's own."""
    whole = {name: value for name, value in state.items() if not name.endswith(_ROWS)}
    for name in [name for name in whole if name + _ROWS in state and name in own]:
        full = own[name].clone()
        full[state[name + _ROWS]] = whole[name].to(full)
        whole[name] = full
    return whole


def _keys(path: Path) -> frozenset[str]:
    with safe_open(str(path), framework="pt") as file:
        return frozenset(file.keys())
