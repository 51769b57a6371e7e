"""How long a plan will take, from a few steps of each kind of training in it, and how much disk."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from metaselect.harness.data.corpora import Corpora
from metaselect.harness.grid.heap import keep_freed_memory
from metaselect.harness.grid.stages import ScoreStage, Stage, TrainStage
from metaselect.harness.train import encoders
from metaselect.harness.train.finetune import Hooks, finetune, step_count
from metaselect.harness.train.training import Workshop, expected_size, lengthened, stage_legs
from metaselect.harness.train.weights import SavedSize, rows_in

N_STEPS = 4
"""Steps of a probe; the first, which warms caches up, is not counted."""

INFERENCE_SHARE = 0.3
"""Time of a forward pass as a share of a training step's: forward 1, backward 2."""

OVERHEAD_S = 2.0
"""Loading an encoder and saving weights, a stage."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds of work by stage, all on one worker, and bytes of weights by training.

    Attributes:
        seconds: By stage key.
        weights_bytes: By key of a training.
    """

    seconds: Mapping[str, float]
    weights_bytes: Mapping[str, int]

    def total_s(self, n_workers: int) -> float:
        """Seconds of all stages, shared among workers."""
        return sum(self.seconds.values()) / n_workers


@dataclass(frozen=True, slots=True)
class _Rate:
    """What a probe of one training found."""

    s_per_step: float
    n_steps: int
    s_per_row: float
    size: SavedSize


def estimate(stages: list[Stage], shop: Workshop, report: Callable[[str], None]) -> Estimate:
    """Probe each distinct training once and add up.

    Tokens that the probe makes are kept, so the grid itself need not make them again.

    Args:
        stages: Of a plan.
        shop: Where and on what they will be done.
        report: Takes a line before each probe.
    """
    torch.set_num_threads(shop.machine.threads)
    if not shop.machine.device.startswith("cuda"):
        keep_freed_memory()
    rates = _rates(stages, shop, report)
    by_stage: dict[str, _Rate] = {}
    sizes: dict[str, SavedSize] = {}
    seconds: dict[str, float] = {}
    for stage in stages:
        if isinstance(stage, TrainStage):
            rate = by_stage[stage.key] = rates[_kind(stage)]
            sizes[stage.key] = _size(stage, rate.size, sizes, shop)
            n_rows = stage.recipe.validation_rows
            seconds[stage.key] = rate.s_per_step * rate.n_steps + n_rows * rate.s_per_row
        else:
            known = by_stage.get(stage.parent or "") or next(iter(rates.values()), None)
            per_row = known.s_per_row if known is not None else 0.0
            seconds[stage.key] = _test_rows(stage, shop.corpora) * per_row
        seconds[stage.key] += OVERHEAD_S
    return Estimate(seconds, {key: size.n_bytes for key, size in sizes.items()})


def _size(
    stage: TrainStage, own: SavedSize, sizes: Mapping[str, SavedSize], shop: Workshop
) -> SavedSize:
    """What a training keeps, with what the one before it has moved."""
    if stage.parent is None:
        return own
    if stage.parent in sizes:
        return own.after(sizes[stage.parent])
    rows = rows_in(shop.work.weights(stage.parent))  # done in an earlier call
    return own if rows is None else own.after(SavedSize(0, 0, rows))


def _rates(stages: list[Stage], shop: Workshop, report: Callable[[str], None]) -> dict[str, _Rate]:
    """What one training of each kind takes."""
    first: dict[str, TrainStage] = {}
    for stage in stages:
        if isinstance(stage, TrainStage):
            first.setdefault(_kind(stage), stage)
    rates = {}
    for number, (kind, stage) in enumerate(first.items(), start=1):
        report(f"probe {number}/{len(first)}: {N_STEPS} steps of {stage.label}")
        rates[kind] = _probe(stage, shop)
    return rates


def _kind(stage: TrainStage) -> str:
    return repr((stage.encoder, [card.name for card in stage.cards], stage.recipe, stage.extra))


def _probe(stage: TrainStage, shop: Workshop) -> _Rate:
    """Time a few steps of the stage as it will train, but on the bare encoder."""
    shop = replace(shop, machine=replace(shop.machine, compile=False))
    tokenizer = encoders.load_tokenizer(stage.encoder)
    legs = stage_legs(replace(stage, parent=None), shop, tokenizer)
    encoded = [leg.encoded for leg in legs]
    times: list[float] = []
    finetune(
        legs,
        replace(stage.recipe, steps=N_STEPS, epochs=None, checkpoint="last"),
        tokenizer=tokenizer,
        machine=shop.machine,
        seed=0,
        hooks=Hooks(lambda done, n_steps: times.append(time.perf_counter()), None),
    )
    per_step = float(np.diff(times).mean())
    n_steps = step_count(encoded, lengthened(stage, encoded, shop, tokenizer))
    rows_per_step = (
        sum(len(np.unique(item.rows)) for item in encoded) * _passes(stage, n_steps) / n_steps
    )
    size = expected_size(replace(stage, parent=None), shop, legs, tokenizer)
    return _Rate(per_step, n_steps, INFERENCE_SHARE * per_step / max(rows_per_step, 1e-9), size)


def _passes(stage: TrainStage, n_steps: int) -> float:
    """Passes over the rows in all, for the mean rows a step."""
    recipe = stage.recipe
    if recipe.epochs is not None:
        return recipe.epochs
    return n_steps * (recipe.batch_examples or 16) / max(1, recipe.train_rows or 1000)


def _test_rows(stage: ScoreStage, corpora: Corpora) -> int:
    """Rows to score: the limit a language, or the first language's rows for each."""
    n_rows = stage.testing.rows
    if n_rows is None:
        n_rows = len(corpora.rows(stage.card, "test", stage.languages[0]))
    return n_rows * len(stage.languages)
