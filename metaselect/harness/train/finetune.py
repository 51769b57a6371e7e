"""The training loop: fixed steps over length-bucketed batches, several tasks at once if asked."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metaselect.errors import MetaselectError
from metaselect.harness.data.tokens import Encoded, epoch_batches, training_batches
from metaselect.harness.recipe import Machine, Recipe
from metaselect.harness.train.dropout import CheapDropout
from metaselect.harness.train.dynamics import DynamicsLog
from metaselect.harness.train.heads.base import BatchResult, Head
from metaselect.harness.train.inference import autocast, padded_batch, to_tensors
from metaselect.harness.train.snapshots import Snapshots
from metaselect.harness.train.usedrows import used_rows_only, used_tokens

CHECK_EVERY = 25
"""Steps between looks at the loss on a GPU, where each look waits for the device."""


class TrainingFailed(MetaselectError):
    """The loss is no number any more, or one example does not fit into memory."""


class Interrupted(Exception):
    """Someone asked to stop; the step before is finished, nothing is half-written."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One task of a training: a head on the shared body, and its rows.

    Attributes:
        model: Body and head; the bodies of several legs are one and the same module.
        head: How it trains.
        encoded: Its rows.
    """

    model: torch.nn.Module
    head: Head
    encoded: Encoded


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training leaves beside the weights, which stay in the models.

    Attributes:
        losses: Mean loss of every step, shape (n_steps,).
        logs: Training dynamics of each leg.
        n_examples: Examples trained on, repeats counted.
        n_parts: Parts that a step was cut into at the end, for want of memory; 1 is whole.
    """

    losses: np.ndarray
    logs: Sequence[DynamicsLog]
    n_examples: int
    n_parts: int


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a training asks of its caller.

    Attributes:
        on_step: Called after each step with (steps done, steps in all); may raise to stop.
        english: Score on English validation rows, for the `best-english` checkpoint alone.
    """

    on_step: Callable[[int, int], None]
    english: Callable[[], float] | None


def step_count(encoded: Sequence[Encoded], recipe: Recipe) -> int:
    """Steps of a training: as told, or as many as its tasks take for their epochs."""
    return sum(leg_steps(encoded, recipe))


def leg_steps(encoded: Sequence[Encoded], recipe: Recipe) -> list[int]:
    """Steps of each task: its own epochs, or its share of the steps told, by batches an epoch."""
    per_epoch = [_epoch_steps(item, recipe) for item in encoded]
    if recipe.epochs is not None:
        return [max(1, round(recipe.epochs * steps)) for steps in per_epoch]
    if recipe.steps is None:
        raise ValueError("need steps or epochs")
    ends = np.round(recipe.steps * np.cumsum(per_epoch) / sum(per_epoch)).astype(int)
    return [int(steps) for steps in np.diff(ends, prepend=0)]


def _epoch_steps(encoded: Encoded, recipe: Recipe) -> float:
    """Batches of an epoch; where tokens are counted, with the padding that they take."""
    if recipe.batch_tokens is None:
        return len(encoded) / (recipe.batch_examples or 1)
    return len(epoch_batches(
        encoded.lengths * encoded.width, batch_tokens=recipe.batch_tokens,
        batch_examples=None, rng=np.random.default_rng(0),
    ))  # fmt: skip


def finetune(
    legs: Sequence[Leg],
    recipe: Recipe,
    *,
    tokenizer: Any,
    machine: Machine,
    seed: int,
    hooks: Hooks,
) -> TrainingResult:
    """Train the legs' models in place for the recipe's steps.

    Word embeddings that train move in the rows of the legs' own tokens; the others keep their
    values.

    Args:
        legs: One leg, or several that share a body; a step takes one leg's batch.
        recipe: Steps, batch size, optimiser, checkpoint.
        tokenizer: Gives the padding id.
        machine: Device; bf16 and fused kernels follow from it.
        seed: Fixes data order and dropout.
        hooks: What to call on the way.

    Raises:
        TrainingFailed: A loss that is not finite, or no memory for a single example.
    """
    used = used_tokens([leg.encoded for leg in legs], tokenizer)
    with used_rows_only([leg.model for leg in legs], used):
        steps = leg_steps([leg.encoded for leg in legs], recipe)
        n_steps = sum(steps)
        parameters = _trainable([leg.model for leg in legs])
        optimizer, schedule = _make_optimizer(parameters, recipe, n_steps)
        snapshots = Snapshots(
            parameters, recipe.checkpoint, n_steps, recipe.n_snapshots, english=hooks.english
        )
        stepper = _Stepper(legs, recipe, tokenizer, machine, seed)
        torch.manual_seed(seed)
        batches = _batches(legs, steps, recipe, np.random.default_rng(seed))
        for leg in legs:
            leg.model.train()
        for step, (which, index) in enumerate(batches):
            optimizer.zero_grad(set_to_none=True)
            stepper.backward(which, index)
            torch.nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
            optimizer.step()
            schedule.step()
            if machine.device == "cpu" or (step + 1) % CHECK_EVERY == 0 or step + 1 == n_steps:
                stepper.check(step)
            snapshots.after(step + 1)
            hooks.on_step(step + 1, n_steps)
        snapshots.finish()
        return stepper.training()


def _trainable(models: Sequence[torch.nn.Module]) -> list[torch.nn.Parameter]:
    """Trainable parameters of some models, the shared ones once."""
    unique = {id(p): p for model in models for p in model.parameters() if p.requires_grad}
    return list(unique.values())


def _make_optimizer(
    parameters: Sequence[torch.nn.Parameter], recipe: Recipe, n_steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """Fused AdamW, linear warm-up and decay; biases and norms (vectors) do not decay."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, eps=1e-8, fused=True)
    n_warm = round(recipe.warmup * n_steps)

    def scale(step: int) -> float:
        if step < n_warm:
            return (step + 1) / n_warm
        return max(0.0, (n_steps - step) / max(1, n_steps - n_warm))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, scale)


