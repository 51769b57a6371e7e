"""Measures of a language under a pretrained encoder, a tuned one, and a target's English model."""

from collections import Counter
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from metaselect.errors import MetaselectError
from metaselect.features.measured.bench import N_SAMPLE, N_TEXTS, Bench, texts_of, tokenizer_of
from metaselect.harness.data.rows import Pair, Tagged
from metaselect.harness.score.retrieval import embed_texts
from metaselect.harness.train.heads.registry import HEADS
from metaselect.harness.train.heads.sequence import logits_of
from metaselect.harness.train.inference import Tensors
from metaselect.seeding import derive_seed

PAIRS = "tatoeba"
"""Task whose sentence pairs measure the alignment of English and a language."""

TEXTS = (PAIRS, "sib200", "udpos", "panx", "xnli", "masakhanews", "americasnli")
"""Tasks with unlabelled text of a language, in order of preference."""

_LENGTH = 96


def language_measures(bench: Bench, language: str) -> dict[str, float]:
    """Fertility and share of unknown subwords of the encoder's tokenizer in a language."""
    texts = language_texts(bench, language)
    tokenizer = tokenizer_of(bench.encoder)
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    n_tokens = sum(map(len, ids))
    n_words = sum(len(text.split()) for text in texts)
    unknown = sum(token == tokenizer.unk_token_id for text in ids for token in text)
    return {
        "fertility": min(n_tokens / max(1, n_words), 64.0),
        "unknown_share": unknown / max(1, n_tokens),
    }


def task_in_language_measures(bench: Bench, name: str, language: str) -> dict[str, float]:
    """Subwords shared with a language; alignment and drift after tuning on the task.

    Scorings draw sentence pairs from the start of a fixed order and this takes the last ones, so
    a scoring of at most (rows - 100) pairs of a language shares none with it.
    """
    counts = subword_counts(bench, tuple(language_texts(bench, language)))
    own = task_counts(bench, name)
    known = sum(count for token, count in counts.items() if token in own)
    found = {"subword_overlap": known / max(1, sum(counts.values()))}
    pairs = held_out_pairs(bench, language)
    if not pairs:
        return found
    before, after = (_pair_vectors(bench, tuned, language) for tuned in (None, name))
    moved = 1.0 - float((before[0] * after[0]).sum(axis=1).mean())
    return found | {
        "alignment": _nearest(*after) - _nearest(*before),
        "drift": float(np.clip(moved, 0.0, 2.0)),
    }


def target_doubt(bench: Bench, name: str, language: str) -> dict[str, float]:
    """Entropy of the English-tuned target's predictions on text of a language, labels unused."""
    source, card = bench.source(name), bench.catalogue[name]
    if source is None or source.head != card.head or card.head == "regression":
        return {}
    head = HEADS[card.head]
    predictor = bench.predictor(bench.tuned(source), source)
    rows = bench.rows(card, "test", N_TEXTS, language)
    encoded = head.encode(rows, predictor.tokenizer, predictor.limits)
    shares = []
    for batch, (doubt,) in predictor.outputs(encoded, _doubt):
        chosen = batch.tokens["tags"] >= 0 if card.head == "tagging" else np.isfinite(doubt)
        shares.append(doubt[chosen])
    return {"target_doubt": float(np.clip(np.concatenate(shares).mean(), 0.0, 1.0))}


def language_texts(bench: Bench, language: str) -> list[str]:
    """Unlabelled texts of a language.

    Raises:
        MetaselectError: No task of `TEXTS` has the language.
    """
    if pairs := held_out_pairs(bench, language):
        return [pair.source for pair in pairs]
    for name in TEXTS[1:]:
        card = bench.catalogue.find(name)
        if card is not None and bench.corpora.has(card, "test", language):
            rows = bench.rows(card, "test", N_TEXTS, language)
            return [
                " ".join(row.tokens) if isinstance(row, Tagged) else text
                for row, text in zip(rows, texts_of(rows), strict=True)
            ]
    raise MetaselectError(f"No task has text of {language}: looked in {', '.join(TEXTS)}.")


def held_out_pairs(bench: Bench, language: str) -> list[Pair]:
    """Sentence pairs with English that scorings draw last; empty where there are none."""
    card = bench.catalogue.find(PAIRS)
    if card is None or not bench.corpora.has(card, "test", language):
        return []
    rows = cast("list[Pair]", bench.corpora.rows(card, "test", language))
    order = np.random.default_rng(derive_seed(0, "test", PAIRS)).permutation(len(rows))
    return [rows[index] for index in order[-N_TEXTS:]]


def subword_counts(bench: Bench, texts: tuple[str, ...]) -> Counter[int]:
    """Count of each subword in texts."""
    ids = tokenizer_of(bench.encoder)(list(texts), add_special_tokens=False)["input_ids"]
    return Counter(token for text in ids for token in text)


@lru_cache(maxsize=64)
def task_counts(bench: Bench, name: str) -> Counter[int]:
    """Count of each subword in a task's English training texts."""
    card = bench.source(name)
    if card is None:
        return Counter()
    return subword_counts(bench, tuple(texts_of(bench.rows(card, "train", N_SAMPLE))))


@lru_cache(maxsize=512)
def _pair_vectors(
    bench: Bench, tuned_on: str | None, language: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Unit vectors of a language's sentences and of their English translations."""
    card = None if tuned_on is None else bench.source(tuned_on)
    predictor = bench.predictor(bench.body(card), bench.catalogue[PAIRS])
    pairs = held_out_pairs(bench, language)
    foreign, english = (
        embed_texts(predictor, texts, max_length=_LENGTH, layer=-1, pooling="mean")
        for texts in ([pair.source for pair in pairs], [pair.target for pair in pairs])
    )
    return foreign, english


def _nearest(foreign: npt.NDArray[np.float32], english: npt.NDArray[np.float32]) -> float:
    """Share of sentences whose nearest English sentence is their translation."""
    return float(((foreign @ english.T).argmax(axis=1) == np.arange(len(foreign))).mean())


def _doubt(model: torch.nn.Module, batch: Tensors) -> tuple[torch.Tensor, ...]:
    """Normalised entropy of each item, or of each token of a tagged text."""
    out = None if batch.width > 1 else model(**batch.inputs)
    if out is None:
        logits = logits_of(model, batch)
    elif hasattr(out, "start_logits"):
        logits = out.start_logits.float()
        if "attention_mask" in batch.inputs:
            logits = logits.masked_fill(batch.inputs["attention_mask"] == 0, -1e4)
    else:
        logits = out.logits.float()
    logs = functional.log_softmax(logits, dim=-1)
    return (-(logs.exp() * logs).sum(-1) / np.log(max(2, logits.shape[-1])),)
