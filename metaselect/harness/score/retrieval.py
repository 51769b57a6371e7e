"""Retrieval: nearest neighbours among many vectors, and what tasks are scored by them.

Sentences are matched without training, answers and entities with it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np

from metaselect.catalogue.tasks import TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.data.rows import Pair, Row
from metaselect.harness.data.tokens import pack
from metaselect.harness.recipe import Testing
from metaselect.harness.score.metrics import COMMONEST_SHARE, commonest_share
from metaselect.harness.train.heads.pairs import embed, encode_texts
from metaselect.harness.train.inference import InferenceModel

CHUNK = 16384
"""Candidates scored at once: 64 MiB of scores for 1,000 queries in float32."""

K = 20
"""XTREME-R's cut-off for both answer and entity retrieval."""


def chunks(vectors: np.ndarray) -> Iterable[np.ndarray]:
    """Rows in pieces of `CHUNK`."""
    return (vectors[start : start + CHUNK] for start in range(0, len(vectors), CHUNK))


def top_candidates(
    queries: np.ndarray, candidates: Iterable[np.ndarray], *, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k candidates of highest dot product for each query; ties go to the earlier candidate.

    Args:
        queries: Unit vectors, shape (n_queries, hidden).
        candidates: Pieces of the pool in order; only one is held at a time.
        k: How many; fewer come back from a smaller pool.

    Returns:
        Scores and positions in the pool, each (n_queries, at most k), best first.
    """
    scores = np.zeros((len(queries), 0), np.float32)
    where = np.zeros((len(queries), 0), np.int64)
    offset = 0
    for piece in candidates:
        new = queries @ piece.T
        best = np.argsort(-new, axis=1, kind="stable")[:, :k] if len(piece) <= k else _best(new, k)
        scores = np.concatenate([scores, np.take_along_axis(new, best, 1)], axis=1)
        where = np.concatenate([where, best + offset], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, where = np.take_along_axis(scores, order, 1), np.take_along_axis(where, order, 1)
        offset += len(piece)
    return scores, where


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k highest of each row, best first, the earlier of equals first."""
    found = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    edge = np.take_along_axis(scores, found, 1).min(axis=1)
    tied = np.flatnonzero((scores >= edge[:, None]).sum(axis=1) > k)  # rare: equal vectors
    found[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :k]
    found.sort(axis=1)
    order = np.argsort(-np.take_along_axis(scores, found, 1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(found, order, 1))


def margin_scores(
    sources: np.ndarray, targets: np.ndarray, *, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Best target of each source by the ratio margin, with its score.

    Source: Artetxe and Schwenk 2019 (1811.01136), equation 3: the cosine divided by the mean
    cosine of both sides with their k nearest neighbours. Only a source's k nearest are compared.

    Returns:
        Scores and positions of the targets, each (n_sources,).
    """
    forward, where = top_candidates(sources, chunks(targets), k=k)
    backward, _ = top_candidates(targets, chunks(sources), k=k)
    around = (forward.mean(axis=1)[:, None] + backward.mean(axis=1)[where]) / 2
    ratio = forward / np.maximum(around, 1e-9)
    best = ratio.argmax(axis=1)
    rows = np.arange(len(sources))
    return ratio[rows, best], where[rows, best]


def mean_average_precision(
    hits: Sequence[Sequence[bool]], n_relevant: Sequence[int], *, k: int
) -> float:
    """mAP@k: precision at each relevant rank, over the relevant that k places could hold.

    Args:
        hits: Whether each candidate found answers its query, best first.
        n_relevant: Candidates in the pool that answer each query; 0 counts the query as 0.
        k: Cut-off.

    Example:
        >>> mean_average_precision([[True, False, True]], [2], k=3)
        0.8333333333333333
    """
    total = 0.0
    for found, count in zip(hits, n_relevant, strict=True):
        right = np.array(found[:k], float)
        precision = np.cumsum(right) / np.arange(1, len(right) + 1)
        total += float((precision * right).sum()) / max(1, min(count, k))
    return total / len(hits)


def mining_f1(scores: np.ndarray, right: np.ndarray, n_gold: int) -> float:
    """BUCC's F1 of mined pairs, with a threshold that each half of the sources sets for the other.

    XTREME sets the threshold on a development pool; crossing halves needs no second pool and
    does not look at the answers that it scores.

    Args:
        scores: Score of each source's best target, shape (n_sources,).
        right: Whether that pair is gold, same shape.
        n_gold: Gold pairs in the pool.
    """
    half = np.arange(len(scores)) % 2 == 0
    kept = np.zeros(len(scores), bool)
    for mine in (half, ~half):
        kept[mine] = scores[mine] >= best_threshold(scores[~mine], right[~mine])
    n_right = int((kept & right).sum())
    return 2 * n_right / max(1, int(kept.sum()) + n_gold)


def best_threshold(scores: np.ndarray, right: np.ndarray) -> float:
    """The score from which on keeping pairs gives the highest F1; infinite if none is right."""
    if not right.any():
        return float("inf")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + right.sum())
    return float(scores[order][int(f1.argmax())])


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
