"""Pseudo-perplexity: how surprising a task's English texts are to a masked language model."""

from typing import Any

import numpy as np
import torch
import transformers
from torch.nn import functional

from metaselect.features.measured.bench import Bench, texts_of, tokenizer_of
from metaselect.harness.train.encoders import place_of
from metaselect.harness.train.heads.pairs import encode_texts
from metaselect.seeding import derive_seed

_N_TEXTS = 64
_N_MASKED = 8  # positions masked a text, one at a time
_LENGTH = 64


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