class _Stepper:
    """Forward and backward of one step, in as many parts as memory asks for."""

    def __init__(
        self, legs: Sequence[Leg], recipe: Recipe, tokenizer: Any, machine: Machine, seed: int
    ) -> None:
        self._legs, self._recipe = legs, recipe
        cheap = machine.device == "cpu" and not machine.compile
        self._dropout: AbstractContextManager[Any] = CheapDropout(seed) if cheap else nullcontext()
        self._tokenizer, self._machine = tokenizer, machine
        self._logs = [DynamicsLog(len(leg.encoded)) for leg in legs]
        self._pending: list[tuple[int, np.ndarray, BatchResult]] = []
        self._losses: list[torch.Tensor] = []
        self._checked: list[float] = []
        self._n_parts = 1
        self._n_examples = 0

    def backward(self, which: int, index: np.ndarray) -> None:
        """Accumulate the gradient of a step's mean loss; halve the parts when memory runs out."""
        while True:
            parts = np.array_split(index, min(self._n_parts, len(index)))
            try:
                done = [self._part(which, part, index) for part in parts]
                break
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                if self._n_parts >= len(index):
                    raise TrainingFailed("One example does not fit into memory.") from error
                self._n_parts *= 2
                self._clear(which)
        self._pending += done
        total = sum((out.loss_sum.detach() for _, _, out in done), torch.zeros(()))
        self._losses.append(total / self._weight(which, index))
        self._n_examples += len(index)

    def check(self, step: int) -> None:
        """Bring losses and dynamics to the CPU, and refuse a loss that is no number."""
        values = torch.stack([loss.cpu() for loss in self._losses]).tolist()
        for value in values:
            if not math.isfinite(value):
                raise TrainingFailed(
                    f"The loss became {value} at step {step + 1}: lower the learning rate."
                )
        self._checked += values
        for which, part, out in self._pending:
            confidence = out.confidence.float().cpu().numpy()
            self._logs[which].add(part, confidence, out.correct.cpu().numpy())
        self._losses, self._pending = [], []

    def training(self) -> TrainingResult:
        """What the steps left."""
        return TrainingResult(np.array(self._checked), self._logs, self._n_examples, self._n_parts)

    def _part(
        self, which: int, part: np.ndarray, whole: np.ndarray
    ) -> tuple[int, np.ndarray, BatchResult]:
        leg = self._legs[which]
        batch = padded_batch(leg.encoded, part, tokenizer=self._tokenizer, machine=self._machine)
        with autocast(self._machine), self._dropout:
            tensors = to_tensors(batch, leg.model, self._machine.device)
            out = leg.head.train(leg.model, tensors, temperature=self._recipe.temperature)
        (out.loss_sum / self._weight(which, whole)).backward()  # type: ignore[no-untyped-call]
        return which, part, BatchResult(out.loss_sum.detach(), out.confidence, out.correct)

    def _weight(self, which: int, index: np.ndarray) -> float:
        """Loss terms of a whole step; a batch without any labelled token has a loss of 0."""
        return max(1.0, float(self._legs[which].encoded.weights[index].sum()))

    def _clear(self, which: int) -> None:
        for parameter in self._legs[which].model.parameters():
            parameter.grad = None
        if self._machine.device.startswith("cuda"):
            torch.cuda.empty_cache()


def _is_out_of_memory(error: BaseException) -> bool:
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "can't allocate memory" in str(error)


def _batches(
    legs: Sequence[Leg], steps: Sequence[int], recipe: Recipe, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray]]:
    """(leg, items) of each step: every leg as often as told, in random order."""
    streams = [
        training_batches(
            leg.encoded.lengths * leg.encoded.width,
            batch_tokens=recipe.batch_tokens,
            batch_examples=recipe.batch_examples,
            rng=np.random.default_rng(rng.integers(2**63)),
        )
        for leg in legs
    ]
    for which in rng.permutation(np.repeat(np.arange(len(legs)), steps)):
        yield int(which), next(streams[which])
