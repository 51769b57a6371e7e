"""The workbench of measuring: data, an encoder, and models tuned on it at one equal budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch

from metaselect.catalogue.tasks import Catalogue, TaskCard
from metaselect.harness.data.corpora import Corpora, Split
from metaselect.harness.data.rows import Row
from metaselect.harness.grid.stages import Naming, Teaching, TrainStage
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.harness.recipe import Limits, Machine, Recipe
from metaselect.harness.train import encoders, weights
from metaselect.harness.train.encoders import Encoder
from metaselect.harness.train.heads.base import label_count
from metaselect.harness.train.heads.registry import HEADS
from metaselect.harness.train.inference import InferenceModel
from metaselect.harness.train.training import Workshop, run_training, sampled
from metaselect.seeding import derive_seed

N_ROWS = 1000
"""Rows that a model is tuned on, the same for every task, so that difficulty is not size."""

N_VALIDATION = 300
"""English validation rows that tell what was learnt."""

N_SAMPLE = 500
"""Rows whose vectors describe a task."""

N_TEXTS = 100
"""Texts, or sentence pairs, that stand for a language."""


@dataclass(frozen=True, eq=False)
class Bench:
    """What measuring takes.

    Attributes:
        corpora: Data.
        catalogue: Cards.
        encoder: The encoder that measures.
        machine: Where it runs.
        work: Where tuned models are kept; they can be made again.
    """

    corpora: Corpora
    catalogue: Catalogue
    encoder: Encoder
    machine: Machine
    work: WorkFolder

    def rows(self, card: TaskCard, split: Split, n_most: int, language: str = "en") -> list[Row]:
        """A fixed sample of a split."""
        rows = self.corpora.rows(card, split, language)
        seed = derive_seed(0, "measured", card.name, split)
        return [rows[index] for index in sampled(len(rows), n_most, seed=seed)]

    def source(self, name: str) -> TaskCard | None:
        """The card whose English rows a task trains on, or None where there are none."""
        card = self.catalogue[name]
        trained_on = self.catalogue.find(card.train_task or "")
        for found in (trained_on, card):
            if found is not None and self.corpora.has(found, "train", "en"):
                return found
        return None

    def held_out(self, card: TaskCard) -> list[Row]:
        """English rows that a model tuned here has not seen: validation, else spare rows."""
        if self.corpora.has(card, "validation", "en"):
            return self.rows(card, "validation", N_VALIDATION)
        rows = self.corpora.rows(card, "train", "en")
        used = set(sampled(len(rows), N_ROWS, seed=derive_seed(0, "rows", card.name)).tolist())
        return [row for index, row in enumerate(rows) if index not in used][:N_VALIDATION]

    def limits(self, card: TaskCard) -> Limits:
        """Lengths, alike for every task; windows for questions on contexts."""
        length = 192 if card.head == "extractive-qa" else 96
        return Limits(max_length=length, query_length=40, stride=64, max_answer_length=30)

    def stage(self, card: TaskCard) -> TrainStage:
        """The training of the encoder on a task, at the equal budget."""
        recipe = Recipe(
            limits=self.limits(card), train_rows=N_ROWS, validation_rows=0, steps=None, epochs=2.0,
            batch_tokens=None, batch_examples=16, learning_rate=1e-4, warmup=0.1,
            weight_decay=0.01, clip_norm=1.0, checkpoint="last", n_snapshots=1, temperature=0.05,
            lora_rank=8, lora_alpha=16, freeze_embeddings=True, freeze_layers=0, dropout=None,
        )  # fmt: skip
        teaching = Teaching(
            adaptation="finetune", recipe=recipe, seed=0, pair_questions=False, keep_head=False
        )
        return self._naming.train_stage([card.name], start=self.encoder, teaching=teaching)

    @cached_property
    def _naming(self) -> Naming:
        """Keeps the hashes of data and encoder, which every stage's name takes."""
        return Naming(self.corpora, self.catalogue)

    def is_tuned(self, name: str) -> bool:
        """Whether the model tuned on a task's English rows is there."""
        card = self.source(name)
        return card is not None and self._is_there(self.stage(card))

    def _is_there(self, stage: TrainStage) -> bool:
        return self.work.is_done(stage.key) and self.work.weights(stage.key).is_file()

    def tune(self, card: TaskCard) -> TrainStage:
        """The finished training of a task, carried out if its weights are not there."""
        stage = self.stage(card)
        if not self._is_there(stage):
            shop = Workshop(self.corpora, self.work, self.machine)
            run_training(stage, shop, on_step=lambda done, n_steps: None)
        return stage

    def predictor(self, model: torch.nn.Module, card: TaskCard) -> InferenceModel:
        """A model ready to run on a card's rows."""
        return InferenceModel(
            model.to(self.machine.device), tokenizer_of(self.encoder), self.limits(card),
            self.machine,
        )  # fmt: skip

    def tuned(self, card: TaskCard) -> torch.nn.Module:
        """The whole tuned model of a task, head included."""
        head = HEADS[card.head]
        model = encoders.load_model(
            self.encoder, auto_class=head.auto_class, n_labels=label_count(head, card), seed=0
        )
        weights.load_all(model, self.work.checked_weights(self.tune(card).key))
        return model

    def body(self, card: TaskCard | None) -> torch.nn.Module:
        """The body tuned on a task; None gives the pretrained one. The last two are kept."""
        path = None if card is None else str(self.work.checked_weights(self.tune(card).key))
        return _body(self.encoder, path)


@lru_cache(maxsize=2)
def _body(encoder: Encoder, trained: str | None) -> torch.nn.Module:
    from pathlib import Path

    model = encoders.load_model(encoder, auto_class="AutoModel", n_labels=None, seed=0)
    if trained is not None:
        weights.load_body(model, Path(trained))
    return model


@lru_cache(maxsize=4)
def tokenizer_of(encoder: Encoder) -> Any:
    """The encoder's tokenizer, loaded once."""
    return encoders.load_tokenizer(encoder)


def texts_of(rows: Sequence[Row]) -> list[str]:
    """Each row's texts as one, choices and contexts included."""
    return [" ".join(_parts(row)) for row in rows]


def _parts(row: Any) -> Sequence[str]:
    if hasattr(row, "texts"):
        return list(row.texts)
    if hasattr(row, "choices"):
        return [row.text, *row.choices]
    if hasattr(row, "context"):
        return [row.question, row.context]
    return list(row.tokens) if hasattr(row, "tokens") else [row.source, row.target]
