"""Difficulty from records that are there already: a grid's trainings, a matrix of responses."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from metaselect.catalogue.measured import Value
from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.measured.rasch import rasch

_MARGIN = 0.05  # above chance, in score, that still counts as collapsed


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
