"""Running a model without gradients: large length-sorted batches, and tensors on a device."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metaselect.harness.data.tokens import Batch, Encoded, collate, inference_batches
from metaselect.harness.recipe import Limits, Machine

GPU_MULTIPLE = 8
"""Lengths on a GPU are rounded up to this, for its matrix units."""


@dataclass(frozen=True, slots=True)
class Tensors:
    """A batch on the model's device.

    Attributes:
        inputs: Model inputs, each (n_items * width, length).
        items: Gold values an item.
        tokens: Values a token, -100 at padding.
        width: Sequences an item.
    """

    inputs: Mapping[str, torch.Tensor]
    items: Mapping[str, torch.Tensor]
    tokens: Mapping[str, torch.Tensor]
    width: int


Forward = Callable[[torch.nn.Module, Tensors], tuple[torch.Tensor, ...]]


@dataclass(frozen=True, slots=True)
class InferenceModel:
    """A model with all that running it takes.

    Attributes:
        model: On the machine's device.
        tokenizer: The encoder's.
        limits: Lengths of the texts.
        machine: Device and batch size.
    """

    model: torch.nn.Module
    tokenizer: Any
    limits: Limits
    machine: Machine

    def outputs(
        self, encoded: Encoded, forward: Forward
    ) -> Iterator[tuple[Batch, tuple[np.ndarray, ...]]]:
        """Each batch with what `forward` gives for it, in float32 on the CPU."""
        self.model.eval()
        sizes = encoded.lengths * encoded.width
        for index in inference_batches(sizes, batch_tokens=self.machine.inference_tokens):
            batch = padded_batch(encoded, index, tokenizer=self.tokenizer, machine=self.machine)
            with torch.inference_mode(), autocast(self.machine):
                out = forward(self.model, to_tensors(batch, self.model, self.machine.device))
            yield batch, tuple(item.float().cpu().numpy() for item in out)


def padded_batch(encoded: Encoded, index: np.ndarray, *, tokenizer: Any, machine: Machine) -> Batch:
    """Collate for a machine: padded to multiples of 8 on a GPU, to the longest on a CPU."""
    multiple = 1 if machine.device == "cpu" else GPU_MULTIPLE
    return collate(encoded, index, pad_id=int(tokenizer.pad_token_id), multiple=multiple)


def to_tensors(batch: Batch, model: torch.nn.Module, device: str) -> Tensors:
    """A batch on the device, with the inputs that the model takes.

    A batch without padding goes without its mask, so that attention takes its fast path.
    """
    inputs = dict(batch.inputs)
    config: Any = getattr(model, "config", None)
    if getattr(config, "type_vocab_size", 0) < 2:
        del inputs["token_type_ids"]
    if inputs["attention_mask"].all():
        del inputs["attention_mask"]
    return Tensors(
        inputs={name: _on(values, device) for name, values in inputs.items()},
        items={name: _on(values, device) for name, values in batch.items.items()},
        tokens={name: _on(values, device) for name, values in batch.tokens.items()},
        width=batch.width,
    )


def autocast(machine: Machine) -> AbstractContextManager[Any]:
    """Matrix products in the machine's precision."""
    return torch.autocast(
        machine.device.partition(":")[0],
        dtype=torch.bfloat16,
        enabled=machine.precision == "bfloat16",
    )


def _on(values: np.ndarray, device: str) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    if device == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
