"""What each method's first choice gains in clusters of targets that it has not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.ablation import LADDER
from metaselect.evaluation.fold_evaluation import (
    EvaluationConfig,
    evaluate_folds,
    runs_to_evaluate,
)
from metaselect.evaluation.folds import plan_folds
from metaselect.features.base import DEFAULT_GROUPS, Group
from metaselect.ranking.tuning import SearchSettings
from metaselect.runs.gains import QUERY, control_gains, query_gains, query_key

MARGIN = 0.05
"""By which a target must beat the best constant answer, to pass the gate."""

RULES = ("random", "direct", "size", "history", "history_kind", "composite", "ridge")
ARMS: Mapping[str, tuple[Group, ...]] = {
    **{name: LADDER[name] for name in ("history", "+difficulty", "+both")},
    "+measured difficulty": (*LADDER["+difficulty"], "measured"),
    "+both, measured": (*LADDER["+both"], "measured"),
}
"""Feature groups by arm; without the group `affinity`, `measured` is difficulty alone."""
COMPARISONS = (
    ("ranker", "random"),
    ("ranker", "history"),
    ("ladder: +difficulty", "ladder: history"),
    ("ladder: +both", "ladder: +difficulty"),
    ("history", DIRECT_PLUS),
)
PUBLISHED_STEPS = COMPARISONS[2:4]
"""Steps of the ladder that add published difficulty, then its products with languages."""

MEASURED_STEPS = (
    ("ladder: +measured difficulty", "ladder: history"),
    ("ladder: +both, measured", "ladder: +measured difficulty"),
)
BESIDE = (
    *(("ranker", rule) for rule in ("history_kind", "composite", "ridge", DIRECT)),
    *MEASURED_STEPS,
)
"""Asked as well, but no primary comparisons: Holm is not over these."""

WORDS = {
    "random": "random choice", DIRECT: "no intermediate", "history": "best on average",
    "ceiling": "best by the target's other seed", "history_kind": "best on its kind",
    "composite": "sum of signals", "ridge": "ridge regression",
    DIRECT_PLUS: "as many steps on the target alone",
    "ladder: history": "size and history", "ladder: +difficulty": "+ published difficulty",
    "ladder: +both": "+ published difficulty, language, diversity",
    "ladder: +measured difficulty": "+ measured difficulty",
    "ladder: +both, measured": "+ measured difficulty, language, diversity",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choices:
    """What each method's first choice came to.

    Attributes:
        gains: One row a method, target and cluster: columns method, cluster, kind, target, gain.
        direct: Share of clusters in which a ladder's arm chooses `direct`, by the arm's name.
        candidates: What the ranker expected of each candidate on one seed and what it gained on the
            other: columns target, intermediate, expected, gain, means over languages and seeds.
    """

    gains: pd.DataFrame
    direct: Mapping[str, float]
    candidates: pd.DataFrame = field(default_factory=pd.DataFrame)


def block(runs: pd.DataFrame, intermediates: Sequence[str], catalogue: Catalogue) -> pd.DataFrame:
    """Runs of the blocks that are done, on the targets that have all of them.

    A target is there with both seeds of `direct` and of every intermediate, those that share its
    data aside, and passes the gate: `direct` or one after an intermediate beats the best constant
    answer by five points in the mean of its languages.

    Args:
        runs: A table from `read_runs`.
        intermediates: Names, without `direct`.
        catalogue: Cards.

    Raises:
        MetaselectError: No target has all of them.
    """
    own = runs[runs["intermediate"].isin([DIRECT, DIRECT_PLUS, *intermediates])]
    kept = []
    for target, rows in own.groupby("target"):
        source = catalogue.training_source(str(target))
        asked = {DIRECT} | {
            name for name in intermediates if not catalogue.share_source(name, source)
        }
        seeds = rows.groupby("intermediate")["seed"].nunique()
        above = rows["score"] - rows["majority_score"].astype(float)
        passes = (above.groupby(rows["intermediate"]).mean() >= MARGIN).any()
        if passes and all(seeds.get(name, 0) >= 2 for name in asked):
            kept.append(target)
    if not kept:
        raise MetaselectError(f"No target has both seeds of {', '.join(intermediates)}.")
    return own[own["target"].isin(kept)].reset_index(drop=True)


def permuted(runs: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Runs whose candidates have changed names, in each target and seed by an order of its own."""
    draw = np.random.default_rng(seed)
    parts = []
    for _, rows in runs[runs["intermediate"] != DIRECT_PLUS].groupby(["target", "seed"]):
        names = rows["intermediate"].unique()
        given = dict(zip(names, draw.permutation(names), strict=True))
        parts.append(rows.assign(intermediate=rows["intermediate"].map(given)))
    return pd.concat(parts, ignore_index=True)


