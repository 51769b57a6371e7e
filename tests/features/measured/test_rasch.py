import numpy as np
import pytest
from scipy.special import expit

from metaselect.features.measured.recorded import rasch


def simulated(n_models=60, n_items=80, guessing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(size=n_models), 1.5 * rng.normal(size=n_items)
    chance = guessing + (1 - guessing) * expit(ability[:, None] - difficulty)
    return (rng.random(chance.shape) < chance).astype(float), ability, difficulty


def test_one_right_answer_by_hand():
    # the mode has ability = s and difficulty = -2.25 s with s = sigmoid(difficulty - ability), so
    # their gap g solves g = 3.25 / (1 + exp(g)): g = 0.92366 (3.25 / 3.51850)
    fit = rasch(np.array([[1.0]]), guessing=0.0)
    gap = fit.ability[0] - fit.difficulty[0]
    assert gap == pytest.approx(0.92366, abs=1e-4)
    assert gap == pytest.approx(3.25 / (1 + np.exp(gap)), abs=1e-6)
    assert fit.ability[0] == pytest.approx(gap / 3.25, abs=1e-6)


def test_solved_and_unsolved_mirror_each_other():
    solved, failed = (rasch(np.full((3, 4), value), guessing=0.0) for value in (1.0, 0.0))
    assert solved.difficulty == pytest.approx(-failed.difficulty, abs=1e-6)
    assert (failed.difficulty > 1).all()


@pytest.mark.parametrize("guessing", [0.0, 0.5])
def test_simulated_difficulties_are_found_again(guessing):
    responses, ability, difficulty = simulated(300, 100, guessing)
    fit = rasch(responses, guessing=guessing)
    assert np.corrcoef(fit.difficulty, difficulty)[0, 1] > 0.93
    assert np.corrcoef(fit.ability, ability)[0, 1] > 0.85
    assert fit.difficulty.mean() == pytest.approx(difficulty.mean(), abs=0.25)


def test_an_item_solved_as_often_as_guessed_is_harder_where_guessing_helps():
    responses = np.tile([[1.0, 1.0], [0.0, 1.0]], (10, 1))
    plain, floored = (rasch(responses, guessing=floor) for floor in (0.0, 0.5))
    assert floored.difficulty[0] > plain.difficulty[0] + 1


def test_a_floor_an_item_is_that_floor_for_all():
    responses, _, _ = simulated(20, 10)
    one = rasch(responses, guessing=0.25)
    each = rasch(responses, guessing=np.full(10, 0.25))
    assert each.difficulty == pytest.approx(one.difficulty)


def test_items_not_asked_count_for_nothing():
    responses, _, _ = simulated()
    full = rasch(responses, guessing=0.0)
    # a model that was asked one item only moves the others' difficulties little
    extra = np.full((1, responses.shape[1]), np.nan)
    extra[0, 0] = 0.0
    found = rasch(np.concatenate([responses, extra]), guessing=0.0)
    assert found.difficulty[1:] == pytest.approx(full.difficulty[1:], abs=0.02)
    assert found.difficulty[0] > full.difficulty[0]


def test_the_fit_is_where_the_posterior_is_flat():
    responses, _, _ = simulated(guessing=0.25)
    responses[::3, ::4] = np.nan
    fit = rasch(responses, guessing=0.25)
    solve = expit(fit.ability[:, None] - fit.difficulty)
    chance = 0.25 + 0.75 * solve
    # derivative of r log p + (1 - r) log(1 - p) by ability: (r - p) / p * solve
    slope = np.where(np.isnan(responses), 0.0, (responses - chance) / chance * solve)
    assert slope.sum(axis=1) == pytest.approx(fit.ability, abs=1e-4)
    assert slope.sum(axis=0) == pytest.approx(-fit.difficulty / 1.5**2, abs=1e-4)


@pytest.mark.parametrize(
    ("responses", "guessing", "words"),
    [
        ([1.0, 0.0], 0.0, "n_models, n_items"),
        ([[1.0, 0.5]], 0.0, "0, 1 or NaN"),
        ([[1.0, np.nan]], 0.0, "at least one response"),
        ([[1.0, 0.0], [np.nan, np.nan]], 0.0, "at least one response"),
        ([[1.0, 0.0]], 1.0, r"\[0, 1\)"),
        ([[1.0, 0.0]], np.nan, r"\[0, 1\)"),
        ([[1.0, 0.0]], np.array([0.1, 0.1, 0.1]), "one number or 2"),
    ],
)
def test_what_is_not_responses_is_refused(responses, guessing, words):
    with pytest.raises(ValueError, match=words):
        rasch(np.array(responses), guessing=guessing)
