"""Evaluations and ablations as one record each: what `--json` prints and `--out` keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import cast

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.evaluation.contrasts import Comparison, Contrast, Units, contrast, holm
from metaselect.evaluation.fold_evaluation import EvaluationConfig, EvaluationResult
from metaselect.evaluation.records import (
    AblationRecord,
    Calibration,
    CalibrationBin,
    ContrastEntry,
    DirectChoices,
    EvaluationRecord,
    Halves,
    Intervals,
    Measures,
    RecordHead,
    RecordMaking,
)
from metaselect.evaluation.rounding import PLACES, rounded_record
from metaselect.ranking.metrics import MEASURES

SCHEMA = 2
METHOD = 4
"""Raised by each change of the code that changes a number in a record: `reproduce` reads a record
that ships, or that an earlier call kept, only where it was made by the same methods."""

_SEEDS = {True: "other seeds", False: "the same seeds"}
_BOUNDS = ("oracle", "ceiling")
_NOT_RIVALS = ("ranker", *_BOUNDS)
_NOT_RULES = (*_NOT_RIVALS, "random")
_N_BINS = 5
_PRIMARY_RIVALS = ("random", "history", "history_kind", "direct")
"""The questions of the study: does the ranker beat chance, what is best on average, what is best on
the kind, and never using an intermediate? Holm's correction is over these alone. They were named
after the first records of the first study were made."""

_STEPS = (
    ("+difficulty", "history", True),
    ("+language", "history", True),
    ("+both", "history", True),
    ("+both", "random", True),
    ("all", "shuffled languages", True),
    ("+both", "+difficulty", False),
    ("all", "+both", False),
    ("+measured", "all", False),
)
"""Comparisons of arms, and whether they are questions of the study too."""

WITHOUT = "without "
"""Before a group's name: the arm with all groups but this one."""


def evaluation_record(result: EvaluationResult, config: EvaluationConfig) -> EvaluationRecord:
    """The record of an evaluation: the keys of DESIGN 4.4 and what explains them, rounded."""
    rivals = [name for name in result.queries["method"].unique() if name not in _NOT_RIVALS]
    main = [
        Comparison("ranker", rival, measure, measure == "regret@1" and rival in _PRIMARY_RIVALS)
        for measure in ("regret@1", "regret@3")
        for rival in rivals
    ]
    crossed: list[Comparison] = []
    if len(result.halves):
        own = [] if result.crossed else rivals
        crossed = [Comparison("ranker", name, "gain_crossed") for name in own]
        crossed += [Comparison("ceiling", name, "gain_crossed") for name in (*rivals, "ranker")]
    methods = measures_json(result.methods)
    rule = best_rule(methods)
    against_random = [Comparison(rule, "random", "regret@1")] if rule and "random" in rivals else []
    contrasts = holm(_contrasts(result, [*main, *crossed], config))
    found: EvaluationRecord = {
        **_head(result, config),
        "methods": methods,
        **_making(result, config),
        "halves": _halves(result),
        "contrasts": contrasts_json(contrasts),
        "best_rule": next(iter(contrasts_json(_contrasts(result, against_random, config))), None),
        "intervals": interval_coverage(result, level=config.level),
        "calibration": calibration(result),
        "direct": direct_choices(result),
    }
    return rounded_record(found)


def ablation_record(result: EvaluationResult, config: EvaluationConfig) -> AblationRecord:
    """The record of an ablation: arms with their measures and their contrasts, rounded."""
    known = set(result.queries["method"])
    names = [name for name in result.methods.index if name not in ("oracle", "random", "ceiling")]
    steps = [
        Comparison(arm, before, measure, primary and measure == "regret@1")
        for arm, before, primary in _STEPS
        for measure in ("regret@1", "regret@3")
        if {arm, before} <= known
    ]
    primary = {(item.method, item.against) for item in steps}
    steps += [Comparison("all", name, "regret@1") for name in names if name.startswith(WITHOUT)]
    steps += [
        Comparison(name, "random", "regret@1") for name in names if (name, "random") not in primary
    ]
    found: AblationRecord = {
        "arms": measures_json(result.methods),
        **_head(result, config),
        **_making(result, config),
        "contrasts": contrasts_json(holm(_contrasts(result, steps, config))),
    }
    return rounded_record(found)


