"""Definitions of difficulty side by side: as choosers of intermediates, and as numbers.

Which score one calls difficulty decides the sign of the answer, so each definition chooses alone
(hardest first) and together with size (sum of standardised scores), without any learning.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.evaluation.contrasts import Comparison, contrast
from metaselect.evaluation.fold_evaluation import grade_steps, measure_queries
from metaselect.evaluation.records import DefinitionsRecord
from metaselect.evaluation.results import contrasts_json, measures_json
from metaselect.evaluation.rounding import rounded_record
from metaselect.features.base import World, compute
from metaselect.features.measured.hardness import partialled_out
from metaselect.features.measured.records import FEATURES as MEASURED_FEATURES
from metaselect.features.registry import FEATURES
from metaselect.features.table import prepare, rankable
from metaselect.ranking.metrics import MEASURES
from metaselect.runs.gains import complete_queries, query_gains
from metaselect.runs.keys import standardised
from metaselect.runs.simulated import is_simulated

Floats = npt.NDArray[np.float64]

PUBLISHED = ("headroom", "rasch", "error")
MEASURED = (
    "unlearnt_share", "low_confidence", "probe_difficulty", "neighbour_difficulty",
    "description_length", "response_difficulty",
)  # fmt: skip
DEFINITIONS = (*PUBLISHED, *MEASURED)
"""Names of difficulties; each is the feature `<name>_intermediate`."""

_SIZE = "log_size_intermediate"
_CONTRASTED = "regret@1"  # gain@1 mirrors it: their differences are the same but for the sign


def definitions_record(runs: pd.DataFrame, catalogue: Catalogue, *, seed: int) -> DefinitionsRecord:
    """Each definition as a chooser, against random choice and against size.

    Candidates whose difficulty is unknown count as average ones; a definition is left out where no
    query has two candidates with different known values. `direct` comes last: none of these
    choosers says when to go without.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Cards and measured values.
        seed: Of sampled sign flips.
    """
    gains = query_gains(runs)
    rows = rankable(prepare(gains, catalogue, unit="target"))
    is_asked = (rows["intermediate"] != DIRECT) & rows["query"].isin(complete_queries(gains))
    rows = rows[is_asked]
    rows = rows[rows.groupby("query")["intermediate"].transform("size") > 1]
    rows = rows.reset_index(drop=True)
    values = _values(rows, catalogue)
    codes = pd.factorize(rows["query"])[0]
    size = standardised(values[_SIZE], codes)
    scores: dict[str, Floats] = {"random": np.zeros(len(rows)), "size": size}
    for name in DEFINITIONS:
        own = values[f"{name}_intermediate"]
        if pd.Series(own).groupby(codes).nunique().max() > 1:
            hard = standardised(own, codes)
            scores[name] = hard
            scores[f"{name}+size"] = hard + size
    steps = grade_steps(rows)
    tables = [
        measure_queries(rows, score, method=name, fold="", steps=steps)
        for name, score in scores.items()
    ]
    queries = pd.concat(tables, ignore_index=True)
    clusters = queries.groupby(["cluster", "method"], as_index=False)[list(MEASURES)].mean()
    means = clusters.groupby("method")[list(MEASURES)].mean().reindex(list(scores))
    found = [
        contrast(clusters, Comparison(name, against, _CONTRASTED), seed=seed)
        for name in scores
        for against in ("random", "size")
        if name not in ("random", against)
    ]
    record: DefinitionsRecord = {
        "schema": 1,
        "simulated": is_simulated(runs),
        "n_clusters": int(clusters["cluster"].nunique()),
        "known_share": {
            name: float(np.isfinite(values[f"{name}_intermediate"]).mean()) for name in DEFINITIONS
        },
        "methods": measures_json(means),
        "contrasts": contrasts_json(found),
    }
    return rounded_record(record)


def difficulty_table(catalogue: Catalogue, *, encoder: str) -> pd.DataFrame:
    """Every task that has any difficulty: size and each definition, one row a task.

    Args:
        catalogue: Cards and measured values.
        encoder: Whose measured values; others' mean where it has none.
    """
    rows = pd.DataFrame({"intermediate": sorted(catalogue), "encoder": encoder})
    values = pd.DataFrame(_values(rows, catalogue), index=rows["intermediate"])
    known = values.drop(columns=_SIZE).notna().any(axis=1)
    return values[known]


def difficulty_correlations(table: pd.DataFrame, others: Mapping[str, float]) -> pd.DataFrame:
    """Spearman's correlation of each column with a number known of some tasks.

    Args:
        table: From `difficulty_table`.
        others: The number by task, mean gain say.

    Returns:
        Columns rho, p, n; and rho_size, the correlation with size partialled out of both.
    """
    other = pd.Series(others, dtype=np.float64)
    found = {}
    for name in table:
        both = pd.concat([table[name], other.rename("other"), table[_SIZE].rename("size")], axis=1)
        both = both.dropna()
        if len(both) < 4 or both.iloc[:, 0].nunique() < 2:
            continue
        rho, p = stats.spearmanr(both.iloc[:, 0], both["other"])
        found[str(name)] = {
            "rho": float(rho), "p": float(p), "n": len(both), "rho_size": _partial(both)
        }  # fmt: skip
    return pd.DataFrame.from_dict(found, orient="index")


def centred_mean_gains(runs: pd.DataFrame, catalogue: Catalogue) -> dict[str, float]:
    """Mean of each intermediate's gain minus its query's mean gain.

    Clusters of targets have equal weight.
    """
    rows = prepare(query_gains(runs), catalogue, unit="target")
    rows = rows[rows["intermediate"] != DIRECT]
    away = rows["gain"] - rows.groupby("query")["gain"].transform("mean")
    by_cluster = away.groupby([rows["intermediate"], rows["cluster"]]).mean()
    means = by_cluster.groupby(level="intermediate").mean()
    return {str(name): float(value) for name, value in means.items()}


def _partial(both: pd.DataFrame) -> float:
    """Spearman's correlation of the first two columns with the third's ranks taken out."""
    ranks = both.rank().to_numpy(dtype=np.float64)
    if np.ptp(ranks[:, 2]) == 0 or len(ranks) < 5:
        return float("nan")
    left = [partialled_out(ranks[:, column], ranks[:, 2]) for column in (0, 1)]
    size = float(np.sqrt((left[0] ** 2).sum() * (left[1] ** 2).sum()))
    return float(left[0] @ left[1] / size) if size > 1e-9 else float("nan")


def _values(rows: pd.DataFrame, catalogue: Catalogue) -> dict[str, Floats]:
    names = [_SIZE, *(f"{name}_intermediate" for name in DEFINITIONS)]
    by_name = {feature.name: feature for feature in (*FEATURES, *MEASURED_FEATURES)}
    table = compute([by_name[name] for name in names], rows, World(catalogue))
    return {name: table[name].to_numpy(dtype=np.float64) for name in names}
