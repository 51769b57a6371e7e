"""Tagging words (POS, NER): the first piece of each word carries its label."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional

from metaselect.catalogue.tasks import TaskCard
from metaselect.harness.data.rows import Row, Tagged
from metaselect.harness.data.tokens import Encoded, pack
from metaselect.harness.recipe import Limits
from metaselect.harness.score.metrics import (
    COMMONEST_SHARE,
    OUTSIDE,
    commonest_share,
    tag_measures,
)
from metaselect.harness.train.heads.base import BatchResult, Head
from metaselect.harness.train.inference import InferenceModel, Tensors

UNLABELLED = -100


def encode_tagged(rows: Sequence[Row], tokenizer: Any, limits: Limits) -> Encoded:
    """One sequence a sentence; `tags` is -100 but at the first piece of each word.

    Words beyond the longest length are cut; `words` holds the index of each labelled piece's
    word, -100 elsewhere, so that scoring can tell the cut ones.
    """
    tagged = cast("Sequence[Tagged]", rows)
    words = [[token or " " for token in row.tokens] for row in tagged]
    out = tokenizer(words, is_split_into_words=True, truncation=True, max_length=limits.max_length)
    firsts = [_first_pieces(out.word_ids(index)) for index in range(len(tagged))]
    tags = [
        [row.tags[word] if word >= 0 else UNLABELLED for word in first]
        for row, first in zip(tagged, firsts, strict=True)
    ]
    return pack(
        out["input_ids"],
        out.get("token_type_ids"),
        width=1,
        items={},
        tokens={"tags": tags, "words": firsts},
        rows=None,
    )


def _first_pieces(word_ids: Sequence[int | None]) -> list[int]:
    """Index of the word at its first piece, -100 at other pieces and special tokens."""
    return [
        UNLABELLED if word is None or word == before else word
        for before, word in pairwise([None, *word_ids])
    ]


def _logits(model: torch.nn.Module, batch: Tensors) -> torch.Tensor:
    return cast("torch.Tensor", model(**batch.inputs).logits).float()


def train_tags(model: torch.nn.Module, batch: Tensors, *, temperature: float) -> BatchResult:
    """Cross-entropy over the labelled pieces; confidence is a sentence's mean.

    A sentence is correct where all its tags are.
    """
    logits, tags = _logits(model, batch), batch.tokens["tags"]
    losses = functional.cross_entropy(
        logits.flatten(0, 1), tags.flatten(), reduction="none", ignore_index=UNLABELLED
    ).view_as(tags)
    labelled = tags != UNLABELLED
    n_labelled = labelled.sum(-1).clamp(min=1)
    confidence = (torch.exp(-losses.detach()) * labelled).sum(-1) / n_labelled
    wrong = (logits.argmax(-1) != tags) & labelled
    return BatchResult(losses.sum(), confidence, ~wrong.any(-1))


def score_tagged(
    predictor: InferenceModel, rows: Sequence[Row], card: TaskCard, language: str
) -> Mapping[str, float]:
    """Accuracy and seqeval F1 over all words; words that were cut off count as wrong."""
    tagged = cast("Sequence[Tagged]", rows)
    encoded = encode_tagged(rows, predictor.tokenizer, predictor.limits)
    predicted = [[_miss(card)] * len(row.tags) for row in tagged]
    seen: Counter[str] = Counter()
    for batch, (best,) in predictor.outputs(encoded, _best_tags):
        words = batch.tokens["words"]
        for sentence, tags, positions in zip(batch.index, best, words, strict=True):
            for position in np.flatnonzero(positions >= 0):
                tag = card.labels[int(tags[position])]
                predicted[sentence][positions[position]] = tag
                seen[tag] += 1
    gold = [[card.labels[tag] for tag in row.tags] for row in tagged]
    return {**tag_measures(gold, predicted), COMMONEST_SHARE: commonest_share(seen.elements())}


def _best_tags(model: torch.nn.Module, batch: Tensors) -> tuple[torch.Tensor, ...]:
    return (_logits(model, batch).argmax(-1),)


def _miss(card: TaskCard) -> str:
    """What stands for a word that the model never saw: no entity, or a tag that no word has."""
    return OUTSIDE if OUTSIDE in card.labels else "-MISSING"


TAGGING = Head("AutoModelForTokenClassification", "labels", encode_tagged, train_tags, score_tagged)
