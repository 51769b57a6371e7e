"""What runs tables already have of a grid: cells whose stage is the same count as done.

A row says by the key in its column `stage` what made it: encoder, data, recipe, test and version. A
row with another key is another measurement, whatever its names say, and is never taken.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from metaselect.errors import MetaselectError
from metaselect.files import write_json
from metaselect.harness.grid.plan import GridPlan
from metaselect.harness.grid.stages import ScoreStage, Stage, TrainStage
from metaselect.harness.grid.workfolder import KNOWN, WorkFolder
from metaselect.runs.exchange import read_runs
from metaselect.runs.schema import COLUMNS

STAGE = "stage"
"""Column of the key of the scoring that made a row, or of a training."""

RUN = ("study", "encoder", "adaptation", "intermediate", "target", "seed")
_RESULT = ("english_dev", "n_steps", "n_examples", "final_loss")
_NAMES = ("encoder", "adaptation", "label", "task", "seed", STAGE)


@dataclass(slots=True)
class Known:
    """What tables have of a grid.

    Attributes:
        scores: What a language's file holds, as far as the row tells, by key of the scoring and
            language; under `KNOWN` the names of the row's further columns.
        trainings: What trainings left, by key.
        n_cells: Cells of the grid, each language counted.
        n_known: Those of them that tables have.
        n_other: Rows that name a cell of the grid, but were made by another stage.
        n_unsaid: Rows that name a cell of the grid, but no stage.
        n_outside: Rows of no cell of the grid.
    """

    scores: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    trainings: dict[str, dict[str, Any]] = field(default_factory=dict)
    n_cells: int = 0
    n_known: int = 0
    n_other: int = 0
    n_unsaid: int = 0
    n_outside: int = 0

    def has(self, stage: Stage) -> bool:
        """Whether tables have all of a stage."""
        if isinstance(stage, TrainStage):
            return stage.key in self.trainings
        return all((stage.key, code) in self.scores for code in stage.languages)

    def counts(self) -> dict[str, int]:
        """What was found, for JSON."""
        return {
            "cells": self.n_known, "of": self.n_cells, "other_identity": self.n_other,
            "without_identity": self.n_unsaid, "outside": self.n_outside,
        }  # fmt: skip

    def __str__(self) -> str:
        parts = [f"known: {self.n_known} of {self.n_cells} scores"]
        if self.n_other:
            parts.append(
                f"{_rows(self.n_other)} another identity (recipe, data, encoder or version) and "
                "will be made again"
            )
        if self.n_unsaid:
            parts.append(f"{_rows(self.n_unsaid)} no identity (no {STAGE!r} column, or empty)")
        if self.n_outside:
            parts.append(f"{_rows(self.n_outside)} no place in this grid")
        return "; ".join(parts)


def read_known(places: Sequence[Path], plan: GridPlan) -> Known:
    """Read what tables have of a plan.

    Args:
        places: Runs tables, or folders of `metaselect run` or `runs publish`. A `trainings.csv`
            beside a table tells of the trainings.
        plan: The grid.

    Raises:
        MetaselectError: A table that cannot be read, or two scores of one cell.
    """
    known = Known(n_cells=sum(len(_languages(plan, run.score_key)) for run in plan.runs))
    if not places:
        return known
    cells = {tuple(str(getattr(run, name)) for name in RUN) for run in plan.runs}
    for place in places:
        path = _table_in(place)
        _add_rows(known, read_runs(path), plan, cells, path)
        for beside in (path.with_name("trainings.csv"), path.with_name("trainings.csv.gz")):
            if beside.is_file():
                known.trainings |= dict(_trainings(beside, plan))
    known.n_known = sum(
        (run.score_key, code) in known.scores
        for run in plan.runs
        for code in _languages(plan, run.score_key)
    )
    return known


def take_over(known: Known, plan: GridPlan, work: WorkFolder) -> None:
    """Write what is known into a work folder, where it lacks it: finished stages, without weights.

    A scoring of which some languages are known is left open for the others.
    """
    for key, stage in plan.stages.items() if known.scores or known.trainings else ():
        if work.is_done(key):
            continue
        if isinstance(stage, ScoreStage):
            _take_scores(known, stage, work)
        elif key in known.trainings:
            write_json(work.stage(key) / "result.json", known.trainings[key])
            work.seal(key, {"label": stage.label, KNOWN: True})


def _take_scores(known: Known, stage: ScoreStage, work: WorkFolder) -> None:
    for code in stage.languages:
        path = work.language_file(stage.key, code)
        if (stage.key, code) in known.scores and not path.is_file():
            work.write(path, known.scores[stage.key, code])
    if known.has(stage):
        languages = list(stage.languages)
        work.seal(stage.key, {"label": stage.label, "languages": languages, KNOWN: True})


def _table_in(place: Path) -> Path:
    if not place.is_dir():
        return place
    for name in ("runs.csv", "runs.csv.gz"):
        if (place / name).is_file():
            return place / name
    raise MetaselectError(f"{place} holds no runs.csv and no runs.csv.gz.")


def _add_rows(
    known: Known, table: pd.DataFrame, plan: GridPlan, cells: set[tuple[str, ...]], path: Path
) -> None:
    """Sort a table's rows into known ones and the counts of the others."""
    required = {column.name for column in COLUMNS}
    extras = [name for name in table.columns if name not in required and name != STAGE]
    keys = table[STAGE].fillna("").astype(str) if STAGE in table else [""] * len(table)
    runs = zip(*(table[name].astype(str) for name in RUN), strict=True)
    others = zip(*(_cells(table[name]) for name in extras), strict=True) if extras else None
    rows = zip(keys, runs, table["language"], table["score"], strict=True)
    for key, run, language, score in rows:
        further = zip(extras, next(others), strict=True) if others is not None else ()
        values = {name: cell for name, cell in further if cell is not None}
        if key in plan.stages and language in _languages(plan, key):
            told = {**values, "score": float(score), "measures": {}, KNOWN: list(values)}
            _add(known, (key, language), told, path)
        elif run not in cells:
            known.n_outside += 1
        elif not key:
            known.n_unsaid += 1
        else:
            known.n_other += 1


