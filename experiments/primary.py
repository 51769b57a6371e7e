"""The primary comparisons of the second study, as study.md wrote them down before its runs.

    python experiments/primary.py RUNS --intermediates mnli,sts_semeval,sst2 [--figures DIR]

The intermediates are those of the blocks that are done; targets are those that have both seeds of
each of them and pass the gate. With --figures three figures are drawn of the same choices.

One measure: the gain of the first choice over `direct` on other seeds than were learnt from, mean
over a target's languages, then over a cluster's targets, then over clusters. Every cluster is held
out in turn; cells whose intermediate shares data with the target are left out. The second table
joins clusters by their kind of task.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue
from metaselect.console import points
from metaselect.errors import MetaselectError
from metaselect.evaluation.ablation import LADDER
from metaselect.evaluation.contrasts import Comparison, Contrast, contrast, holm
from metaselect.evaluation.fold_evaluation import (
    EvaluationConfig,
    default_workers,
    evaluate_folds,
    runs_to_evaluate,
)
from metaselect.evaluation.folds import plan_folds
from metaselect.features.base import DEFAULT_GROUPS
from metaselect.ranking.tuning import SearchSettings
from metaselect.runs.exchange import read_runs
from metaselect.runs.gains import QUERY, control_gains, query_gains, query_key

MARGIN = 0.05
"""By which a target must beat the best constant answer, to pass the gate."""

LEVEL = 0.05
WORTH = 0.005
"""Gain below which an advantage would not pay for one more training: half a point."""

MOSTLY = 0.75
"""Share of clusters beyond which two arms that both choose `direct` were asked nothing."""

RANKER, RANDOM, HISTORY = "ranker", "random", "history"
ARMS = ("history", "+difficulty", "+both")
COMPARISONS = (
    (RANKER, RANDOM),
    (RANKER, HISTORY),
    ("ladder: +difficulty", "ladder: history"),
    ("ladder: +both", "ladder: +difficulty"),
    (HISTORY, DIRECT_PLUS),
)
_LADDER_STEPS = COMPARISONS[2:4]


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


def realised(
    runs: pd.DataFrame, catalogue: Catalogue, *, trials: int, seed: int, workers: int
) -> Choices:
    """Gains of first choices in held-out clusters, on other seeds than were learnt from.

    Args:
        runs: A table from `read_runs`, each cell with two seeds.
        catalogue: Cards.
        trials: Settings that each fold tries for the ranker; the ladder takes the defaults.
        seed: Of the halves of seeds and the search.
        workers: Processes.

    Raises:
        MetaselectError: Too few clusters, or no cell with two seeds.
    """
    search = SearchSettings(n_trials=trials, n_folds=5, n_best=1, seed=seed, chance=0.05)
    config = EvaluationConfig(
        protocol="target", groups=DEFAULT_GROUPS, search=search, level=0.8,
        rules=(RANDOM, HISTORY), workers=workers, with_same_source=False,
    )  # fmt: skip
    runs = runs_to_evaluate(runs, catalogue, config)
    folds = plan_folds(runs, catalogue, protocol="target", seed=seed, n_partitions=1).crossed
    if not folds:
        raise MetaselectError("No cell has two seeds: nothing can be scored on other seeds.")
    bare = replace(search, n_trials=1, trees=False)
    named = {RANKER: config} | {
        f"ladder: {arm}": replace(config, groups=LADDER[arm], search=bare, rules=()) for arm in ARMS
    }
    jobs = [(name, (fold, own)) for name, own in named.items() for fold in folds]
    results = evaluate_folds([job for _, job in jobs], catalogue, (True,))
    queries, direct, expected = [], dict[str, list[pd.Series]](), []
    for (name, _), result in zip(jobs, results, strict=True):
        (tables,) = result.tables
        if tables is None:
            continue
        found, candidates = tables
        queries.append(found.assign(method=found["method"].replace(RANKER, name)))
        direct.setdefault(name, []).append(_chooses_direct(candidates))
        expected += [candidates] if name == RANKER else []
    by_query = pd.concat(queries)
    by_query = by_query[by_query["method"] != "oracle"]
    targets = _targets(query_gains(runs))
    gains = by_query.join(targets, on="query").rename(columns={"gain@1": "gain"})
    keys = ["method", "cluster", "target"]
    by_target = gains.groupby([*keys, "language"])["gain"].mean().groupby(keys).mean().reset_index()
    whole = pd.concat([by_target, _control(runs, by_target)], ignore_index=True)
    kinds = {name: catalogue[name].kind if name in catalogue else name for name in whole["target"]}
    return Choices(
        whole.assign(kind=whole["target"].map(kinds)),
        {name: float(pd.concat(parts).groupby("cluster").mean().mean())
         for name, parts in direct.items()},
        _by_target(pd.concat(expected).join(targets["language"], on="query")),
    )  # fmt: skip


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


def compared(choices: Choices, *, by: str, seed: int) -> list[Contrast]:
    """The comparisons over clusters, or over kinds; those without both methods are left out."""
    means = choices.gains.groupby([by, "method"])["gain"].mean().reset_index()
    table = means.rename(columns={by: "cluster"})
    known = set(table["method"])
    pairs = [pair for pair in COMPARISONS if known.issuperset(pair)]
    return holm(
        [contrast(table, Comparison(*pair, "gain", primary=True), seed=seed) for pair in pairs]
    )


def verdict(found: Contrast, direct: Mapping[str, float]) -> str:
    """Yes, the opposite, no or too little evidence, by the rules of study.md."""
    pair = (found.method, found.against)
    if pair in _LADDER_STEPS and min(direct[name] for name in pair) > MOSTLY:
        return "too little evidence: both choose direct"
    if found.p_holm < LEVEL:
        return "yes" if found.difference > 0 else "the opposite"
    return "no" if found.high < WORTH else "too little evidence"


def lines(found: Sequence[Contrast], direct: Mapping[str, float]) -> Iterator[str]:
    """The comparisons as a Markdown table, in points."""
    yield (
        "| first | against | difference | 95 % interval | p (Holm) | changed | leads | "
        "without one | visible | verdict |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for item in found:
        cells = (
            item.method,
            item.against,
            points(item.difference),
            f"{points(item.low)} to {points(item.high)}",
            f"{item.p:.3f} ({item.p_holm:.3f})",
            f"{item.n_changed} of {item.n_clusters}",
            item.leading or "–",
            f"{points(item.low_without_one)} to {points(item.high_without_one)}",
            points(item.detectable).lstrip("+"),
            verdict(item, direct),
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print both tables."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("runs", type=Path)
    options.add_argument("--intermediates", help="of the blocks that are done, with commas")
    options.add_argument("--figures", type=Path, help="folder for three figures (SVG)")
    options.add_argument("--trials", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--workers", type=int, default=default_workers())
    chosen = options.parse_args()
    runs, catalogue = read_runs(chosen.runs), shipped_catalogue()
    if chosen.intermediates:
        runs = block(runs, chosen.intermediates.split(","), catalogue)
    choices = realised(
        runs, catalogue, trials=chosen.trials, seed=chosen.seed, workers=chosen.workers
    )
    names = sorted({*runs["intermediate"]} - {DIRECT, DIRECT_PLUS})
    targets = sorted({*runs["target"]})
    print(f"Candidates: {', '.join(names)} and {DIRECT}; {len(targets)} targets: "
          f"{', '.join(targets)}.")  # fmt: skip
    for by in ("cluster", "kind"):
        found = compared(choices, by=by, seed=chosen.seed)
        print(f"\nOver {found[0].n_clusters} {by}s:\n", *lines(found, choices.direct), sep="\n")
    if chosen.figures is not None:
        from study_figures import write_figures  # beside this file; draws with the extra `report`

        for path in write_figures(
            chosen.figures, runs, choices.gains, choices.candidates, seed=chosen.seed
        ):
            print(path)


if __name__ == "__main__":
    main()
