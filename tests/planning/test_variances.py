"""Spreads of effects: known ones are found again, and without gains they are the usual ones."""

import numpy as np
import pytest

from metaselect.planning.posterior import USUAL, Spreads, fit_spreads, prior_spreads


def _crossed(n_rows, n_columns):
    row, column = np.repeat(np.arange(n_rows), n_columns), np.tile(np.arange(n_columns), n_rows)
    kernels = [np.equal.outer(codes, codes).astype(float) for codes in (row, column)]
    return [*kernels, np.eye(len(row))], column


def test_known_spreads_are_found_again():
    kernels, query = _crossed(30, 15)
    draw = np.random.default_rng(0)
    sds = np.array([0.03, 0.01, 0.02])
    effects = [draw.normal(size=(30, 1)) * sds[0], draw.normal(size=(1, 15)) * sds[1]]
    gains = (effects[0] + effects[1] + draw.normal(size=(30, 15)) * sds[2]).ravel()
    noise = np.eye(len(gains)) * 0.005**2
    gains = gains + draw.normal(size=len(gains)) * 0.005
    found = fit_spreads(
        gains, noise, kernels=kernels, query=np.zeros_like(query), start=prior_spreads(3, 1)
    )
    level = found.scales[0]  # one query: only the product is determined
    assert np.sqrt(found.variances) * level == pytest.approx(sds, rel=0.35)


def test_a_query_whose_gains_are_wider_has_a_larger_scale():
    kernels, query = _crossed(30, 6)
    wide = np.array([0.5, 0.5, 0.5, 2.0, 2.0, 2.0])
    gains = np.random.default_rng(1).normal(size=len(query)) * 0.02 * wide[query]
    found = fit_spreads(
        gains, np.zeros((180, 180)), kernels=kernels[2:], query=query, start=prior_spreads(1, 6)
    )
    # a prior draws them towards 1, so the ratio of 4 comes out a little smaller
    assert 2.8 < found.scales[3:].mean() / found.scales[:3].mean() < 4.2


def test_hardly_any_gain_leaves_the_usual_spreads():
    found = fit_spreads(
        np.array([0.0]), np.array([[1.0]]), kernels=[np.ones((1, 1))] * 2,
        query=np.array([0]), start=Spreads(np.full(2, 0.01), np.array([1.5])),
    )  # fmt: skip
    assert np.sqrt(found.variances) == pytest.approx([USUAL, USUAL], rel=0.01)
    assert found.scales == pytest.approx([1.0], rel=0.01)


def test_the_search_ends_where_no_spread_can_be_better():
    kernels, query = _crossed(8, 5)
    gains = np.random.default_rng(2).normal(size=40) * 0.02
    noise = np.eye(40) * 1e-4
    first = fit_spreads(gains, noise, kernels=kernels, query=query, start=prior_spreads(3, 5))
    other = Spreads(np.array([1e-5, 1e-3, 1e-4]), np.linspace(0.6, 1.6, 5))
    again = fit_spreads(gains, noise, kernels=kernels, query=query, start=other)
    assert np.log(again.variances) == pytest.approx(np.log(first.variances), abs=0.1)
    assert again.scales == pytest.approx(first.scales, abs=0.05)
