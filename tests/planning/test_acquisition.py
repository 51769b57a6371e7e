"""The worth of a run: closed forms against draws, and cases worked out by hand."""

import numpy as np
import pytest

from metaselect.planning.acquisition import (
    expected_improvement,
    expected_regret,
    expected_rise,
    knowledge_gradient,
)
from metaselect.planning.posterior import Posterior

HALF_NORMAL = 1 / np.sqrt(2 * np.pi)  # expected max(0, Z): 0.39894


def _queries(*places):
    return [np.array(query) for query in places]


def test_one_uncertain_cell_against_direct_is_worth_a_half_normal():
    posterior = Posterior(np.array([0.0, -9.0]), np.diag([0.0016, 0.0]), np.array([0.0009, 0.0]))
    worth = knowledge_gradient(posterior, np.array([0, 1]), queries=_queries([0, 1]), n_seeds=1)
    # the mean moves with sd 0.0016 / sqrt(0.0016 + 0.0009) = 0.032; max(0, 0.032 Z) = 0.012766
    assert worth == pytest.approx([0.032 * HALF_NORMAL, 0.0], abs=1e-9)
    four = knowledge_gradient(posterior, np.array([0]), queries=_queries([0, 1]), n_seeds=4)
    # with four seeds: 0.0016 / sqrt(0.0016 + 0.000225)
    assert four == pytest.approx([0.0016 / np.sqrt(0.001825) * HALF_NORMAL], abs=1e-8)


def test_a_run_is_worth_what_it_tells_of_another_target_too():
    covariance = np.array([[0.0004, 0.0003], [0.0003, 0.0004]])
    posterior = Posterior(np.zeros(2), covariance, np.zeros(2))
    worth = knowledge_gradient(posterior, np.array([0]), queries=_queries([0], [1]), n_seeds=1)
    # own mean moves by 0.02 Z, the other's by 0.0003 / 0.02 = 0.015 Z; both against direct
    assert worth == pytest.approx([(0.02 + 0.015) * HALF_NORMAL], abs=1e-6)


def test_a_run_that_moves_both_rivals_alike_is_worth_nothing_between_them():
    covariance = np.full((2, 2), 0.0004)
    posterior = Posterior(np.array([9.0, 8.0]), covariance, np.zeros(2))  # far above direct
    worth = knowledge_gradient(posterior, np.array([0, 1]), queries=_queries([0, 1]), n_seeds=1)
    assert worth == pytest.approx([0.0, 0.0], abs=1e-12)


@pytest.mark.parametrize("n_cells", [2, 5, 12])
def test_the_knowledge_gradient_is_what_draws_say(random_posterior, n_cells):
    posterior = random_posterior(n_cells)
    queries = _queries(range(n_cells // 2), range(n_cells // 2, n_cells))
    places = np.arange(n_cells)
    found = knowledge_gradient(posterior, places, queries=queries, n_seeds=2)
    draws = np.random.default_rng(0).normal(size=200_000)
    for place in places:
        moved = posterior.covariance[place] / np.sqrt(
            posterior.covariance[place, place] + posterior.noise[place] / 2
        )
        rise = np.zeros(len(draws))
        for query in queries:
            after = posterior.mean[query] + draws[:, None] * moved[query]
            rise += np.maximum(after.max(axis=1), 0) - max(posterior.mean[query].max(), 0)
        error = rise.std() / np.sqrt(len(draws))
        assert abs(found[place] - rise.mean()) < 4 * error + 1e-9


def test_equal_lines_and_far_lines_do_not_disturb():
    means = np.array([0.0, 0.0, -1.0, 0.0, -50.0])
    slopes = np.array([[1.0, 1.0, 1.0, -1.0, 2.0], [0.0] * 5])
    # max(Z, -Z) is |Z|, on average 2 x 0.39894; equal slopes never rise
    assert expected_rise(means, slopes) == pytest.approx([2 * HALF_NORMAL, 0.0])


def test_expected_improvement_is_what_draws_say():
    posterior = Posterior(np.array([0.01, 0.02, -0.01]), np.diag([4e-4, 1e-4, 9e-4]), np.zeros(3))
    found = expected_improvement(posterior, np.arange(3), queries=_queries([0, 1], [2]), n_seeds=1)
    draws = np.random.default_rng(0).normal(size=400_000)
    best = [0.02, 0.02, 0.0]  # the other cell of its target, or direct
    for place in range(3):
        gains = posterior.mean[place] + np.sqrt(posterior.covariance[place, place]) * draws
        over = np.maximum(gains - best[place], 0.0)
        assert abs(found[place] - over.mean()) < 4 * over.std() / np.sqrt(len(draws))


def test_regret_falls_by_the_worth_of_the_one_run_made(random_posterior):
    posterior = random_posterior(6)
    queries = _queries(range(3), range(3, 6))
    after = posterior.after(1, n_seeds=1)
    now, then = expected_regret(posterior, after, queries=queries, n_draws=200_000, seed=0)
    worth = knowledge_gradient(posterior, np.array([1]), queries=queries, n_seeds=1)
    assert now - then == pytest.approx(worth[0] / 2, rel=0.03)
    assert 0 <= then <= now


def test_what_is_known_for_sure_is_not_regretted():
    posterior = Posterior(np.array([0.1, 0.3]), np.zeros((2, 2)), np.zeros(2))
    assert expected_regret(posterior, posterior, queries=_queries([0, 1]), n_draws=64, seed=0) == (
        0,
        0,
    )
