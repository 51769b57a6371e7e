"""Scoring retrieval: matching sentences without training, answers and entities with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from metaselect.catalogue.tasks import TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.data.rows import Pair, Row
from metaselect.harness.data.tokens import pack
from metaselect.harness.recipe import Testing
from metaselect.harness.score.metrics import COMMONEST_SHARE, commonest_share
from metaselect.harness.score.nearest import (
    chunks,
    margin_scores,
    mean_average_precision,
    mining_f1,
    top_candidates,
)
from metaselect.harness.train.heads.pairs import embed, encode_texts
from metaselect.harness.train.inference import InferenceModel

K = 20
"""XTREME-R's cut-off for both answer and entity retrieval."""


def embed_texts(
    predictor: InferenceModel, texts: Sequence[str], *, max_length: int, layer: int, pooling: str
) -> np.ndarray:
    """Unit vectors of texts in their order, shape (n_texts, hidden), float32."""
    ids = encode_texts(texts, predictor.tokenizer, max_length)
    encoded = pack(ids, None, width=1, items={}, tokens={}, rows=None)
    vectors: np.ndarray | None = None
    for batch, (found,) in predictor.outputs(
        encoded, lambda model, x: (embed(model, x, layer=layer, pooling=pooling),)
    ):
        if vectors is None:
            vectors = np.zeros((len(texts), found.shape[1]), np.float32)
        vectors[batch.index] = found
    if vectors is None:
        raise MetaselectError("There is no text to embed.")
    return vectors


def score_sentences(
    predictor: InferenceModel, rows: Sequence[Row], *, testing: Testing
) -> Mapping[str, float]:
    """Accuracy of the nearest target (Tatoeba), and F1 of mined pairs (BUCC).

    Rows with an empty side belong to the pool alone. A target that equals the gold one counts.
    """
    pairs = cast("Sequence[Pair]", rows)
    sources = [row.source for row in pairs if row.source]
    targets = [row.target for row in pairs if row.target]
    gold = [row.target for row in pairs if row.source]
    how = {"layer": testing.layer, "pooling": testing.pooling}
    length = testing.limits.max_length
    first = embed_texts(predictor, sources, max_length=length, **how)  # type: ignore[arg-type]
    second = embed_texts(predictor, targets, max_length=length, **how)  # type: ignore[arg-type]
    if testing.margin:
        scores, where = margin_scores(first, second, k=testing.n_neighbours)
    else:
        found, places = top_candidates(first, chunks(second), k=1)
        scores, where = found[:, 0], places[:, 0]
    right = np.array([targets[place] == want for place, want in zip(where, gold, strict=True)])
    n_gold = sum(bool(row.source and row.target) for row in pairs)
    return {
        "accuracy": float(right.sum()) / max(1, n_gold),
        "f1": mining_f1(scores, right, n_gold),
        COMMONEST_SHARE: commonest_share(targets[place] for place in where),
    }


class Pool:
    """The candidates that all of a task's languages search, embedded once.

    Answers with the same text are one candidate, which answers the questions of all its rows:
    XQuAD-R's questions often share their sentence.
    """

    def __init__(
        self, predictor: InferenceModel, corpora: Corpora, card: TaskCard, testing: Testing
    ) -> None:
        self._predictor, self._testing = predictor, testing
        candidates = _candidates(corpora, card)
        self.n_candidates = len(candidates)
        self._groups = [groups for _, groups in candidates]
        self._sizes = Counter(group for groups in self._groups for group in groups)
        self._vectors = self._embed([text for text, _ in candidates], testing.limits.max_length)

    def score(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """mAP@20 and accuracy@1 of one language's queries over the whole pool."""
        queries = cast("Sequence[Pair]", rows)
        vectors = self._embed([row.source for row in queries], self._testing.limits.query_length)
        _, where = top_candidates(vectors, chunks(self._vectors), k=K)
        hits = [
            [row.group in self._groups[place] for place in places]
            for row, places in zip(queries, where, strict=True)
        ]
        sizes = [self._sizes[row.group] for row in queries]
        return {
            "map@20": mean_average_precision(hits, sizes, k=K),
            "accuracy": mean_average_precision(hits, sizes, k=1),
            COMMONEST_SHARE: commonest_share(where[:, 0].tolist()),
        }

    def _embed(self, texts: Sequence[str], max_length: int) -> np.ndarray:
        return embed_texts(self._predictor, texts, max_length=max_length, layer=-1, pooling="mean")


def _candidates(corpora: Corpora, card: TaskCard) -> list[tuple[str, frozenset[str]]]:
    """Texts with the groups that they answer.

    A pool of its own (entities), or the answers of all languages together (LAReQA), each text once.
    """
    if card.head == "entity-retrieval":
        pool = cast("list[Pair]", corpora.rows(card, "candidates", "en"))
        return [(row.target, frozenset([row.group])) for row in pool]
    by_text: dict[str, set[str]] = {}
    for code in corpora.test_languages(card):
        for row in cast("list[Pair]", corpora.rows(card, "test", code)):
            by_text.setdefault(row.target, set()).add(row.group)
    return [(text, frozenset(groups)) for text, groups in by_text.items()]
