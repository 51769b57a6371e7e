"""Posteriors against Bayes' rule written another way, and after runs not yet made."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.planning.landscape import landscape_of
from metaselect.planning.posterior import (
    MeasuredCells,
    Spreads,
    learn_spreads,
    measured_cells,
    posterior_of,
    prior_spreads,
)

NAMES = ("mnli", "squad", "qqp", "copa")


@pytest.fixture
def land():
    pairs = [(before, target) for target in ("rte", "wic", "boolq") for before in NAMES]
    cells = pd.DataFrame(pairs, columns=["intermediate", "target"]).assign(
        study="s", encoder="e", adaptation="finetune", language="en"
    )
    return landscape_of(cells, shipped_catalogue())


def _seen(own, direct=0.0):
    places = np.array([0, 1, 5, 6, 10])
    gains = np.array([0.03, -0.01, 0.02, 0.0, 0.05])
    full = np.ones(5)
    return MeasuredCells(places, gains, own * full, direct * full, 2 * full)


def _spreads(land):
    draw = np.random.default_rng(0)
    return Spreads(draw.uniform(1e-4, 4e-4, len(land.kernels)), np.array([1.0, 1.5, 0.5]))


def test_a_belief_is_bayes_rule_in_its_other_form(land):
    measured, spreads = _seen(1e-4, direct=2e-4), _spreads(land)
    found = posterior_of(land, measured, spreads)
    prior = spreads.covariance(list(land.kernels.values()), land.query)
    # precisions add: (P^-1 + H' R^-1 H)^-1, with R the errors, those of direct shared by a query
    select = np.eye(12)[measured.places]
    same = np.equal.outer(land.query[measured.places], land.query[measured.places])
    errors = np.linalg.inv(1e-4 * np.eye(5) + 2e-4 * same)
    covariance = np.linalg.inv(np.linalg.inv(prior) + select.T @ errors @ select)
    assert found.covariance == pytest.approx(covariance, abs=1e-8)
    assert found.mean == pytest.approx(covariance @ select.T @ errors @ measured.gains, abs=1e-6)
    assert found.noise == pytest.approx(np.full(12, 2e-4))  # own variance of a mean of two seeds


def test_an_imagined_run_narrows_the_belief_as_a_real_one_does(land):
    measured, spreads = _seen(1e-4), _spreads(land)
    before = posterior_of(land, measured, spreads)
    imagined = before.after(7, n_seeds=2)
    real = MeasuredCells(
        np.append(measured.places, 7), np.append(measured.gains, before.mean[7]),
        np.append(measured.own_variance, before.noise[7] / 2), np.zeros(6), np.full(6, 2.0),
    )  # fmt: skip
    made = posterior_of(land, real, spreads)
    assert imagined.covariance == pytest.approx(made.covariance, abs=1e-7)
    assert imagined.mean == pytest.approx(made.mean, abs=1e-5)


def test_more_seeds_tell_more(land):
    posterior = posterior_of(land, _seen(1e-4), _spreads(land))
    sds = [np.sqrt(posterior.after(7, n_seeds=n).covariance[7, 7]) for n in (1, 2, 20)]
    assert sds[0] > sds[1] > sds[2]


def test_unknown_noise_is_half_of_what_nothing_explains(land):
    spreads = _spreads(land)
    posterior = posterior_of(land, _seen(np.nan), spreads)
    own = spreads.variances[list(land.kernels).index("cell")]
    assert posterior.noise == pytest.approx(0.5 * own * spreads.scales[land.query] ** 2)


def test_nothing_measured_leaves_what_is_usual(land):
    nobody = MeasuredCells(np.array([], dtype=np.intp), *[np.array([])] * 4)
    spreads = learn_spreads(land, nobody)
    assert spreads.variances.tolist() == prior_spreads(len(land.kernels), 3).variances.tolist()
    posterior = posterior_of(land, nobody, spreads)
    assert posterior.mean.tolist() == [0.0] * 12
    assert (np.diag(posterior.covariance) > 0).all()


def test_gains_of_a_table_become_seen_cells():
    gains = pd.DataFrame({"gain": [0.1], "own_se": [0.02], "direct_se": [np.nan], "n_seeds": [3]})
    measured = measured_cells(gains, np.array([4]))
    assert measured.own_variance == pytest.approx([4e-4])
    assert (measured.direct_variance.tolist(), measured.places.tolist()) == ([0.0], [4])
