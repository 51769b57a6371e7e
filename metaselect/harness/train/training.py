"""Carrying out a training stage: rows, tokens, heads, the loop, what it leaves on disk."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from metaselect.catalogue.tasks import TaskCard
from metaselect.errors import MetaselectError
from metaselect.files import write_json
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.data.rows import Question, Row, question_pairs
from metaselect.harness.data.tokens import Encoded, load_encoded, save_encoded
from metaselect.harness.grid.stages import TrainStage, stage_key
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.harness.recipe import Machine, Recipe, as_json
from metaselect.harness.score.metrics import primary
from metaselect.harness.train import bodies, encoders, weights
from metaselect.harness.train.dynamics import dynamics_means, save_dynamics
from metaselect.harness.train.finetune import Hooks, Leg, TrainingResult, finetune, step_count
from metaselect.harness.train.frozen import remember_frozen
from metaselect.harness.train.heads.base import Head, label_count
from metaselect.harness.train.heads.pairs import DUAL
from metaselect.harness.train.heads.registry import HEADS
from metaselect.harness.train.inference import InferenceModel
from metaselect.harness.train.usedrows import used_tokens
from metaselect.seeding import derive_seed


@dataclass(frozen=True, slots=True)
class Workshop:
    """What carrying out any stage takes.

    Attributes:
        corpora: Data.
        work: Where results go.
        machine: Where it runs.
    """

    corpora: Corpora
    work: WorkFolder
    machine: Machine


OnStep = Callable[[int, int], None]


def run_training(stage: TrainStage, shop: Workshop, *, on_step: OnStep) -> None:
    """Train, and leave weights, dynamics and a sealed result.

    Raises:
        MetaselectError: Data that are missing, broken or do not match; a loss that is no number.
    """
    started = time.perf_counter()
    shop.work.unseal(stage.key)
    torch.set_num_threads(shop.machine.threads)
    tokenizer = encoders.LetGoTokenizer(stage.encoder)
    legs = stage_legs(stage, shop, tokenizer)
    recipe = lengthened(stage, [leg.encoded for leg in legs], shop, tokenizer)
    tokenizer.let_go()
    training = finetune(
        legs,
        recipe,
        tokenizer=tokenizer,
        machine=shop.machine,
        seed=derive_seed(stage.seed, "order", *_names(stage)),
        hooks=Hooks(on_step, lambda: _choose_by(_english(stage, shop, legs, tokenizer))),
    )
    plain = [replace(leg, model=bodies.merged(leg.model)) for leg in legs]
    english = _english(stage, shop, plain, tokenizer)
    seen = _save(stage, shop, plain, training, tokenizer)
    result = {
        "label": stage.label,
        "english_dev": english,
        "n_steps": len(training.losses),
        "n_examples": training.n_examples,
        "n_parts": training.n_parts,
        "final_loss": float(training.losses[-10:].mean()),
        "dynamics": seen,
    }
    write_json(shop.work.stage(stage.key) / "result.json", result)
    write_json(
        shop.work.stage(stage.key) / "timing.json", {"wall_s": time.perf_counter() - started}
    )
    shop.work.seal(stage.key, {"label": stage.label, "recipe": as_json(stage.recipe)})


def lengthened(
    stage: TrainStage, encoded: Sequence[Encoded], shop: Workshop, tokenizer: Any
) -> Recipe:
    """The stage's recipe, with as many steps more as its `extra` asks for."""
    if stage.extra is None:
        return stage.recipe
    teaching = replace(stage.teaching, recipe=stage.extra.recipe, pair_questions=False)
    other = replace(stage, cards=stage.extra.cards, teaching=teaching)
    rows = [training_rows(other, card, shop, tokenizer) for card in other.cards]
    n_steps = step_count(encoded, stage.recipe) + step_count(rows, other.recipe)
    return replace(stage.recipe, steps=n_steps, epochs=None)


def head_of(card: TaskCard, *, pair_questions: bool) -> Head:
    """The head that a task trains: its own, or a dual encoder on its questions."""
    return DUAL if pair_questions else HEADS[card.head]


def model_loader(
    machine: Machine, *, frozen_words: bool, trained: Path | None
) -> Callable[..., torch.nn.Module]:
    """What loads a stage's model: on a CPU, word embeddings that nothing trains stay in their file.

    Args:
        machine: Where it runs.
        frozen_words: Whether the stage leaves word embeddings as they are.
        trained: Weights that the model takes over; None leaves it pretrained.
    """
    pretrained = trained is None or not weights.has_words(trained)
    stay = machine.device == "cpu" and frozen_words and pretrained
    return encoders.load_on_file_words if stay else encoders.load_model


