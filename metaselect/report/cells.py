"""What `metaselect rank` says of each cell of a page: a study, a target and a language."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.report.expected import ExpectedGains
from metaselect.selector.doubts import Doubts, doubt_warning, doubts_of
from metaselect.selector.explain import Ranked, advised, answer
from metaselect.selector.measured_gains import measured_gains
from metaselect.selector.own_runs import own_runs
from metaselect.selector.selector import TaskSelector
from metaselect.selector.warnings import (
    LIKELY,
    language_warnings,
    own_warnings,
    shared_data_warnings,
    unclear_warning,
)
from metaselect.wording import points

_DIGITS = 7  # of a measured gain, so that it is shown rounded as `rank` rounds it

Cell = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Cells:
    """Answers, warnings and measured gains, by position in the arrays of `ExpectedGains`.

    Attributes:
        answers: The sentence of each cell, in the order of study, target and language.
        choices: The candidate that the sentence advises, same order; -1 where it advises none.
        texts: Every warning once; those below are positions in it.
        floors: Why nothing is advised for a target whose runs score like a constant answer, in
            the order of study and target; -1 where they do not.
        by_target, by_language, by_cell: Warnings of each.
        measured: Study, target, language, candidate, gain, standard error (or None) and number of
            seeds of each measured gain.
    """

    answers: list[str]
    choices: list[int]
    texts: list[str]
    floors: list[int]
    by_target: list[list[int]]
    by_language: list[list[int]]
    by_cell: list[list[int]]
    measured: list[list[float | None]]


def cells_of(selector: TaskSelector, grid: ExpectedGains, runs: pd.DataFrame) -> Cells:
    """Everything but the numbers of `grid` that the command would print."""
    texts: dict[str, int] = {}

    def placed(found: list[str]) -> list[int]:
        return [texts.setdefault(text, len(texts)) for text in dict.fromkeys(found)]

    training = selector.training_
    seen = () if training is None else training.languages
    by_cell, measured = _of_runs(selector, grid, runs)
    doubts = _doubts(selector, grid, runs)
    floors = [
        doubt_warning(
            runs,
            grid.targets[target],
            selector.catalogue,
            study=grid.studies[place] if place else None,
        )
        if found.runs_at_floor
        else None
        for (place, target), found in doubts.items()
    ]
    told = [
        _told(selector, grid, cell, doubts[cell[:2]]) for cell in np.ndindex(grid.gains.shape[:3])
    ]
    return Cells(
        answers=[sentence for sentence, _ in told],
        choices=[choice for _, choice in told],
        floors=[placed([floor])[0] if floor else -1 for floor in floors],
        by_target=[placed(_target_notes(selector, grid, name)) for name in grid.targets],
        by_language=[placed(language_warnings([code], seen=seen)) for code in grid.languages],
        by_cell=[placed(found) for found in by_cell],
        measured=measured,
        texts=list(texts),
    )


def _doubts(
    selector: TaskSelector, grid: ExpectedGains, runs: pd.DataFrame
) -> dict[tuple[int, int], Doubts]:
    """What forbids to advise the first, by study and target."""
    return {
        (place, target): replace(
            doubts_of(
                runs, name, grid.candidates, selector.catalogue, study=study if place else None
            ),
            unproven=selector.is_unproven(name),
        )
        for place, study in enumerate(grid.studies)
        for target, name in enumerate(grid.targets)
    }


def _told(
    selector: TaskSelector, grid: ExpectedGains, cell: Cell, doubts: Doubts
) -> tuple[str, int]:
    """The answer, and the position of the candidate that it advises."""
    gains, chances = grid.gains[cell], grid.p_positive[cell]
    ranking: list[Ranked] = [
        {
            "intermediate": grid.candidates[at],
            "gain": gains[at],
            "p_positive": None if np.isnan(chances[at]) else chances[at],
        }
        for at in grid.order(*cell)
    ]
    choice = advised(ranking, doubts)
    position = -1 if choice is None else grid.candidates.index(choice)
    return answer(ranking, doubts, simulated=selector.simulated), position


def _target_notes(selector: TaskSelector, grid: ExpectedGains, target: str) -> list[str]:
    others = [name for name in grid.candidates if name != target]
    found = selector.warnings(target=target, languages=[], candidates=others, study=grid.studies[0])
    return [*found, *shared_data_warnings(others, target, selector.catalogue)]


def _of_runs(
    selector: TaskSelector, grid: ExpectedGains, runs: pd.DataFrame
) -> tuple[list[list[str]], list[list[float | None]]]:
    """Warnings of each cell, and the measured gains, for which the runs are asked."""
    notes: list[list[str]] = []
    measured: list[list[float | None]] = []
    for study, name in enumerate(grid.studies):
        own = runs[runs["study"] == name] if study else runs
        for target, task in enumerate(grid.targets):
            found = measured_gains(own, target=task, languages=grid.languages, study=None)
            for (code, candidate), gain in found.items():
                if candidate in grid.candidates:
                    place = grid.languages.index(code), grid.candidates.index(candidate)
                    error = None if gain.se is None else round(gain.se, _DIGITS)
                    cell = [study, target, *place, round(gain.gain, _DIGITS), error]
                    measured.append([*cell, gain.n_seeds])
            longer = {
                code: f"{code}: {DIRECT_PLUS}, as many steps on the target alone, measured "
                f"{points(gain.gain)}"
                for (code, candidate), gain in found.items()
                if candidate == DIRECT_PLUS
            }
            for at, warnings in enumerate(_cell_notes(selector, grid, own, (study, target))):
                code = grid.languages[at]
                notes.append([*warnings, *([longer[code]] if code in longer else [])])
    return notes, measured


def _cell_notes(
    selector: TaskSelector, grid: ExpectedGains, own: pd.DataFrame, place: tuple[int, int]
) -> Iterator[list[str]]:
    """Warnings of the first choice in each language, for one study and target."""
    target = grid.targets[place[1]]

    said = own_runs(own, target)
    for language, code in enumerate(grid.languages):
        best = grid.order(*place, language)[0]
        low = grid.gains[(*place, language, best)] - grid.half_widths[place[1], best]
        name = grid.candidates[best]
        likely = grid.p_positive[(*place, language, best)] >= LIKELY
        unclear = name != DIRECT and not low > 0 and not likely
        caveat = [unclear_warning([code], level=selector.level)] if unclear else []
        yield [*caveat, *own_warnings(said, [name], target, selector.catalogue)]
