"""What the best constant answer scores on a sample: the floor that a trained model must pass."""

from collections import Counter
from collections.abc import Sequence
from typing import cast

import numpy as np

from metaselect.catalogue.tasks import TaskCard
from metaselect.harness.data.rows import Labelled, MultipleChoice, Pair, Question, Row, Tagged
from metaselect.harness.score.metrics import (
    OUTSIDE,
    answer_measures,
    class_measures,
    mlqa_language_of,
    primary,
    tag_measures,
)

_N_TAGS = 4
"""Tags tried as the constant answer: the most frequent ones; a rarer one scores less."""


def majority_score(
    rows: Sequence[Row], card: TaskCard, *, language: str, n_candidates: int | None
) -> float:
    """Score of the best constant answer, by the card's metric, as a fraction.

    The best class (or place among the choices) for all rows; one of the commonest tags for all
    words (no entity at all is one of them); no answer for all questions, where some have none, else
    0; one candidate of the pool (1 divided by its size) for retrieval; 0 for correlations.

    Args:
        rows: The very rows that are scored, at least one.
        card: The task's.
        language: Whose answers they are: MLQA compares them by language.
        n_candidates: Size of the pool that all languages search; None where the rows' own targets
            are the pool, and for tasks other than retrieval.
    """
    if card.head == "regression":
        return 0.0
    if card.head in ("classification", "multiple-choice"):
        return _best_class(cast("Sequence[Labelled | MultipleChoice]", rows), card)
    if card.head == "tagging":
        return _one_tag(cast("Sequence[Tagged]", rows), card)
    if card.head == "extractive-qa":
        return _no_answer(cast("Sequence[Question]", rows), card, language)
    pairs = cast("Sequence[Pair]", rows)
    return 1 / (n_candidates or len({row.target for row in pairs if row.target}))


def _best_class(rows: Sequence[Labelled | MultipleChoice], card: TaskCard) -> float:
    gold = np.array([int(row.label) for row in rows])
    return max(
        primary(class_measures(gold, np.full_like(gold, label)), card.metric)
        for label in np.unique(gold)
    )


def _one_tag(rows: Sequence[Tagged], card: TaskCard) -> float:
    gold = [[card.labels[tag] for tag in row.tags] for row in rows]
    counts = Counter(tag for tags in gold for tag in tags)
    tried = {tag for tag, _ in counts.most_common(_N_TAGS)} | ({OUTSIDE} & {*card.labels})
    return max(
        primary(tag_measures(gold, [[only] * len(tags) for tags in gold]), card.metric)
        for only in tried
    )


def _no_answer(rows: Sequence[Question], card: TaskCard, language: str) -> float:
    gold = [row.answers for row in rows]
    if all(gold):
        return 0.0
    rules = mlqa_language_of(card.name, language)
    return primary(answer_measures(gold, [""] * len(gold), mlqa_language=rules), card.metric)
