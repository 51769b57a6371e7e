"""The noise ceiling: how well one could choose if half of the seeds were already known.

No predictor can be expected to beat it on gains that are as noisy as these.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.evaluation.measured import grade_steps, measured
from metaselect.evaluation.protocols import OuterFold
from metaselect.features.table import Unit, prepare
from metaselect.ranking.measures import MEASURES
from metaselect.runs.gains import query_gains, split_seeds

_N_SPLITS = 5  # halvings of the seeds


def noise_ceiling(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    folds: Sequence[OuterFold],
    *,
    protocol: Unit,
    seed: int,
) -> pd.DataFrame:
    """Choose by the gains of half the seeds, score on the other half's, both ways round.

    Returns:
        Rows as `measured` gives them, means over several halvings; none where seeds are too few.
    """
    tested = pd.concat(
        [fold.test[["query", "intermediate"]].assign(fold=fold.name) for fold in folds]
    )
    tables = []
    for split in range(_N_SPLITS):
        halves = [
            prepare(query_gains(half), catalogue, unit=protocol)
            for half in split_seeds(runs, seed=seed + split)
        ]
        both = halves[0].merge(
            halves[1][["query", "intermediate", "gain", "gain_se"]],
            on=["query", "intermediate"],
            suffixes=("", "_other"),
        )
        tables += [_chosen_by_half(both, tested), _chosen_by_half(_swapped(both), tested)]
    found = pd.concat(tables, ignore_index=True)
    if not len(found):
        return found
    names = ["cluster", "query", "fold", "method"]
    return found.groupby(names, as_index=False)[list(MEASURES)].mean()


def _chosen_by_half(both: pd.DataFrame, tested: pd.DataFrame) -> pd.DataFrame:
    rows = tested.merge(both, on=["query", "intermediate"])
    tables = []
    for fold, own in rows.groupby("fold"):
        sized = own[own.groupby("query")["gain"].transform("size").to_numpy() > 1]
        if len(sized):
            sized = sized.reset_index(drop=True)
            scores = sized["gain_other"].to_numpy(dtype=np.float64)
            steps = grade_steps(sized)
            tables.append(measured(sized, scores, method="ceiling", fold=str(fold), steps=steps))
    return pd.concat(tables) if tables else pd.DataFrame()


def _swapped(both: pd.DataFrame) -> pd.DataFrame:
    return both.rename(
        columns={
            "gain": "gain_other",
            "gain_other": "gain",
            "gain_se": "gain_se_other",
            "gain_se_other": "gain_se",
        }
    )
