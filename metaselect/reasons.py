"""Why a candidate stands where it stands, in words, from the model's own contributions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.features.registry import FEATURES

_WORDS = {feature.name: feature.words for feature in FEATURES}
_N_REASONS = 3
_SMALLEST = 5e-5  # gain below which a contribution rounds to nothing in points


def reasons_for(rows: pd.DataFrame, contributions: pd.DataFrame) -> list[list[str]]:
    """Up to three reasons for each row, largest first, as `+1.2 points: training data of ...`.

    Args:
        rows: Candidates.
        contributions: What each feature adds to the expected gain, in fractions, same index.

    Returns:
        A list for each row; what every candidate of a query shares is left out, since it cannot
        tell them apart.
    """
    relative = contributions - contributions.groupby(np.asarray(rows["query"])).transform("mean")
    found = []
    for name, (_, row) in zip(rows["intermediate"], relative.iterrows(), strict=True):
        found.append(_of_direct() if name == DIRECT else _largest(row))
    return found


def _of_direct() -> list[str]:
    return ["no intermediate: gain 0 by definition"]


def _largest(row: "pd.Series[float]") -> list[str]:
    order = row.abs().sort_values(ascending=False, kind="stable").index[:_N_REASONS]
    told = [f"{row[name] * 100:+.1f} points: {_WORDS[name]}" for name in order if _tells(row[name])]
    return told or ["nothing known tells it from the others"]


def _tells(value: float) -> bool:
    return abs(value) >= _SMALLEST


def joined(reasons: Sequence[str]) -> str:
    """Reasons as one line of a table."""
    return "; ".join(reasons)
