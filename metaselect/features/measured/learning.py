"""Difficulty as a model meets it: what it learns of a task at an equal budget, and how.

V-usable information (Xu et al. 2020; Ethayarajh et al. 2022) is H_V(Y) - H_V(Y|X). The null model
sees no input, so that the best it can say is the labels' frequencies (of choices, positions: all
alike); its entropy is taken in closed form. H_V(Y|X) is the tuned model's loss on held-out rows.
Before any training, pseudo-perplexity says how surprising a task's texts are to a masked model.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import transformers
from torch.nn import functional

from metaselect.catalogue.tasks import TaskCard
from metaselect.features.measured.bench import N_ROWS, Bench, texts_of, tokenizer_of
from metaselect.harness.data.rows import Labelled, MultipleChoice, Question, Row, Tagged
from metaselect.harness.data.tokens import Encoded
from metaselect.harness.train.encoders import place_of
from metaselect.harness.train.heads.pairs import encode_texts
from metaselect.harness.train.heads.registry import HEADS
from metaselect.harness.train.inference import Tensors
from metaselect.seeding import derive_seed

_N_TEXTS = 64
_N_MASKED = 8  # positions masked a text, one at a time
_LENGTH = 64


def learning_measures(bench: Bench, name: str) -> dict[str, float]:
    """Measures of a task from one training of it: what is left unlearnt, and the dynamics."""
    card = bench.source(name)
    if card is None:
        return {}
    stage = bench.tune(card)
    found = bench.work.read(bench.work.stage(stage.key) / "result.json")["dynamics"][card.name]
    held_out = bench.held_out(card)
    unlearnt = _unlearnt(bench, card, held_out)
    shuffled = [shuffled_words(row, seed=number) for number, row in enumerate(held_out)]
    return {
        "low_confidence": 1.0 - found["confidence"],
        "variability": found["variability"],
        "incorrectness": 1.0 - found["correctness"],
        "forgetting": found["n_forgotten"],
        "unlearnt_share": min(unlearnt, 4.0),
        "word_order_reliance": float(
            np.clip(_unlearnt(bench, card, shuffled) - unlearnt, -4.0, 16.0)
        ),
    }


def _unlearnt(bench: Bench, card: TaskCard, rows: Sequence[Row]) -> float:
    """H_V(Y|X) / H_V(Y) on rows; for ratings, the squared error over the variance."""
    predictor = bench.predictor(bench.tuned(card), card)
    head = HEADS[card.head]
    encoded = head.encode(rows, predictor.tokenizer, predictor.limits)

    def losses(model: torch.nn.Module, batch: Tensors) -> tuple[torch.Tensor, ...]:
        return (head.train(model, batch, temperature=1.0).loss_sum[None],)

    total = sum(float(out[0][0]) for _, out in predictor.outputs(encoded, losses))
    train = head.encode(bench.rows(card, "train", N_ROWS), predictor.tokenizer, predictor.limits)
    return total / float(encoded.weights.sum()) / null_entropy(card.head, train, encoded)


def null_entropy(head_name: str, train: Encoded, held_out: Encoded) -> float:
    """Loss of a model that sees no input, in nats a label, on held-out items.

    Frequencies come from the training items, with one more of each label so that none is
    impossible. Of choices, and of positions in a window, all are alike to such a model.
    """
    if head_name == "multiple-choice":
        return float(np.log(held_out.width))
    if head_name == "extractive-qa":
        return float(np.log(held_out.lengths).mean())
    if head_name == "regression":
        ratings = np.asarray(held_out.items["label"], dtype=np.float64)
        known = np.asarray(train.items["label"], dtype=np.float64)
        return max(float(((ratings - known.mean()) ** 2).mean()), 1e-6)
    before, after = (_labels(head_name, encoded) for encoded in (train, held_out))
    counts = 1.0 + np.bincount(before, minlength=int(after.max()) + 1)
    return float(-np.log(counts / counts.sum())[after].mean())


def _labels(head_name: str, encoded: Encoded) -> np.ndarray:
    if head_name == "tagging":
        tags = encoded.tokens["tags"]
        return np.asarray(tags[tags >= 0])
    return np.asarray(encoded.items["label"])


def class_labels(rows: Sequence[Row]) -> np.ndarray | None:
    """The label of every row, or of every word of it; None where labels are no classes."""
    if isinstance(rows[0], Tagged):
        labels = [tag for row in rows if isinstance(row, Tagged) for tag in row.tags]
    elif isinstance(rows[0], Labelled | MultipleChoice):
        labels = [int(row.label) for row in rows if isinstance(row, Labelled | MultipleChoice)]
    else:
        return None
    return np.array(labels)


def shuffled_words(row: Row, *, seed: int) -> Row:
    """A row with the words of each text in random order; of a question's row, the question's."""
    rng = np.random.default_rng(derive_seed(seed, "shuffled"))

    def mixed(text: str) -> str:
        words = text.split()
        return " ".join(words[index] for index in rng.permutation(len(words)))

    match row:
        case Labelled():
            return replace(row, texts=tuple(mixed(text) for text in row.texts))
        case MultipleChoice():
            return replace(row, text=mixed(row.text), choices=tuple(map(mixed, row.choices)))
        case Question():
            return replace(row, question=mixed(row.question))
        case Tagged():
            order = rng.permutation(len(row.tokens))
            return Tagged(
                tuple(row.tokens[index] for index in order), tuple(row.tags[i] for i in order)
            )
    return row


def surprise_measures(bench: Bench, name: str) -> dict[str, float]:
    """log10 pseudo-perplexity (Salazar et al. 2020) over a sample of masked positions.

    Returns:
        Nothing for an encoder whose files hold no language-model head (sentence encoders).
    """
    card, model = bench.source(name), _masked_model(bench)
    if card is None or model is None:
        return {}
    tokenizer = tokenizer_of(bench.encoder)
    texts = texts_of(bench.rows(card, "train", _N_TEXTS))
    rng = np.random.default_rng(derive_seed(0, "surprise", name))
    losses = []
    for ids in encode_texts(texts, tokenizer, _LENGTH):
        inner = np.arange(1, len(ids) - 1)
        if not len(inner):
            continue
        places = np.sort(rng.permutation(inner)[:_N_MASKED])
        rows = torch.tensor([ids] * len(places))
        gold = rows[torch.arange(len(places)), torch.from_numpy(places)].clone()
        rows[torch.arange(len(places)), torch.from_numpy(places)] = tokenizer.mask_token_id
        with torch.inference_mode():
            logits = model(input_ids=rows).logits[torch.arange(len(places)), places]
        losses.append(functional.cross_entropy(logits.float(), gold, reduction="none").numpy())
    if not losses:
        return {}
    mean = float(np.concatenate(losses).mean()) / float(np.log(10.0))
    return {"pseudo_perplexity": min(mean, 8.0)}


def _masked_model(bench: Bench) -> Any | None:
    if tokenizer_of(bench.encoder).mask_token_id is None:
        return None
    library: Any = transformers.AutoModelForMaskedLM
    model, info = library.from_pretrained(
        place_of(bench.encoder),
        revision=bench.encoder.revision or "main",
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
    )
    return None if info["missing_keys"] else model.eval()