def rule_regrets(methods: Mapping[str, Measures]) -> dict[str, float]:
    """Regret@1 of the simple rules among a record's methods."""
    return {
        name: regret
        for name, row in methods.items()
        if name not in _NOT_RULES and (regret := row["regret@1"]) is not None
    }


def best_rule(methods: Mapping[str, Measures]) -> str | None:
    """The simple rule with the least regret@1 among a record's methods; None where it has none."""
    regrets = rule_regrets(methods)
    return min(regrets, key=lambda name: regrets[name]) if regrets else None


def contrast_in(
    record: EvaluationRecord | AblationRecord,
    method: str,
    against: str,
    *,
    measure: str = "regret@1",
) -> ContrastEntry:
    """The contrast of two methods, or arms, in a record.

    Raises:
        KeyError: It has none.
    """
    for item in record["contrasts"]:
        if (item["method"], item["against"], item["measure"]) == (method, against, measure):
            return item
    raise KeyError(f"{method} against {against} in {measure}")


def interval_coverage(result: EvaluationResult, *, level: float) -> Intervals:
    """Nominal and realised coverage of the gains' intervals, means over clusters."""
    rows = result.candidates
    rows = rows[(rows["intermediate"] != DIRECT) & rows["absolute"]]
    finite = rows[rows["half_width"].notna()]
    inside = (finite["gain"] - finite["expected"]).abs() <= finite["half_width"]
    by_cluster = inside.groupby(finite["cluster"]).mean()
    return {
        "level": level,
        "coverage": float(by_cluster.mean()) if len(by_cluster) else None,
        "coverage_by_cluster": {str(name): float(part) for name, part in by_cluster.items()},
        "half_width": float(finite["half_width"].mean()) if len(finite) else None,
        "share_without_interval": float(rows["half_width"].isna().mean()) if len(rows) else None,
    }


def calibration(result: EvaluationResult) -> Calibration:
    """Whether gains are above 0 as often as was said, each cluster weighing the same.

    `bins` has, for each fifth of the probabilities, the mean said and the share seen; `brier` is
    the mean squared difference, `brier_of_share` the same for one probability for all: the share
    of gains above 0.
    """
    rows = result.candidates
    rows = rows[(rows["intermediate"] != DIRECT) & rows["absolute"] & rows["p_positive"].notna()]
    if not len(rows):
        return {"brier": None, "brier_of_share": None, "bins": []}
    said = rows["p_positive"].to_numpy(dtype=np.float64)
    seen = (rows["gain"] > 0).to_numpy(dtype=np.float64)
    sizes = rows.groupby("cluster")["gain"].transform("size").to_numpy(dtype=np.float64)
    weights = 1.0 / sizes / rows["cluster"].nunique()
    fifth = np.minimum((said * _N_BINS).astype(int), _N_BINS - 1)
    bins: list[CalibrationBin] = [
        {
            "said": float(np.average(said[own], weights=weights[own])),
            "seen": float(np.average(seen[own], weights=weights[own])),
            "share": float(weights[own].sum()),
        }
        for number in range(_N_BINS)
        if (own := fifth == number).any()
    ]
    share = float(np.average(seen, weights=weights))
    return {
        "brier": float(np.average((said - seen) ** 2, weights=weights)),
        "brier_of_share": share * (1.0 - share),
        "bins": bins,
    }


def _halves(result: EvaluationResult) -> Halves | None:
    """Every method on the same halves of the seeds; None where no candidate has two."""
    if not len(result.halves):
        return None
    return {"methods": measures_json(result.methods_on_halves)}


