"""Extractive QA: windows over long contexts, start and end logits, the best span as answer."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional

from metaselect.catalogue.tasks import TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.data.rows import Question, Row
from metaselect.harness.data.tokens import Encoded, pack
from metaselect.harness.recipe import Limits
from metaselect.harness.score.metrics import (
    COMMONEST_SHARE,
    answer_measures,
    commonest_share,
    mlqa_language_of,
)
from metaselect.harness.train.heads.base import BatchResult, Head
from metaselect.harness.train.inference import InferenceModel, Tensors

N_BEST = 20
"""Starts and ends tried a window, as in the library's example and SQuAD's baseline."""


def encode_questions(rows: Sequence[Row], tokenizer: Any, limits: Limits) -> Encoded:
    """Windows of question and context; `start`, `end` are token positions of the first answer.

    A window without the whole answer, and an unanswerable question, point to the first token.
    `from` and `to` are character offsets in the context, -100 outside it.
    """
    questions = cast("Sequence[Question]", rows)
    out = _windows(questions, tokenizer, limits)
    owners = np.asarray(out["overflow_to_sample_mapping"], np.int64)
    spans = [_context_offsets(out, window) for window in range(len(owners))]
    gold = np.array(
        [_gold_tokens(questions[row], span) for row, span in zip(owners, spans, strict=True)],
        np.int64,
    ).reshape(-1, 2)
    return pack(
        out["input_ids"],
        out.get("token_type_ids"),
        width=1,
        items={"start": gold[:, 0], "end": gold[:, 1]},
        tokens={"from": [s[0].tolist() for s in spans], "to": [s[1].tolist() for s in spans]},
        rows=owners,
    )


def _windows(questions: Sequence[Question], tokenizer: Any, limits: Limits) -> Any:
    """Question cut to its own limit, then windows of the context alone.

    Raises:
        MetaselectError: Beside the longest question a window has no room to move on.
    """
    ids = tokenizer(
        [row.question.strip() for row in questions],
        add_special_tokens=False, truncation=True, max_length=limits.query_length,
        return_offsets_mapping=True,
    )["offset_mapping"]  # fmt: skip
    n_special = tokenizer.num_special_tokens_to_add(pair=True)
    room = limits.max_length - max(map(len, ids)) - n_special
    if limits.stride >= room:
        raise MetaselectError(
            f"Windows of max_length = {limits.max_length} tokens leave {room} for the context "
            f"beside the longest question, which must be more than stride = {limits.stride}: raise "
            "max_length, or lower query_length or stride."
        )
    asked = [
        row.question.strip()[: (offsets[-1][1] if offsets else 0)]
        for row, offsets in zip(questions, ids, strict=True)
    ]
    return tokenizer(
        asked,
        [row.context for row in questions],
        truncation="only_second",
        max_length=limits.max_length,
        stride=limits.stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def _context_offsets(out: Any, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Character offsets of each token's start and end in the context, -100 elsewhere."""
    inside = np.array([part == 1 for part in out.sequence_ids(window)])
    offsets = np.asarray(out["offset_mapping"][window], np.int64).reshape(-1, 2)
    offsets = np.where(inside[:, None], offsets, -100)
    return offsets[:, 0], offsets[:, 1]


def _gold_tokens(row: Question, span: tuple[np.ndarray, np.ndarray]) -> tuple[int, int]:
    if not row.starts:
        return 0, 0
    first, last = row.starts[0], row.starts[0] + len(row.answers[0])
    begins, ends = span
    starts = np.flatnonzero((begins >= 0) & (begins <= first) & (ends > first))
    stops = np.flatnonzero((begins >= 0) & (begins < last) & (ends >= last))
    if not len(starts) or not len(stops):
        return 0, 0
    return int(starts[0]), int(stops[-1])


def _logits(model: torch.nn.Module, batch: Tensors) -> tuple[torch.Tensor, ...]:
    out = model(**batch.inputs)
    return out.start_logits.float(), out.end_logits.float()


