"""The interactive ranking and the map: what the page's script chooses from, and its first view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from metaselect.catalogue.languages import Language
from metaselect.catalogue.tasks import DIRECT
from metaselect.console import points
from metaselect.report.charts import PAGE, world
from metaselect.report.embedding import embedded_json, packed_json, packed_numbers
from metaselect.report.expected import (
    ExpectedGains,
    Floats,
    expected_gains,
    gains_by_study,
    page_targets,
)
from metaselect.report.languages import MAX_CELLS, MAX_LANGUAGES, PageLanguages, page_languages
from metaselect.report.observed import colour_edges, map_edges, range_words
from metaselect.selector.selector import TaskSelector

_STEP = 1e-5  # a thousandth of a point, so that a page ranks as `TaskSelector.rank` does
_SHOWN_DIGITS = 4  # hundredths of a point: reasons beyond what is shown would treble the page
_WIDTH_DIGITS = 6  # of a half-width in the page's data
_PLANES_A_GAIN = 7  # numbers of a candidate: its gain and reasons; a study adds one
_N_OTHERS = 40  # languages beside those of training, where these alone make a large page


@dataclass(frozen=True, slots=True)
class Rankings:
    """Rankings of a page's targets in its languages.

    Attributes:
        grid: Gains and reasons.
        encoders: Encoder of each training study, by the study's name.
        by_study: What a study's encoder adds to the grid's gains, shape (n_studies, ...); no
            study where there is but one.
        languages: Languages that can be chosen and those computed.
        costs: Training examples of each candidate, as text.
        notes: What a reader should know of each target's rankings.
        interval_words: What the intervals are.
        start: Position of the language shown first.
    """

    grid: ExpectedGains
    encoders: Mapping[str, str]
    by_study: Floats
    languages: PageLanguages
    costs: tuple[str, ...]
    notes: tuple[tuple[str, ...], ...]
    interval_words: str
    start: int

    def context(self) -> dict[str, Any]:
        """What the template needs."""
        edges = colour_edges(self.grid.gains[..., :-1].ravel().tolist())
        return {
            "grid": self.grid,
            "n_listed": len(self.languages.listed),
            "groups": self.grid.groups,
            "study_choices": self._study_choices(),
            "interval_words": self.interval_words,
            "edges": edges,
            "first": self._first(),
            "world": Markup(self._world()),
            "data": Markup(embedded_json(self._data(edges))),
        }

    def _study_choices(self) -> list[str]:
        """What the chooser of encoders offers; nothing where there is one encoder."""
        if not len(self.by_study):
            return []
        return [
            "none in particular",
            *(f"{encoder} (study {study})" for study, encoder in self.encoders.items()),
        ]

    def _first(self) -> dict[str, Any]:
        """The ranking and the map's table as they stand before anything is chosen."""
        grid = self.grid
        gains = grid.gains[0, self.start]
        rows = [
            {
                "name": grid.candidates[at],
                "direct": grid.candidates[at] == DIRECT,
                "gain": gains[at],
                "interval": _interval(grid.candidates[at], gains[at], grid.half_widths[0, at]),
                "cost": self.costs[at],
                "reasons": grid.reasons[:, 0, self.start, at],
            }
            for at in grid.order(0, self.start)
        ]
        best = grid.best(0)
        places = np.argsort(-grid.gains[0].max(axis=1), kind="stable")
        computed = self.languages.computed
        return {
            "target": grid.targets[0],
            "language": _label(computed[self.start]),
            "notes": self.notes[0],
            "rows": rows,
            "steps": range_words(map_edges(grid.gains[0].max(axis=1).tolist())),
            "world": [
                {
                    "language": _label(computed[at]),
                    "name": grid.candidates[best[at]],
                    "gain": grid.gains[0, at, best[at]],
                }
                for at in places
            ],
        }

    def _world(self) -> str:
        gains = self.grid.gains[0].max(axis=1).tolist()
        return world(self.languages.computed, gains, edges=map_edges(gains), theme=PAGE)

    def _data(self, edges: Sequence[float]) -> dict[str, Any]:
        grid, computed = self.grid, self.languages.computed
        reasons = np.round(grid.reasons, _SHOWN_DIGITS)
        planes = [grid.gains[None], reasons, self.by_study]
        numbers, scale = packed_numbers(np.concatenate(planes), step=_STEP)
        listed = zip(self.languages.listed, self.languages.stand_in, strict=True)
        entries = [[item.code, item.name, item.family, at] for item, at in listed]
        widths = [
            [None if np.isnan(width) else round(width, _WIDTH_DIGITS) for width in own]
            for own in grid.half_widths.tolist()
        ]
        targets = zip(grid.targets, widths, self.notes, strict=True)
        return {
            "targets": [
                {"name": n, "widths": widths, "notes": notes} for n, widths, notes in targets
            ],
            "candidates": [
                {"name": name, "cost": cost}
                for name, cost in zip(grid.candidates, self.costs, strict=True)
            ],
            "direct": DIRECT,
            "groups": grid.groups,
            "studies": list(self.encoders) if len(self.by_study) else [],
            "edges": edges,
            "scale": scale,
            "language": computed[self.start].code,
            "computed": [item.code for item in computed],
            "names": [item.name for item in computed],
            "placed": [item.place is not None for item in computed],
            "seen": sorted(self.languages.seen),
            "languages": packed_json(entries),
            "numbers": numbers,
        }


def rankings_of(selector: TaskSelector) -> Rankings:
    """Compute what a page's choosers need from a fitted selector."""
    training = selector.training_
    if training is None:
        raise ValueError("rankings need a fitted selector")
    targets = page_targets(selector)
    studies = training.encoder_by_study
    n_planes = 1 + (len(studies) - 1) / _PLANES_A_GAIN
    n_cells = int(len(targets) * (len(training.intermediates) + 1) * n_planes)
    n_most = max(min(MAX_LANGUAGES, MAX_CELLS // n_cells), len(training.languages) + _N_OTHERS)
    languages = page_languages(training.languages, n_most=n_most)
    codes = [item.code for item in languages.computed]
    grid = expected_gains(selector, targets=targets, languages=codes)
    by_study = gains_by_study(selector, targets=targets, languages=codes)
    residuals = selector.predictor_for(targets[0]).residuals
    return Rankings(
        grid=grid,
        encoders=studies,
        by_study=by_study - grid.gains,
        languages=languages,
        costs=tuple(_cost(name, selector) for name in grid.candidates),
        notes=tuple(tuple(selector.warnings(target=name, languages=[])) for name in targets),
        interval_words=residuals.describe(),
        start=0,
    )


def _label(language: Language) -> str:
    return f"{language.name} ({language.code})"


def _interval(name: str, gain: float, half_width: float) -> str:
    if name == DIRECT:
        return "0 by definition"
    if np.isnan(half_width):
        return "none possible"
    return f"{points(gain - half_width)} to {points(gain + half_width)}"


def _cost(name: str, selector: TaskSelector) -> str:
    if name == DIRECT:
        return "none"
    card = selector.catalogue.find(name)
    return "unknown" if card is None or card.train_size is None else f"{card.train_size:,}"