def first_choices(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    *,
    trials: int,
    seed: int,
    workers: int,
    arms: Mapping[str, tuple[Group, ...]] = ARMS,
) -> dict[bool, Choices]:
    """Gains of first choices in held-out clusters, on other seeds than were learnt from.

    Args:
        runs: A table from `read_runs`, each cell with two seeds.
        catalogue: Cards.
        trials: Settings that each fold tries for the ranker; the ladder takes the defaults.
        seed: Of the halves of seeds and the search.
        workers: Processes.
        arms: Of the ladder, with their feature groups.

    Returns:
        By whether `direct` may be chosen.

    Raises:
        MetaselectError: Too few clusters, or no cell with two seeds.
    """
    search = SearchSettings(n_trials=trials, n_folds=5, n_best=1, seed=seed, chance=0.05)
    config = EvaluationConfig(
        protocol="target", groups=DEFAULT_GROUPS, search=search, level=0.8, rules=RULES,
        workers=workers, with_same_source=False,
    )  # fmt: skip
    runs = runs_to_evaluate(runs, catalogue, config)
    folds = plan_folds(runs, catalogue, protocol="target", seed=seed, n_partitions=1).crossed
    if not folds:
        raise MetaselectError("No cell has two seeds: nothing can be scored on other seeds.")
    bare = replace(search, n_trials=1, trees=False)
    named = {"ranker": config} | {
        f"ladder: {arm}": replace(config, groups=groups, search=bare, rules=())
        for arm, groups in arms.items()
    }
    jobs = [(name, (fold, own)) for name, own in named.items() for fold in folds]
    names = [name for name, _ in jobs]
    results = list(evaluate_folds([job for _, job in jobs], catalogue, (True, False)))
    return {
        with_direct: _choices(
            runs, catalogue,
            [(name, *found.tables[with_direct]) for name, found in zip(names, results, strict=True)
             if with_direct in found.tables],
            unasked=("oracle",) if with_direct else ("oracle", DIRECT),
        )
        for with_direct in (True, False)
    }  # fmt: skip


def _choices(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    tables: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]],
    *,
    unasked: Sequence[str],
) -> Choices:
    """The choices in all folds, from each one's method, queries and candidates."""
    by_query = pd.concat(
        [queries.assign(method=queries["method"].replace("ranker", name))
         for name, queries, _ in tables]
    )  # fmt: skip
    targets = _targets(query_gains(runs))
    gains = by_query[~by_query["method"].isin(unasked)].join(targets, on="query")
    keys = ["method", "cluster", "target"]
    by_language = gains.groupby([*keys, "language"])["gain@1"].mean()
    by_target = by_language.groupby(keys).mean().rename("gain").reset_index()
    whole = pd.concat([by_target, _control(runs, by_target)], ignore_index=True)
    kinds = {name: catalogue[name].kind if name in catalogue else name for name in whole["target"]}
    direct = {
        name: pd.concat([_chooses_direct(rows) for arm, _, rows in tables if arm == name])
        for name, _, _ in tables
    }
    expected = pd.concat([rows for name, _, rows in tables if name == "ranker"])
    return Choices(
        whole.assign(kind=whole["target"].map(kinds)),
        {name: float(found.groupby("cluster").mean().mean()) for name, found in direct.items()},
        _by_target(expected.join(targets["language"], on="query")),
    )


def _by_target(candidates: pd.DataFrame) -> pd.DataFrame:
    """Expected and measured gains by target and intermediate."""
    tasks = candidates[candidates["intermediate"] != DIRECT]
    keys = ["target", "intermediate"]
    by_language = tasks.groupby([*keys, "language"])[["expected", "gain"]].mean()
    return by_language.groupby(keys).mean().reset_index()


def _chooses_direct(candidates: pd.DataFrame) -> pd.Series:
    """Whether `direct` is the first choice of each query, with the cluster as index."""
    first = candidates.loc[candidates.groupby("query")["expected"].idxmax()]
    return (first["intermediate"] == DIRECT).set_axis(pd.Index(first["cluster"], name="cluster"))


def _targets(gains: pd.DataFrame) -> pd.DataFrame:
    """Target and language of each query."""
    return gains[list(QUERY)].drop_duplicates().assign(query=query_key).set_index("query")[
        ["target", "language"]
    ]  # fmt: skip


def _control(runs: pd.DataFrame, by_target: pd.DataFrame) -> pd.DataFrame:
    """Gains of `direct+` by target, in the clusters that are judged; none where it was not run."""
    found = control_gains(runs)
    means = found.groupby(["target", "language"])["gain"].mean().groupby("target").mean()
    cluster = by_target.drop_duplicates("target").set_index("target")["cluster"]
    return (
        means.to_frame("gain").join(cluster, how="inner").reset_index().assign(method=DIRECT_PLUS)
    )
