"""What one stage is asked to do: how it trains and how it tests, as plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Adaptation = Literal["finetune", "lora"]
Checkpoint = Literal["last", "average", "best-english"]
Pooling = Literal["mean", "first"]
Precision = Literal["float32", "bfloat16"]
TrackerName = Literal["tensorboard", "mlflow"]

EPOCHS = 3.0
BATCH_EXAMPLES = 32
"""XTREME's and jiant's reference, which a grid takes where it does not say."""

ROWS_TO_LEARN = 1000
NLI_ROWS_TO_LEARN = 3000
"""Training rows that a small encoder took to leave chance, seen two or three times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Lengths in tokens, special tokens included.

    Attributes:
        max_length: Longest sequence; longer texts are cut, longer QA contexts windowed.
        query_length: Longest query of a dual encoder, and longest question of a QA pair.
        stride: Overlap of two neighbouring QA windows.
        max_answer_length: Longest answer that QA decoding considers.
    """

    max_length: int
    query_length: int
    stride: int
    max_answer_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one stage trains.

    Attributes:
        limits: Lengths of its texts.
        train_rows: Rows drawn from the training split; None takes all.
        validation_rows: English rows scored after training; 0 skips it.
        steps: Optimiser steps; None where `epochs` counts instead.
        epochs: Passes over the rows; None where `steps` counts instead.
        batch_tokens: Padded tokens a step; None where `batch_examples` counts instead.
        batch_examples: Examples a step; None where `batch_tokens` counts instead.
        learning_rate: Peak, reached after warm-up, then linear to 0.
        warmup: Share of the steps that warm up.
        weight_decay: AdamW's, not applied to biases and norms.
        clip_norm: Largest gradient norm.
        checkpoint: Weights kept: the last, the mean of the snapshots, or the snapshot that is
            best on English validation rows (Keung et al. 2020 advise against it).
        n_snapshots: Evenly spaced snapshots for the last two.
        temperature: Of the in-batch softmax of dual encoders.
        lora_rank: Rank of LoRA's matrices.
        lora_alpha: Scale of LoRA's update.
        freeze_embeddings: Whether the word embeddings keep their pretrained values; words of
            languages that the English rows lack stay aligned with those that they have.
        freeze_layers: The first layers that keep their pretrained values, and with them all
            embeddings; 0 trains every layer.
        dropout: Of hidden states and attention; None keeps the encoder's own.
    """

    limits: Limits
    train_rows: int | None
    validation_rows: int
    steps: int | None
    epochs: float | None
    batch_tokens: int | None
    batch_examples: int | None
    learning_rate: float
    warmup: float
    weight_decay: float
    clip_norm: float
    checkpoint: Checkpoint
    n_snapshots: int
    temperature: float
    lora_rank: int
    lora_alpha: int
    freeze_embeddings: bool
    freeze_layers: int
    dropout: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Testing:
    """How one target is scored.

    Attributes:
        limits: Lengths of its texts.
        rows: Test rows a language, the same ones in every run; None takes all.
        languages: Codes to score; None means the card's languages for which there are data.
        layer: Hidden layer read by retrieval without training; negative counts from the last.
        pooling: How that layer becomes one vector.
        margin: Whether retrieval ranks by the ratio margin (Artetxe and Schwenk 2019), not cosine.
        n_neighbours: Neighbours that the margin averages.
    """

    limits: Limits
    rows: int | None
    languages: tuple[str, ...] | None
    layer: int
    pooling: Pooling
    margin: bool
    n_neighbours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where stages run: what changes the time they take, not the result (but for rounding).

    Attributes:
        device: `cpu`, `cuda` or `cuda:1`.
        threads: Torch threads of one worker.
        inference_tokens: Padded tokens a batch without gradients.
        compile: Whether torch.compile is used; pays on a GPU with many steps only.
        precision: Of matrix products; weights and sums stay in float32.
    """

    device: str
    threads: int
    inference_tokens: int
    compile: bool
    precision: Precision


def usual_steps(n_rows: int) -> int:
    """Steps of a training of so many rows, where a grid does not say otherwise.

    Example:
        >>> usual_steps(152)  # 4.75 batches, three times
        14
    """
    return max(1, round(EPOCHS * n_rows / BATCH_EXAMPLES))


def as_json(value: Any) -> dict[str, Any]:
    """A record as plain JSON values, for identities and manifests."""
    return {key: _plain(item) for key, item in asdict(value).items()}


def _plain(item: Any) -> Any:
    if isinstance(item, tuple):
        return [_plain(part) for part in item]
    if isinstance(item, Mapping):
        return {str(key): _plain(part) for key, part in item.items()}
    return item
