"""Measured gains of a target in the languages of a ranking, shown beside the expected ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metaselect.catalogue.languages import find_language
from metaselect.runs.gains import control_gains, observed_gains


@dataclass(frozen=True, slots=True)
class MeasuredGain:
    """The measured gain of one intermediate on one target in one language.

    Attributes:
        gain: Score with it minus score `direct`, a fraction; the mean over studies where several
            have it.
        se: Its standard error; None where nothing repeats.
        n_seeds: Seeds behind it, over all those studies.
    """

    gain: float
    se: float | None
    n_seeds: int


def measured_gains(
    runs: pd.DataFrame, *, target: str, languages: Sequence[str], study: str | None
) -> dict[tuple[str, str], MeasuredGain]:
    """The measured gains of a target, by (language, intermediate).

    Args:
        runs: A table from `check_runs`.
        target: Name of the target.
        languages: Codes as a ranking has them; `sw` is the `swh` of a table.
        study: This study alone; None takes all.

    Returns:
        No entry for `direct`, and none for queries without `direct` runs. The control `direct+`,
        which no ranking has, is there where it was run.
    """
    codes = {code: _one_code(code) for code in languages}
    wanted = runs["target"] == target
    if study is not None:
        wanted &= runs["study"] == study
    rows = runs[wanted]
    own = rows["language"].map({code: _one_code(code) for code in rows["language"].unique()})
    own_runs = rows[own.isin(set(codes.values()))].reset_index(drop=True)
    gains = pd.concat([observed_gains(own_runs), control_gains(own_runs)], ignore_index=True)
    own = gains["language"].map(_one_code)
    return {
        (code, str(name)): _pooled(cell)
        for code, one in codes.items()
        for name, cell in gains[own == one].groupby("intermediate")
    }


def _pooled(cell: pd.DataFrame) -> MeasuredGain:
    se = float(np.sqrt((cell["gain_se"] ** 2).sum(skipna=False)) / len(cell))
    return MeasuredGain(
        gain=float(cell["gain"].mean()),
        se=None if np.isnan(se) else se,
        n_seeds=int(cell["n_seeds"].sum()),
    )


def _one_code(code: str) -> str:
    """The catalogue's code of a language; the given code if the catalogue has none."""
    found = find_language(code)
    return code if found is None else found.code
