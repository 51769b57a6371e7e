"""The frozen lower part of an encoder, run once for each text and then remembered.

Where the first layers keep their pretrained values, their output for a text is the same in every
epoch and in every stage of a grid. A worker keeps it in memory, so that a training pays for the
upper layers alone: with half of twelve layers frozen, half of the time.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from metaselect.harness.recipe import Machine
from metaselect.harness.train import encoders
from metaselect.harness.train.bodies import body_of
from metaselect.harness.train.encoders import Encoder

STATES_BYTES = 6 * 10**8
"""Memory that a worker's remembered states may take; the longest unused go first. A grid goes
target by target: 2,000 rows and ten test sets of 200, 60 tokens each, take 180 MB at width 384."""


_ROWS = 4  # of a pass through the lower layers; more are no faster where lengths differ
_ROOM = 16  # tokens: lengths are rounded up to a multiple


class LowerLayers:
    """Embeddings and first layers of an encoder, with their outputs by text.

    Args:
        encoder: Cut to the layers that are frozen.
        machine: Device and precision; states are remembered on a CPU alone, since a GPU makes them
            faster than they come to it.
    """

    def __init__(self, encoder: Encoder, machine: Machine) -> None:
        load = encoders.load_on_file_words if machine.device == "cpu" else encoders.load_model
        self._model = load(
            encoder, auto_class="AutoModel", n_labels=None, seed=0,
            attention=encoders.attention_for(machine),
        ).to(machine.device).eval()  # fmt: skip
        config: Any = self._model.config
        self._pad_id, self._width = int(config.pad_token_id or 0), int(config.hidden_size)
        self._most = int(getattr(config, "max_position_embeddings", None) or 1 << 30)
        self._machine = machine
        half = machine.precision == "bfloat16"
        self._dtype = torch.bfloat16 if half else torch.float32
        self._states: OrderedDict[bytes, torch.Tensor] = OrderedDict()
        self._n_bytes = 0

    def states(self, ids: torch.Tensor, types: torch.Tensor | None) -> torch.Tensor:
        """Hidden states under the first layer that trains, shape (n, length, width), zero at pads.

        Args:
            ids: Padded token ids, shape (n, length).
            types: Token types of the same shape, where the encoder has such.
        """
        if self._machine.device != "cpu":
            return self._run(ids, types).float()
        lengths = (ids != self._pad_id).sum(1).tolist()
        names = _names(ids, types, lengths)
        found = {name: self._states[name] for name in names if name in self._states}
        missing = [row for row, name in enumerate(names) if name not in found]
        found |= {names[row]: state for row, state in self._computed(ids, types, lengths, missing)}
        out = torch.zeros(*ids.shape, self._width)
        for row, (name, length) in enumerate(zip(names, lengths, strict=True)):
            out[row, :length] = found[name]
            self._keep(name, found[name])
        return out

    def _computed(
        self, ids: torch.Tensor, types: torch.Tensor | None, lengths: Sequence[int], rows: list[int]
    ) -> list[tuple[int, torch.Tensor]]:
        """The states of some rows, without their padding.

        Every pass has one shape for all texts of a length: rounding then depends on the text alone,
        not on what came with it, and a stage made again has the same states to the last bit.
        """
        by_room: dict[int, list[int]] = {}
        for row in rows:
            room = min(-(-lengths[row] // _ROOM) * _ROOM, self._most)
            by_room.setdefault(room, []).append(row)
        found = []
        for room, own in by_room.items():
            for start in range(0, len(own), _ROWS):
                some = own[start : start + _ROWS]
                full = some + some[-1:] * (_ROWS - len(some))
                made = self._run(
                    _fitted(ids[full], room, self._pad_id),
                    None if types is None else _fitted(types[full], room, 0),
                ).to(self._dtype)
                found += [(row, made[at, : lengths[row]].clone()) for at, row in enumerate(some)]
        return found

    def _run(self, ids: torch.Tensor, types: torch.Tensor | None) -> torch.Tensor:
        inputs = (
            {"input_ids": ids} if types is None else {"input_ids": ids, "token_type_ids": types}
        )
        mask = (ids != self._pad_id).long()
        with torch.no_grad():
            states: torch.Tensor = self._model(**inputs, attention_mask=mask).last_hidden_state
        return states

    def _keep(self, name: bytes, state: torch.Tensor) -> None:
        if name not in self._states:
            self._n_bytes += state.nbytes
        self._states[name] = state
        self._states.move_to_end(name)
        while self._n_bytes > STATES_BYTES:
            _, dropped = self._states.popitem(last=False)
            self._n_bytes -= dropped.nbytes


class _Remembered(torch.nn.Module):
    """Stands where an encoder's embeddings were: gives the states under its first trained layer."""

    def __init__(self, lower: LowerLayers) -> None:
        super().__init__()
        self._lower = lower

    def forward(
        self, input_ids: torch.Tensor, token_type_ids: torch.Tensor | None = None, **_: Any
    ) -> torch.Tensor:
        return self._lower.states(input_ids, token_type_ids)


class _Passed(torch.nn.Module):
    """Stands where a frozen layer was, so that the layers above keep their names."""

    def forward(self, states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return states


def remember_frozen(
    model: torch.nn.Module, encoder: Encoder, n_layers: int, machine: Machine
) -> None:
    """Let a model take the output of its first layers from what the worker remembers.

    Args:
        model: Its embeddings and first layers are the pretrained encoder's own.
        encoder: The encoder.
        n_layers: Frozen layers; 0 leaves the model as it is.
        machine: Device and precision.
    """
    if not n_layers:
        return
    body: Any = body_of(model)
    body.embeddings = _Remembered(_lower(replace(encoder, n_layers=n_layers), machine))
    for index in range(n_layers):
        body.encoder.layer[index] = _Passed()


@lru_cache(maxsize=1)  # a second encoder's states would take as much memory again
def _lower(encoder: Encoder, machine: Machine) -> LowerLayers:
    return LowerLayers(encoder, machine)


def _fitted(values: torch.Tensor, length: int, fill: int) -> torch.Tensor:
    """Rows cut or filled up to a length."""
    short = max(0, length - values.shape[1])
    return torch.nn.functional.pad(values[:, :length], (0, short), value=fill)


def _names(ids: torch.Tensor, types: torch.Tensor | None, lengths: Sequence[int]) -> list[bytes]:
    """A name of each row's text: its tokens and their types."""
    parts = [ids.numpy()] if types is None else [ids.numpy(), types.numpy()]
    rows = np.stack(parts, axis=1).astype(np.int32)
    return [row[:, :length].tobytes() for row, length in zip(rows, lengths, strict=True)]
