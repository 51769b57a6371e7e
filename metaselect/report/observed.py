"""What the runs themselves say: mean gains by target and by language, and what they rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.wording import points

_BINS = (0.12, 0.35, 0.7)  # shares of the largest usual gain at which the colour steps
_CLEAR = 2.0  # standard errors from which a mean gain is coloured


@dataclass(frozen=True, slots=True)
class HeatTable:
    """Mean gains, intermediates by columns; `by` is what the columns are.

    Attributes:
        edges: Gains at which colours step.
        rows: For each intermediate its name and, for each column, the gain (NaN where none was
            run) and the number of its colour; None where it is within two standard errors of 0,
            its error unknown, or its column in `floors`.
        floors: Why a target's gains have no colour: its runs score like a constant answer. Those
            of all such targets, whatever the columns are.
    """

    by: str
    edges: tuple[float, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[float, int | None], ...]], ...]
    floors: Mapping[str, str]


def studies_of(runs: pd.DataFrame) -> list[dict[str, str | int]]:
    """Every study in order of first appearance: its name, encoder and source, and counts."""
    return [
        {
            "study": str(name),
            "encoder": ", ".join(dict.fromkeys(rows["encoder"])),
            "scores": len(rows),
            "intermediates": len(set(rows["intermediate"]) - {DIRECT, DIRECT_PLUS}),
            **{f"{key}s": rows[key].nunique() for key in ("target", "language", "seed")},
            "source": "; ".join(dict.fromkeys(rows["source"])),
        }
        for name, rows in runs.groupby("study", sort=False)
    ]


def heat_tables(gains: pd.DataFrame, floors: Mapping[str, str]) -> list[HeatTable]:
    """Intermediates by target and by language; none where no absolute gain is known.

    Args:
        gains: From `runs.gains.observed_gains`.
        floors: Reasons, by the names of targets whose runs score like a constant answer.
    """
    return [_heat_table(gains, by, floors) for by in ("target", "language")] if len(gains) else []


def mean_gains(gains: pd.DataFrame, *, by: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean gain of each intermediate by target or language, best rows first, and its error.

    Every study weighs the same in a cell, and in a cell of a language every target does.

    Returns:
        Means, NaN where none ran, and their standard errors in the same shape, NaN where nothing
        repeats. Languages of one training share its error; other trainings' errors are their own.
    """
    keys = list(dict.fromkeys(["intermediate", by, "study", "target"]))
    cells = gains.groupby(keys)[["gain", "gain_se"]].mean()
    cells["variance"] = cells.pop("gain_se") ** 2
    for level in (["intermediate", by, "study"], ["intermediate", by]):
        groups = cells.groupby(level)
        cells = groups.mean()
        cells["variance"] /= groups.size()
    wide = cells["gain"].unstack(by)
    order = wide.mean(axis=1).sort_values(ascending=False, kind="stable").index
    return wide.loc[order], cells["variance"].unstack(by).pow(0.5).loc[order]


def _heat_table(gains: pd.DataFrame, by: str, floors: Mapping[str, str]) -> HeatTable:
    means, errors = mean_gains(gains, by=by)
    clear = means.abs() > _CLEAR * errors
    if by == "target":
        clear.loc[:, means.columns.isin(list(floors))] = False
    edges = colour_edges(means.where(clear).to_numpy().ravel().tolist())
    rows = tuple(
        (
            str(name),
            tuple(
                (float(gain), colour_bin(gain, edges) if known else None)
                for gain, known in zip(means.loc[name], clear.loc[name], strict=True)
            ),
        )
        for name in means.index
    )
    return HeatTable(by, edges, tuple(map(str, means.columns)), rows, dict(floors))


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
