"""What a target's own runs say of a ranking for it, small enough to go with a predictor."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.runs.floors import MAJORITY, at_floor, raised_to_floor
from metaselect.runs.gains import observed_gains

ALL_STUDIES = ""
"""In place of a study's name: the runs of all studies together."""

_PLACES = 6  # as tables have them


@dataclass(frozen=True, slots=True)
class OwnRuns:
    """What the runs of one target say.

    Attributes:
        constant_share: Share of the scores that are no better than a constant answer's.
        mean: Mean score, a fraction.
        constant: Mean score of the best constant answer; None where the table does not tell it.
        against: Intermediates that the runs speak against: their mean gain, which lies below 0, and
            in how many languages it was measured.
    """

    constant_share: float
    mean: float
    constant: float | None
    against: Mapping[str, tuple[float, int]]


OwnRunsByStudy = Mapping[str, Mapping[str, OwnRuns]]
"""By study, `ALL_STUDIES` among them, then by target; without an entry there are no runs."""


def own_runs(runs: pd.DataFrame, target: str) -> OwnRuns | None:
    """What a table from `check_runs` says of a target; None where it has no run of it."""
    own = runs[runs["target"] == target]
    if own.empty:
        return None
    below = raised_to_floor(own)["score"] > own["score"]
    constants = pd.to_numeric(own[MAJORITY], errors="coerce") if MAJORITY in own else None
    told = constants is not None and bool(constants.notna().any())
    return OwnRuns(
        constant_share=round(float((below | at_floor(own)).mean()), _PLACES),
        mean=round(float(own["score"].mean()), _PLACES),
        constant=round(float(constants.mean()), _PLACES)
        if constants is not None and told
        else None,
        against=_against(own),
    )


def own_runs_by_study(runs: pd.DataFrame, targets: Iterable[str]) -> OwnRunsByStudy:
    """`own_runs` of each target in every study, and in all studies together."""
    names = list(targets)
    tables = {ALL_STUDIES: runs}
    tables |= {str(study): rows for study, rows in runs.groupby("study", sort=False)}
    return {
        study: {name: found for name in names if (found := own_runs(rows, name)) is not None}
        for study, rows in tables.items()
    }


def own_runs_from_json(entry: Mapping[str, Any]) -> OwnRunsByStudy:
    """The summary back from its JSON form (`dataclasses.asdict`)."""
    return {
        str(study): {str(name): _from_json(item) for name, item in targets.items()}
        for study, targets in entry.items()
    }


def _from_json(item: Mapping[str, Any]) -> OwnRuns:
    constant = item["constant"]
    return OwnRuns(
        constant_share=float(item["constant_share"]),
        mean=float(item["mean"]),
        constant=None if constant is None else float(constant),
        against={
            str(name): (float(gain), int(count)) for name, (gain, count) in item["against"].items()
        },
    )


def _against(own: pd.DataFrame) -> dict[str, tuple[float, int]]:
    gains = observed_gains(own.reset_index(drop=True))
    found = {}
    for name, cells in gains.groupby("intermediate", sort=True):
        mean = round(float(cells["gain"].mean()), _PLACES)
        if name != DIRECT and mean < 0:
            found[str(name)] = (mean, int(cells["language"].nunique()))
    return found
