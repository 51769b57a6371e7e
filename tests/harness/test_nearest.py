"""Nearest neighbours in chunks, and retrieval's measures, against hand-made and brute force."""

import numpy as np
import pytest

from metaselect.harness.score.retrieval import (
    best_threshold,
    margin_scores,
    mean_average_precision,
    mining_f1,
    top_candidates,
)


def test_chunks_give_what_the_whole_pool_gives() -> None:
    rng = np.random.default_rng(3)
    queries = rng.normal(size=(7, 5)).astype(np.float32)
    pool = rng.normal(size=(101, 5)).astype(np.float32)
    order = np.argsort(-(queries @ pool.T), axis=1, kind="stable")[:, :10]
    for size in (1, 4, 10, 50, 101):
        pieces = (pool[start : start + size] for start in range(0, len(pool), size))
        _, where = top_candidates(queries, pieces, k=10)
        assert (where == order).all()


def test_equal_candidates_come_in_the_pool_s_order() -> None:
    queries = np.ones((1, 2), np.float32)
    pool = np.ones((30, 2), np.float32)
    for size in (3, 7, 30):
        pieces = (pool[start : start + size] for start in range(0, len(pool), size))
        _, where = top_candidates(queries, pieces, k=4)
        assert where.tolist() == [[0, 1, 2, 3]]


def test_a_pool_smaller_than_k_comes_back_whole() -> None:
    scores, where = top_candidates(
        np.array([[1.0]], np.float32), iter([np.array([[1.0], [2.0]], np.float32)]), k=20
    )
    assert where.tolist() == [[1, 0]]
    assert scores.tolist() == [[2.0, 1.0]]


@pytest.mark.slow
def test_a_million_candidates_fit_because_only_a_piece_is_held() -> None:
    import resource

    rng = np.random.default_rng(0)
    queries = rng.normal(size=(200, 64)).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pieces = (rng.normal(size=(20000, 64)).astype(np.float32) for _ in range(50))
    _, where = top_candidates(queries, pieces, k=20)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert where.shape == (200, 20)
    assert where.max() > 900_000
    assert grown_mb < 400  # the pool itself would take 256 MB and all scores 800 MB


def test_average_precision_counts_the_ranks_of_the_right_ones() -> None:
    # Right at ranks 1 and 3 of 3, two exist: (1/1 + 2/3) / 2 = 0.8333
    assert mean_average_precision([[True, False, True]], [2], k=3) == pytest.approx(5 / 6)
    # The second is beyond the cut-off; two exist and two places: (1/1) / 2
    assert mean_average_precision([[True, False, True]], [2], k=2) == pytest.approx(1 / 2)
    # With one right candidate it is the reciprocal rank: 1/3; and a query without one counts 0.
    hits = [[False, False, True], [False, False, False]]
    assert mean_average_precision(hits, [1, 0], k=20) == pytest.approx(1 / 6)


def test_the_margin_prefers_a_neighbour_that_is_close_to_nothing_else() -> None:
    # Source 0 is a little closer to target 0, but target 0 is close to both sources (a hub).
    sources = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)
    targets = np.array([[0.8, 0.6], [0.75, -0.6614378]], np.float32)
    _, cosine = top_candidates(sources, iter([targets]), k=1)
    assert cosine[:, 0].tolist() == [0, 0]
    # k = 2. Source 0: cosines 0.8, 0.75, mean 0.775; target 0 mean (0.8 + 0.96) / 2 = 0.88; target
    # 1 mean (0.75 - 0.079) / 2 = 0.335. Ratios 0.8 / 0.8275 = 0.967 and 0.75 / 0.555 = 1.35.
    scores, where = margin_scores(sources, targets, k=2)
    assert where[0] == 1
    assert scores[0] == pytest.approx(0.75 / ((0.775 + (0.75 - 0.0791503) / 2) / 2), rel=1e-4)


def test_the_threshold_keeps_what_gives_the_best_f1() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([True, True, False, True])
    # Keeping 1, 2, 3, 4 of them: F1 2*1/(1+3)=.5, 2*2/(2+3)=.8, 2*2/(3+3)=.67, 2*3/(4+3)=.857
    assert best_threshold(scores, right) == 0.6
    assert best_threshold(scores, np.zeros(4, bool)) == float("inf")


def test_mining_is_scored_with_the_threshold_of_the_other_half() -> None:
    scores = np.array([0.9, 0.9, 0.1, 0.1])
    right = np.array([True, True, False, False])
    # Each half keeps its pair at 0.9: 2 kept, 2 right, 2 gold.
    assert mining_f1(scores, right, 2) == 1.0
    assert mining_f1(scores, np.zeros(4, bool), 2) == 0.0
