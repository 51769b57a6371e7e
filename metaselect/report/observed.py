"""What the runs themselves say: mean gains by target and by language, and what they rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.console import points

_BINS = (0.12, 0.35, 0.7)  # shares of the largest usual gain at which the colour steps


@dataclass(frozen=True, slots=True)
class Study:
    """One study's size, for a row of a table."""

    name: str
    encoder: str
    n_scores: int
    n_intermediates: int
    n_targets: int
    n_languages: int
    n_seeds: int
    source: str


def studies_of(runs: pd.DataFrame) -> list[Study]:
    """Every study with its counts, in order of first appearance."""
    return [
        Study(
            name=str(name),
            encoder=", ".join(dict.fromkeys(rows["encoder"])),
            n_scores=len(rows),
            n_intermediates=len(set(rows["intermediate"]) - {DIRECT, DIRECT_PLUS}),
            n_targets=rows["target"].nunique(),
            n_languages=rows["language"].nunique(),
            n_seeds=rows["seed"].nunique(),
            source="; ".join(dict.fromkeys(rows["source"])),
        )
        for name, rows in runs.groupby("study", sort=False)
    ]


def mean_gains(gains: pd.DataFrame, *, by: str) -> pd.DataFrame:
    """Mean gain of each intermediate by target or language, best rows first; NaN where none ran.

    Every study weighs the same in a cell, and in a cell of a language every target does.
    """
    keys = list(dict.fromkeys(["intermediate", by, "study", "target"]))
    cells = gains.groupby(keys)["gain"].mean()
    means = cells.groupby(["intermediate", by, "study"]).mean()
    wide = means.groupby(["intermediate", by]).mean().unstack(by)
    order = wide.mean(axis=1).sort_values(ascending=False, kind="stable").index
    return wide.loc[order]


def colour_edges(values: Sequence[float]) -> tuple[float, ...]:
    """Six gains, symmetric around 0, at which a diverging scale of seven colours steps.

    The largest usual gain is the 98th percentile of the absolute ones.

    Example:
        >>> colour_edges([0.02, -0.02])
        (-0.014, -0.007, -0.0024, 0.0024, 0.007, 0.014)
    """
    known = np.abs(np.asarray(values, dtype=np.float64))
    known = known[~np.isnan(known)]
    largest = float(np.percentile(known, 98)) if known.size else 0.0
    steps = [round((largest or 0.01) * share, 4) for share in _BINS]
    return (*(-step for step in reversed(steps)), *steps)


def map_edges(gains: Sequence[float]) -> tuple[float, ...]:
    """Six gains at which a scale of seven colours steps, evenly from the lowest to the highest.

    Example:
        >>> map_edges([0.0, 0.07])
        (0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
    """
    low, high = min(gains), max(gains)
    return tuple(round(low + step * (high - low) / 7, 6) for step in range(1, 7))


def range_words(edges: Sequence[float]) -> list[str]:
    """What each colour stands for, in points.

    Example:
        >>> range_words([-0.01, 0.01])
        ['below -1.00', '-1.00 to +1.00', '+1.00 and more']
    """
    between = [f"{points(low)} to {points(high)}" for low, high in pairwise(edges)]
    return [f"below {points(edges[0])}", *between, f"{points(edges[-1])} and more"]


def colour_bin(value: float, edges: Sequence[float]) -> int:
    """Which colour a gain has: how many of the edges it reaches.

    Example:
        >>> colour_bin(0.01, (-0.01, 0.0, 0.01))
        3
    """
    return sum(value >= edge for edge in edges)