def direct_choices(result: EvaluationResult) -> DirectChoices:
    """How often training directly was best, how often it was chosen, and how often rightly."""
    rows = result.candidates[result.candidates["absolute"]]
    others = rows[rows["intermediate"] != DIRECT]
    if not len(others):
        return {"share_negative_gains": None, "best": None, "chosen": None, "rightly": None}
    best = others.groupby(["fold", "query"])["gain"].max() <= 0
    chosen = others.groupby(["fold", "query"])["expected"].max() <= 0
    return {
        "share_negative_gains": float((others["gain"] < 0).mean()),
        "best": float(best.mean()),
        "chosen": float(chosen.mean()),
        "rightly": float(best[chosen].mean()) if chosen.any() else None,
    }


def _head(result: EvaluationResult, config: EvaluationConfig) -> RecordHead:
    return {
        "schema": SCHEMA,
        "protocol": config.protocol,
        "with_direct": config.with_direct,
        "with_same_source": config.with_same_source,
        "simulated": result.simulated,
        "n_queries": int(result.candidates[["fold", "query"]].drop_duplicates().shape[0]),
        "n_clusters": int(result.queries["cluster"].nunique()),
        "clusters": _targets_by_cluster(result),
        "alike": methods_alike(result.queries),
        "size_counts": _size_counts(result),
        "learnt_and_scored_on": _SEEDS[result.crossed],
    }


def _making(result: EvaluationResult, config: EvaluationConfig) -> RecordMaking:
    return {
        "not_applicable": dict(result.unusable),
        "search": {
            "trials_per_fold": config.search.n_trials,
            "trials": result.n_trials,
            "pruned": result.n_pruned,
            "seed": config.search.seed,
            "groups": list(config.groups),
        },
    }


def methods_alike(queries: pd.DataFrame) -> list[list[str]]:
    """Methods with the same measures in every query, each such group in order of appearance.

    Args:
        queries: As in `EvaluationResult`.
    """
    ranked = queries[~queries["method"].isin(_BOUNDS)]
    columns = list(MEASURES)
    wide = ranked.pivot(index=["fold", "query"], columns="method", values=columns).round(PLACES)
    found: dict[bytes, list[str]] = {}
    for name in dict.fromkeys(ranked["method"]):
        values = wide.xs(name, axis="columns", level="method")[columns].to_numpy(np.float64) + 0.0
        found.setdefault(values.tobytes(), []).append(str(name))
    return [names for names in found.values() if len(names) > 1]


def _targets_by_cluster(result: EvaluationResult) -> dict[str, list[str]]:
    """The targets scored in each cluster, which is named by their training source."""
    pairs = result.candidates[["cluster", "target"]].drop_duplicates().astype(str)
    return {str(name): sorted(targets) for name, targets in pairs.groupby("cluster")["target"]}


def _size_counts(result: EvaluationResult) -> dict[str, int]:
    """In how many queries the rule `size` counts examples trained on, and rows of cards."""
    told = result.candidates.groupby(["fold", "query"])["by_examples"].first()
    return {"train_examples": int(told.sum()), "card_rows": int((~told).sum())}


def measures_json(table: pd.DataFrame) -> dict[str, Measures]:
    """Measures by method, as numbers that JSON can hold."""
    return {
        str(name): {str(measure): _number(value) for measure, value in row.items()}
        for name, row in table.iterrows()
    }


def _contrasts(
    result: EvaluationResult, comparisons: Sequence[Comparison], config: EvaluationConfig
) -> list[Contrast]:
    table = result.clusters
    units = None if config.protocol == "target" else Units(result.queries, result.left_out)
    return [
        contrast(
            table,
            item,
            seed=config.search.seed,
            units=None if item.measure == "gain_crossed" else units,
        )
        for item in comparisons
    ]


def contrasts_json(contrasts: Sequence[Contrast]) -> list[ContrastEntry]:
    """Contrasts as plain records."""
    rows = [
        {key: _number(value) if isinstance(value, float) else value for key, value in row.items()}
        for row in map(asdict, contrasts)
    ]
    return cast(list[ContrastEntry], rows)


def _number(value: float) -> float | None:
    """A float that JSON can hold: NaN is null."""
    return float(value) if np.isfinite(value) else None
