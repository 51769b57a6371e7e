"""Gains of whole cells: one intermediate on one target under one protocol, over its languages.

A run scores every language of its target at once, so plans are made in cells, not in queries.
"""

import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.errors import MetaselectError
from metaselect.runs.gains import query_gains

SETTING = ("study", "encoder", "adaptation")
"""The columns that name a protocol: a grid of cells."""

CELL = (*SETTING, "target", "intermediate")
"""The columns that name a cell."""

LANGUAGE = "en"
"""What a mean over languages stands under: a gain's query needs a language."""


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
