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
        se: Its standard error over seeds, and over studies where they differ by more; None where
            nothing repeats.
        n_seeds: Seeds behind it, over all those studies.
        n_studies: Studies behind it.
    """

    gain: float
    se: float | None
    n_seeds: int
    n_studies: int = 1


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
    wanted = runs["target"] == target
    if study is not None:
        wanted &= runs["study"] == study
    own = runs[wanted].reset_index(drop=True)  # all languages: they tell runs at their floor
    gains = pd.concat([observed_gains(own), control_gains(own)], ignore_index=True)
    one_code = {code: _one_code(code) for code in {*languages, *gains["language"].unique()}}
    by_language = _pooled(gains.assign(language=gains["language"].map(one_code)))
    return {
        (code, name): gain
        for code in languages
        for name, gain in by_language.get(one_code[code], {}).items()
    }


def _pooled(gains: pd.DataFrame) -> dict[str, dict[str, MeasuredGain]]:
    """Gains by language and intermediate, those of several studies as their mean."""
    cells = gains.assign(variance=gains["gain_se"] ** 2).groupby(["language", "intermediate"])
    table = cells.agg(
        gain=("gain", "mean"),
        between=("gain", "var"),
        variance=("variance", "sum"),
        known=("variance", "count"),
        n=("gain", "size"),
        n_seeds=("n_seeds", "sum"),
    )
    found: dict[str, dict[str, MeasuredGain]] = {}
    for row in table.reset_index().to_dict("records"):
        n_studies = int(row["n"])
        over_seeds = row["variance"] / n_studies**2 if row["known"] == n_studies else np.nan
        variance = np.fmax(over_seeds, row["between"] / n_studies)
        se = None if np.isnan(variance) else float(np.sqrt(variance))
        gain = MeasuredGain(float(row["gain"]), se, int(row["n_seeds"]), n_studies)
        found.setdefault(str(row["language"]), {})[str(row["intermediate"])] = gain
    return found


def _one_code(code: str) -> str:
    """The catalogue's code of a language; the given code if the catalogue has none."""
    found = find_language(code)
    return code if found is None else found.code