def _add(known: Known, cell: tuple[str, str], row: dict[str, Any], path: Path) -> None:
    before = known.scores.setdefault(cell, row)
    if before["score"] != row["score"]:
        raise MetaselectError(
            f"{path}: {row['score']} for stage {cell[0]}, language {cell[1]}, which has "
            f"{before['score']} in another row or table: one of them has been changed."
        )


def _languages(plan: GridPlan, key: str) -> tuple[str, ...]:
    stage = plan.stages[key]
    return stage.languages if isinstance(stage, ScoreStage) else ()


def _trainings(path: Path, plan: GridPlan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Results of the plan's trainings, as their stages would have written them."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)  # numbers stay exact
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise MetaselectError(f"Cannot read {path}: {error}.") from error
    if not {*_NAMES, *_RESULT} <= set(table.columns):
        raise MetaselectError(
            f"{path} is no table of trainings: remove it, or give the runs table alone."
        )
    means = [name for name in table.columns if name not in (*_NAMES, *_RESULT)]
    for key, rows in table[table[STAGE].isin(plan.stages)].groupby(STAGE, sort=False):
        first = {name: _plain(rows[name].iloc[0]) for name in ("label", *_RESULT)}
        dynamics = {
            row["task"]: {name: _plain(row[name]) for name in means}
            for row in rows.to_dict("records")
        }
        yield str(key), {**first, "dynamics": dynamics}


def _cells(column: pd.Series) -> list[Any]:
    return [_plain(cell) for cell in column.tolist()]


def _plain(cell: Any) -> Any:
    """A cell as JSON has it: numbers and booleans out of text, None where it is empty."""
    if hasattr(cell, "item"):
        cell = cell.item()
    if cell is None or cell == "" or cell is pd.NA or cell != cell:
        return None
    if not isinstance(cell, str):
        return cell
    if cell in ("True", "False"):
        return cell == "True"
    try:
        value = json.loads(cell)
    except ValueError:
        return cell
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else cell


def _rows(count: int) -> str:
    return f"{count} row has" if count == 1 else f"{count} rows have"
