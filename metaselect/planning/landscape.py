"""All cells of a plan, their measured gains, and the prior covariance of their gains.

A cell is one intermediate on one target under one protocol, over its languages: a run scores every
language of its target at once, so plans are made in cells, not in queries.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.base import Group, World, compute
from metaselect.features.history import EFFECTS
from metaselect.features.registry import features_of
from metaselect.features.table import prepare
from metaselect.runs.gains import query_gains

SETTING = ("study", "encoder", "adaptation")
"""The columns that name a protocol: a grid of cells."""

CELL = (*SETTING, "target", "intermediate")
"""The columns that name a cell."""

LANGUAGE = "en"
"""What a mean over languages stands under: a gain's query needs a language."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
OWN = "cell"
"""The effect of a cell that it shares with no other."""

_GROUPS: tuple[Group, ...] = ("size", "difficulty", "affinity")  # a cell has no language


def cell_gains(runs: pd.DataFrame) -> pd.DataFrame:
    """The gain of every cell over training directly, a mean over languages.

    Each score is taken against the mean `direct` score of its target and language, averaged over
    the languages of its run, and then compared as `runs.gains.query_gains` does: paired by seed
    where seeds match. Languages without `direct` scores, and targets that have none, are left out.

    Args:
        runs: A table from `check_runs`.

    Returns:
        One row a cell, sorted, rows of `direct` left out: the columns of `CELL`, language, gain,
        own_se (of the cell's mean alone; NaN where no seed repeats in its protocol), direct_se (of
        the target's `direct` mean, common to all of its cells) and n_seeds.

    Raises:
        MetaselectError: There are no `direct` runs.
    """
    keys = [*SETTING, "target", "language"]
    direct = runs[runs["intermediate"] == DIRECT].groupby(keys, observed=True)["score"].mean()
    against = runs.join(direct.rename("baseline"), on=keys)
    known = against[against["baseline"].notna()]
    if known.empty:
        raise MetaselectError(
            f"The table has no {DIRECT!r} runs, so no gain is known: add them, or make them first."
        )
    centred = known.assign(score=known["score"] - known["baseline"])
    by_run = [*CELL, "metric", "seed"]
    means = centred.groupby(by_run, observed=True, sort=False)["score"].mean().reset_index()
    gains = query_gains(means.assign(language=LANGUAGE))
    is_direct = gains["intermediate"] == DIRECT
    error = gains[is_direct].set_index([*SETTING, "target"])["score_se"].rename("direct_se")
    cells = gains[~is_direct].join(error, on=[*SETTING, "target"])
    named = cells.rename(columns={"score_se": "own_se"})
    columns = [*CELL, "language", "gain", "own_se", "direct_se", "n_seeds"]
    return named[columns].sort_values(list(CELL), ignore_index=True)


@dataclass(frozen=True, slots=True)
class Landscape:
    """Cells and their covariance kernels.

    Attributes:
        cells: One row per cell, with the columns of `planning.cells.CELL`.
        query: Query (protocol and target) of each cell as codes, shape (n_cells,).
        kernels: Prior covariance of each effect at variance 1, by name, each of shape
            (n_cells, n_cells).
    """

    cells: pd.DataFrame
    query: Codes
    kernels: Mapping[str, Floats]

    @property
    def n_queries(self) -> int:
        """Number of queries."""
        return int(self.query.max()) + 1 if len(self.query) else 0


def landscape_of(cells: pd.DataFrame, catalogue: Catalogue) -> Landscape:
    """Cells with their covariance kernels.

    Two cells share the effects of the predictor's history (`features.history.EFFECTS`: their
    intermediate, its kind and the target's, ...), that of all cells and of their query, and are
    alike in so far as their features are. An effect that groups the cells as an earlier one does
    is left out: one study cannot tell a study's own popularity from popularity.

    Args:
        cells: With the columns of `CELL` and language; from `cell_gains` or built like it.
        catalogue: Task cards.
    """
    rows = prepare(cells, catalogue, unit="target")
    query = _codes(rows, ["query"])
    partitions = {
        OWN: _codes(rows, ["query", "intermediate"]),
        "mean": np.zeros(len(rows), dtype=np.intp),
        "level": query,
    }
    for effect in EFFECTS:
        if "family" not in effect.columns:
            partitions[effect.name] = _codes(rows, list(effect.columns))
    kernels: dict[str, Floats] = {}
    met: set[bytes] = set()
    for name, codes in partitions.items():
        if codes.tobytes() not in met:
            met.add(codes.tobytes())
            kernels[name] = (codes[:, None] == codes[None, :]).astype(np.float64)
    features = _standardised(rows, catalogue)
    if features.size:
        kernels["features"] = features @ features.T / features.shape[1]
    return Landscape(cells, query, kernels)


def _codes(rows: pd.DataFrame, columns: list[str]) -> Codes:
    """Codes of the distinct values in order of appearance: equal partitions have equal codes."""
    return np.asarray(rows.groupby(columns, sort=False, observed=True).ngroup(), dtype=np.intp)


def _standardised(rows: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """Features that vary, with mean 0 and spread 1; what is missing counts as the mean."""
    table = compute(features_of(_GROUPS), rows, World(catalogue)).astype(np.float64)
    away = (table - table.mean()) / table.std(ddof=0)
    varying = table.columns[table.std(ddof=0) > 0]
    return away[varying].fillna(0.0).to_numpy()