def train_spans(model: torch.nn.Module, batch: Tensors, *, temperature: float) -> BatchResult:
    """Mean cross-entropy of start and end; confidence is the probability of the span."""
    start, end = _logits(model, batch)
    if "attention_mask" in batch.inputs:
        padding = batch.inputs["attention_mask"] == 0
        start, end = (logits.masked_fill(padding, -1e4) for logits in (start, end))
    gold_start, gold_end = batch.items["start"], batch.items["end"]
    losses = functional.cross_entropy(start, gold_start, reduction="none")
    losses = losses + functional.cross_entropy(end, gold_end, reduction="none")
    right = (start.argmax(-1) == gold_start) & (end.argmax(-1) == gold_end)
    return BatchResult(losses.sum() / 2, torch.exp(-losses.detach()), right)


def score_questions(
    predictor: InferenceModel, rows: Sequence[Row], card: TaskCard, language: str
) -> Mapping[str, float]:
    """SQuAD's F1 and exact match, MLQA's where the card's metric says so."""
    questions = cast("Sequence[Question]", rows)
    encoded = encode_questions(rows, predictor.tokenizer, predictor.limits)
    answers = _decode(predictor, encoded, questions)
    rules = mlqa_language_of(card.name, language)
    found = answer_measures([row.answers for row in questions], answers, mlqa_language=rules)
    return {**found, COMMONEST_SHARE: commonest_share(answers)}


def _decode(
    predictor: InferenceModel, encoded: Encoded, questions: Sequence[Question]
) -> list[str]:
    """The best-scored span over all windows of each question.

    The empty answer competes, as in SQuAD 2.0, where any question of the set has none.
    """
    may_be_empty = any(not row.answers for row in questions)
    answers = [""] * len(questions)
    best = np.full(len(questions), -np.inf)
    null = np.full(len(questions), np.inf)
    for batch, (starts, ends) in predictor.outputs(encoded, _logits):
        for place, item in enumerate(batch.index):
            row = int(encoded.rows[item])
            span = batch.tokens["from"][place], batch.tokens["to"][place]
            score, begin, stop = best_span(
                starts[place], ends[place], span, longest=predictor.limits.max_answer_length
            )
            null[row] = min(null[row], float(starts[place][0] + ends[place][0]))
            if score > best[row]:
                best[row], answers[row] = score, questions[row].context[begin:stop]
    if may_be_empty:
        answers = ["" if null[row] > best[row] else answer for row, answer in enumerate(answers)]
    return answers


def best_span(
    starts: np.ndarray, ends: np.ndarray, span: tuple[np.ndarray, np.ndarray], *, longest: int
) -> tuple[float, int, int]:
    """Score and character offsets of the best allowed span of one window.

    Args:
        starts: Logits, shape (length,).
        ends: Logits, same shape.
        span: Character offsets of each token, -100 outside the context, padded to the length.
        longest: Most tokens of an answer.
    """
    inside = span[0] >= 0
    first = _top(np.where(inside, starts, -np.inf))
    last = _top(np.where(inside, ends, -np.inf))
    width = last[None, :] - first[:, None]
    allowed = (width >= 0) & (width < longest)
    scores = np.where(allowed, starts[first][:, None] + ends[last][None, :], -np.inf)
    scores = np.where(inside[first][:, None] & inside[last][None, :], scores, -np.inf)
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    if not np.isfinite(scores[row, column]):
        return -np.inf, 0, 0
    return float(scores[row, column]), int(span[0][first[row]]), int(span[1][last[column]])


def _top(logits: np.ndarray) -> np.ndarray:
    return np.asarray(np.argsort(-logits, kind="stable")[:N_BEST])


EXTRACTIVE_QA = Head(
    "AutoModelForQuestionAnswering", None, encode_questions, train_spans, score_questions
)