def stage_legs(stage: TrainStage, shop: Workshop, tokenizer: Any) -> list[Leg]:
    """Models with one shared body, each with its head and rows, as the stage trains them.

    Args:
        stage: A dry run gives it without its parent, which has no weights yet.
        shop: Data, work folder, machine.
        tokenizer: The encoder's.

    Raises:
        MetaselectError: Nothing is left to train, LoRA on several tasks, or no weights of a parent.
    """
    legs: list[Leg] = []
    trained = None if stage.parent is None else shop.work.checked_weights(stage.parent)
    load_model = model_loader(shop.machine, frozen_words=_frozen_words(stage), trained=trained)
    for card in stage.cards:
        head = head_of(card, pair_questions=stage.teaching.pair_questions)
        model = load_model(
            stage.encoder,
            auto_class=head.auto_class,
            n_labels=label_count(head, card),
            seed=derive_seed(stage.seed, "head", card.name),
            attention=encoders.attention_for(shop.machine),
            dropout=stage.recipe.dropout,
        )
        if trained is not None:
            load = weights.load_all if stage.teaching.keep_head else weights.load_body
            load(model, trained)
        if stage.recipe.freeze_embeddings:
            bodies.freeze_embeddings(model)
        if stage.recipe.freeze_layers:
            bodies.freeze_layers(model, stage.recipe.freeze_layers)
            n_kept = _n_pretrained(stage, shop, stage.recipe.freeze_layers)
            remember_frozen(model, stage.encoder, n_kept, shop.machine)
        if legs:
            bodies.share_body(legs[0].model, model)
        legs.append(Leg(model, head, training_rows(stage, card, shop, tokenizer)))
    if stage.teaching.adaptation == "lora":
        legs = _adapted(stage, legs)
    for leg in legs:
        leg.model.to(shop.machine.device)
    if shop.machine.compile:
        for leg in legs:
            leg.model.compile(dynamic=True)
    return legs


def _names(stage: TrainStage) -> list[str]:
    return [card.name for card in stage.cards]


def _frozen_words(stage: TrainStage) -> bool:
    """Whether a training leaves word embeddings as they are; LoRA's weights keep them with all."""
    frozen = stage.recipe.freeze_embeddings or stage.recipe.freeze_layers > 0
    return frozen and stage.teaching.adaptation != "lora"


def _n_pretrained(stage: TrainStage, shop: Workshop, n_frozen: int) -> int:
    """Frozen layers that a worker can remember: none where a stage before has trained one."""
    if stage.parent is None:
        return n_frozen
    n_kept = weights.n_left_out(shop.work.weights(stage.parent))
    return n_frozen if n_kept >= n_frozen else 0


def _adapted(stage: TrainStage, legs: Sequence[Leg]) -> list[Leg]:
    if len(legs) > 1:
        raise MetaselectError("LoRA trains one task at a time: give several-task intermediates "
                              "the adaptation 'finetune'.")  # fmt: skip
    recipe = stage.recipe
    torch.manual_seed(derive_seed(stage.seed, "lora", *_names(stage)))
    lora = bodies.with_lora(legs[0].model, rank=recipe.lora_rank, alpha=recipe.lora_alpha)
    return [replace(legs[0], model=lora)]


def training_rows(stage: TrainStage, card: TaskCard, shop: Workshop, tokenizer: Any) -> Encoded:
    """The stage's sample of a training split, tokenised once and kept on disk."""
    head = head_of(card, pair_questions=stage.teaching.pair_questions)
    key = stage_key(
        {
            "kind": "tokens",
            "encoder": encoders.tokenizer_fingerprint(stage.encoder),
            "task": card.name,
            "layouts": repr(card.layouts),
            "labels": list(card.labels),
            "pairs": stage.teaching.pair_questions,
            "data": shop.corpora.identity(card, "train", "en"),
            "limits": as_json(stage.recipe.limits),
            "sample": [stage.recipe.train_rows, stage.seed],
        }
    )
    path = shop.work.tokens(key)
    known = load_encoded(path)
    if known is not None:
        return known
    rows = shop.corpora.rows(card, "train", "en")
    sample = sampled(
        len(rows), stage.recipe.train_rows, seed=derive_seed(stage.seed, "rows", card.name)
    )
    chosen = [rows[index] for index in sample]
    if stage.teaching.pair_questions:
        chosen = cast("list[Row]", question_pairs(cast("list[Question]", chosen)))
        sample = sample[: len(chosen)]
    encoded = head.encode(chosen, tokenizer, stage.recipe.limits)
    encoded = replace(encoded, rows=sample[encoded.rows])
    save_encoded(path, encoded)
    return encoded


