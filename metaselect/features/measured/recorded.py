"""Difficulty from records that are there already: a grid's trainings, a matrix of responses.

Responses are read by a Rasch model with a fixed guessing floor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special

from metaselect.catalogue.measured import Value
from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.measured.labelled import Floats

_MARGIN = 0.05  # above chance, in score, that still counts as collapsed

_ABILITY_VARIANCE = 1.0
_DIFFICULTY_VARIANCE = 1.5**2
_TOLERANCE = 1e-8  # of the gradient of the log posterior, in nats a logit


def from_trainings(path: Path, catalogue: Catalogue) -> list[Value]:
    """How tasks trained in a grid: dynamics, and the share of trainings that collapsed.

    Trainings straight from the encoder speak for a task's dynamics; collapse counts all of them,
    after whatever intermediate: a training that ends within 5 points of chance level on English
    validation rows has collapsed. Tasks whose chance level is unknown have no share.

    Args:
        path: The grid's `trainings.csv`.
        catalogue: Cards, for chance levels.

    Raises:
        MetaselectError: No such file, or not such a table.
    """
    needed = {"encoder", "label", "task", "english_dev", "confidence", "variability",
              "correctness", "n_forgotten"}  # fmt: skip
    table = _read(path, needed, made_by="metaselect run")
    values: list[Value] = []
    for (encoder, task), rows in table.groupby(["encoder", "task"]):
        of = {"encoder": str(encoder), "task": str(task), "target": "", "language": ""}
        straight = rows[rows["label"] == task]
        if len(straight):
            means = straight[["confidence", "variability", "correctness", "n_forgotten"]].mean()
            dynamics = {
                "low_confidence": 1.0 - means["confidence"],
                "variability": means["variability"],
                "incorrectness": 1.0 - means["correctness"],
                "forgetting": means["n_forgotten"],
            }
            values += [
                Value(measure=name, value=float(value), seconds=0.0, **of)
                for name, value in dynamics.items()
            ]
        card = catalogue.find(str(task))
        scores = rows["english_dev"].dropna()
        if card is not None and card.chance is not None and len(scores):
            share = float((scores <= card.chance + _MARGIN).mean())
            values.append(Value(measure="collapse_share", value=share, seconds=0.0, **of))
    return values


def from_responses(path: Path, catalogue: Catalogue) -> list[Value]:
    """Rasch difficulty of tasks from which models answered which of their items right.

    All tasks' items are fitted together, so that difficulties share one scale.

    Args:
        path: CSV with columns model, task, item, correct (0 or 1), one row a response.
        catalogue: Cards, for guessing floors; a task without one is not guessed.

    Raises:
        MetaselectError: No such file, or not such a table.
    """
    table = _read(path, {"model", "task", "item", "correct"}, made_by="you")
    matrix = table.pivot_table(
        index="model", columns=["task", "item"], values="correct", aggfunc="first"
    )
    tasks = np.array(matrix.columns.get_level_values("task"), dtype=str)
    cards = [catalogue.find(name) for name in tasks]
    floor = np.array([0.0 if card is None else card.chance or 0.0 for card in cards])
    try:
        fit = rasch(matrix.to_numpy(dtype=np.float64), guessing=floor)
    except ValueError as error:
        raise MetaselectError(f"{path}: {error}.") from error
    return [
        Value("response_difficulty", "", str(task), "", "", mean, 0.0)
        for task, mean in _means(tasks, fit.difficulty)
    ]


def _means(names: np.ndarray, values: np.ndarray) -> Iterator[tuple[str, float]]:
    for name in np.unique(names):
        yield str(name), float(values[names == name].mean())


def _read(path: Path, columns: set[str], *, made_by: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise MetaselectError(f"Cannot read {path}: {error}.") from error
    missing = sorted(columns - set(table.columns))
    if missing:
        raise MetaselectError(f"{path} lacks columns {missing}: it is to be made by {made_by}.")
    return table


@dataclass(frozen=True, slots=True, eq=False)
class RaschFit:
    """What was fitted.

    Attributes:
        difficulty: Of each item in logits, shape (n_items,); higher is harder. 0 is solved half
            of the time (above guessing) by the average model.
        ability: Of each model in logits, shape (n_models,); higher is better.
    """

    difficulty: Floats
    ability: Floats


def rasch(responses: np.ndarray, *, guessing: float | np.ndarray) -> RaschFit:
    """Most probable difficulties and abilities given which model solved which item.

    A model of ability a solves an item of difficulty b with probability c + (1 - c) * sigmoid(a -
    b), c being the guessing floor; a is normal around 0 with deviation 1, b with 1.5.

    Args:
        responses: 1 solved, 0 not, NaN not asked, shape (n_models, n_items).
        guessing: Probability of guessing right, in [0, 1): one number, or one an item.

    Returns:
        The joint mode. Values of separate fits share a scale only as far as their models are
        equally able on average: fit all tasks' items together to compare them.

    Raises:
        ValueError: Not two-dimensional, other values than 0, 1 and NaN, a model or an item
            without any response, or guessing out of range.

    Source:
        Rasch 1960 with Birnbaum's floor (the 3-PL of Vania et al. 2021, discrimination 1), by
        maximum a posteriori.

    Example:
        >>> fit = rasch(np.array([[1.0, 0.0], [1.0, 1.0]]), guessing=0.0)
        >>> bool(fit.difficulty[1] > fit.difficulty[0]), bool(fit.ability[1] > fit.ability[0])
        (True, True)
    """
    given = np.asarray(responses, np.float64)
    asked = ~np.isnan(given)
    if given.ndim != 2 or not given.size or not np.isin(given[asked], (0.0, 1.0)).all():
        raise ValueError(
            f"responses must be 0, 1 or NaN, (n_models, n_items), got shape {given.shape}"
        )
    if not (asked.any(axis=0).all() and asked.any(axis=1).all()):
        raise ValueError("every model and every item needs at least one response")
    n_models, n_items = given.shape
    floor = _floor(guessing, n_items)
    right = np.where(asked, given, 0.0)
    found = optimize.minimize(
        _loss,
        np.zeros(n_models + n_items),
        args=(right, asked - right, floor),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 10000, "gtol": _TOLERANCE, "ftol": 0.0},
    ).x
    ability, difficulty = found[:n_models], found[n_models:]
    return RaschFit(difficulty, ability)


def _floor(guessing: float | np.ndarray, n_items: int) -> Floats:
    floor = np.asarray(guessing, np.float64)
    if floor.shape not in ((), (n_items,)):
        raise ValueError(f"guessing must be one number or {n_items}, got shape {floor.shape}")
    if not ((floor >= 0) & (floor < 1)).all():
        raise ValueError("guessing must be in [0, 1)")
    return floor


def _loss(
    point: Floats, right: Floats, wrong: Floats, floor: Floats
) -> tuple[float, npt.NDArray[np.float64]]:
    """Minus the log posterior at abilities and difficulties, and its gradient."""
    ability, difficulty = point[: len(right)], point[len(right) :]
    above = ability[:, None] - difficulty
    log_solve, log_fail = special.log_expit(above), special.log_expit(-above)
    with np.errstate(divide="ignore"):  # log of a floor of 0
        log_right = np.logaddexp(np.log(floor), np.log1p(-floor) + log_solve)
    log_wrong = np.log1p(-floor) + log_fail
    prior = (ability**2).sum() / _ABILITY_VARIANCE + (difficulty**2).sum() / _DIFFICULTY_VARIANCE
    loss = prior / 2 - (right * log_right + wrong * log_wrong).sum()
    solved = (1 - floor) * np.exp(log_solve + log_fail - log_right)  # slope of log_right
    slope = wrong * np.exp(log_solve) - right * solved
    gradient = np.concatenate(
        [
            ability / _ABILITY_VARIANCE + slope.sum(axis=1),
            difficulty / _DIFFICULTY_VARIANCE - slope.sum(axis=0),
        ]
    )
    return float(loss), gradient
