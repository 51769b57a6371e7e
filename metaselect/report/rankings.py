"""The chooser and the map: what the page's script chooses from, and where it starts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from metaselect.catalogue.languages import find_language
from metaselect.catalogue.tasks import DIRECT
from metaselect.report.cells import cells_of
from metaselect.report.charts import PAGE, world
from metaselect.report.embedding import embedded_json, packed_json, packed_numbers
from metaselect.report.expected import ExpectedGains, expected_gains, page_targets
from metaselect.report.languages import MAX_CELLS, MAX_LANGUAGES, PageLanguages, page_languages
from metaselect.selector.selector import TaskSelector
from metaselect.selector.warnings import UNLIKELY_GAIN

_STEP = 1e-5  # a thousandth of a point, so that a page ranks as `TaskSelector.rank` does
_SHOWN_DIGITS = 4  # hundredths of a point: reasons beyond what is shown would treble the page
_WIDTH_DIGITS = 6  # of a half-width in the page's data
_N_OTHERS = 40  # languages beside those of training, where these alone make a large page
_KNOWN = "sib200"  # topics of a text: shown first where runs have it


def chooser_of(selector: TaskSelector, runs: pd.DataFrame, *, rank_options: str) -> dict[str, Any]:
    """What the template needs for the chooser and the map.

    Args:
        selector: Fitted.
        runs: A table from `check_runs`, whose measured gains stand beside the expected ones.
        rank_options: Of the command that ranks as the page does, before target and language.
    """
    training = selector.training_
    if training is None:
        raise ValueError("a report needs a fitted selector")
    targets = page_targets(selector)
    n_cells = len(targets) * (len(training.intermediates) + 1)
    n_most = max(min(MAX_LANGUAGES, MAX_CELLS // n_cells), len(training.languages) + _N_OTHERS)
    languages = page_languages(training.languages, n_most=n_most)
    codes = tuple(item.code for item in languages.computed)
    grid = expected_gains(selector, targets=targets, languages=codes)
    start = start_of(runs, targets, codes)
    return {
        "grid": grid,
        "n_listed": len(languages.listed),
        "encoders": [
            f"{training.encoder_by_study[study]} (study {study})" for study in grid.studies[1:]
        ],
        "start_target": grid.targets[start[0]],
        "start_language": languages.computed[start[1]],
        "world": Markup(world(languages.computed, theme=PAGE)),
        "data": Markup(
            embedded_json(
                {
                    **_data(selector, grid, languages, runs, start),
                    "rank": rank_options,
                    "unlikely": UNLIKELY_GAIN,
                }
            )
        ),
    }


def start_of(
    runs: pd.DataFrame, targets: Sequence[str], languages: Sequence[str]
) -> tuple[int, int]:
    """Positions of the target and the language shown first.

    SIB-200 where the runs have it, else the target with most runs; in its language with most of
    them, then with most runs of any target, English last.
    """
    found = [find_language(code) for code in runs["language"]]
    cells = zip(runs["target"], [item.code if item else "" for item in found], strict=True)
    known = [cell for cell in cells if cell[0] in targets and cell[1] in languages]
    if not known:
        return 0, 0
    by_target = Counter(name for name, _ in known)
    target = _KNOWN if _KNOWN in by_target else by_target.most_common(1)[0][0]
    own = Counter(code for name, code in known if name == target)
    of_any = Counter(code for _, code in known)
    code = min(own, key=lambda code: (code == "en", -own[code], -of_any[code]))
    return targets.index(target), languages.index(code)


def _data(
    selector: TaskSelector,
    grid: ExpectedGains,
    languages: PageLanguages,
    runs: pd.DataFrame,
    start: tuple[int, int],
) -> dict[str, Any]:
    cells = cells_of(selector, grid, runs)
    planes = np.concatenate([grid.gains, np.round(grid.reasons, _SHOWN_DIGITS)])
    numbers, scale = packed_numbers(np.nan_to_num(planes), step=_STEP)
    p_positive = np.nan_to_num(grid.p_positive, nan=-1.0)
    chances, chance_scale = packed_numbers(p_positive, step=10 * _STEP)
    listed = zip(languages.listed, languages.stand_in, strict=True)
    entries = [[item.code, item.name, item.family, at] for item, at in listed]
    told = {**asdict(cells), "languages": entries}
    return {
        "targets": [_target(selector, grid, at) for at in range(len(grid.targets))],
        "candidates": [{"name": name, "cost": _cost(name, selector)} for name in grid.candidates],
        "direct": DIRECT,
        "groups": grid.groups,
        "studies": grid.studies,
        "start": start,
        "computed": [
            {"code": item.code, "name": item.name, "placed": item.place is not None}
            for item in languages.computed
        ],
        "scale": scale,
        "numbers": numbers,
        "chanceScale": chance_scale,
        "chances": chances,
        "told": packed_json(told),
    }


def _target(selector: TaskSelector, grid: ExpectedGains, at: int) -> dict[str, Any]:
    """A target's name, the half-width of each candidate (None without interval), what they are."""
    widths = [
        None if np.isnan(width) else round(width, _WIDTH_DIGITS)
        for width in grid.half_widths[at].tolist()
    ]
    interval = selector.predictor_for(grid.targets[at]).residuals.describe()
    return {"name": grid.targets[at], "widths": widths, "interval": interval}


def _cost(name: str, selector: TaskSelector) -> str:
    if name == DIRECT:
        return "none"
    card = selector.catalogue.find(name)
    return "unknown" if card is None or card.train_size is None else f"{card.train_size:,}"