def sampled(n_rows: int, wanted: int | None, *, seed: int) -> np.ndarray:
    """Sorted positions of a seeded sample of rows; all of them where that is fewer."""
    if wanted is None or wanted >= n_rows:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).permutation(n_rows)[:wanted])


def _english(
    stage: TrainStage, shop: Workshop, legs: Sequence[Leg], tokenizer: Any
) -> float | None:
    """Mean score on English validation rows of the tasks that have such and can be scored so."""
    scores = []
    for card, leg in zip(stage.cards, legs, strict=True):
        if not stage.recipe.validation_rows or leg.head.score is None:
            continue
        if not shop.corpora.has(card, "validation", "en"):
            continue
        rows = shop.corpora.rows(card, "validation", "en")
        picked = sampled(len(rows), stage.recipe.validation_rows, seed=0)
        predictor = InferenceModel(leg.model, tokenizer, stage.recipe.limits, shop.machine)
        measures = leg.head.score(predictor, [rows[index] for index in picked], card, "en")
        scores.append(primary(measures, card.metric))
        leg.model.train()
    return float(np.mean(scores)) if scores else None


def _choose_by(english: float | None) -> float:
    if english is None:
        raise MetaselectError(
            "checkpoint = 'best-english' needs validation rows: set validation_rows above 0 and "
            "give the task a validation split, or take 'last' or 'average'."
        )
    return english


def _pretrained(stage: TrainStage, shop: Workshop, model: torch.nn.Module) -> frozenset[str]:
    """Names of the weights that neither this stage nor one before it has trained."""
    if stage.teaching.adaptation == "lora":
        return frozenset()
    frozen = bodies.frozen_names(model)
    if stage.parent is None:
        return frozen
    return frozen - weights.names_in(shop.work.weights(stage.parent))


def _moved_rows(stage: TrainStage, shop: Workshop, used: np.ndarray) -> np.ndarray | None:
    """Rows of the word embeddings that this stage or one before it has trained; None for all."""
    if stage.encoder.random_weights or stage.teaching.adaptation == "lora":
        return None
    before = (
        np.array([], np.int64) if stage.parent is None
        else weights.rows_in(shop.work.weights(stage.parent))
    )  # fmt: skip
    return before if before is None else np.union1d(before, used)


def expected_size(
    stage: TrainStage, shop: Workshop, legs: Sequence[Leg], tokenizer: Any
) -> weights.SavedSize:
    """What the weights of a stage without a parent will take; LoRA is folded back into `legs`."""
    left_out = _pretrained(stage, shop, legs[0].model)
    used = used_tokens([leg.encoded for leg in legs], tokenizer)
    rows, matrices = _moved_rows(stage, shop, used), _saved_dtype(shop)
    model = bodies.merged(legs[0].model)
    return weights.saved_size(model, left_out=left_out, rows=rows, matrices=matrices)


def _saved_dtype(shop: Workshop) -> torch.dtype:
    return torch.bfloat16 if shop.machine.precision == "bfloat16" else torch.float32


def _save(
    stage: TrainStage, shop: Workshop, legs: Sequence[Leg], training: TrainingResult, tokenizer: Any
) -> dict[str, dict[str, float]]:
    """Weights of the first leg (its body is everyone's), and each leg's dynamics.

    Returns:
        Means of the dynamics by task.
    """
    weights.save_weights(
        legs[0].model,
        shop.work.weights(stage.key),
        left_out=_pretrained(stage, shop, legs[0].model),
        rows=_moved_rows(stage, shop, used_tokens([leg.encoded for leg in legs], tokenizer)),
        matrices=_saved_dtype(shop),
    )
    means: dict[str, dict[str, float]] = {}
    for card, leg, log in zip(stage.cards, legs, training.logs, strict=True):
        found = log.summary(leg.encoded.rows)
        path = shop.work.stage(stage.key) / f"dynamics.{card.name}.npz"
        save_dynamics(path, found, training.losses)
        means[card.name] = dynamics_means(found)
    return means
