"""Evaluations and ablations as one record each: what `--json` prints and `--out` keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.evaluation.contrasts import Contrast, contrast, holm
from metaselect.evaluation.judging import Judging, Scored
from metaselect.ranking.measures import MEASURES

SCHEMA = 1
_CONTRASTED = ("regret@1", "regret@3", "gain@1")
_NOT_RIVALS = ("ranker", "oracle", "ceiling")


def evaluation_record(scored: Scored, judging: Judging) -> dict[str, Any]:
    """The record of an evaluation: the keys of DESIGN 4.4 and what explains them."""
    rivals = [name for name in scored.methods.index if name not in _NOT_RIVALS]
    return {
        **_head(scored, judging),
        "contrasts": contrasts_json(_contrasts(scored, "ranker", rivals, judging)),
        "intervals": interval_coverage(scored, level=judging.level),
        "direct": direct_choices(scored),
    }


def ablation_record(scored: Scored, judging: Judging) -> dict[str, Any]:
    """The record of an ablation: arms with their measures, and their contrasts."""
    head = _head(scored, judging)
    names = [name for name in scored.methods.index if name not in ("oracle", "random")]
    steps = [
        ("+difficulty", "history"),
        ("+language", "history"),
        ("+both", "history"),
        ("+both", "+difficulty"),
        ("all", "+both"),
        ("all", "shuffled languages"),
        ("+measured", "all"),
        *((name, "random") for name in names),
    ]
    found = [item for pair in steps for item in _contrasts(scored, pair[0], [pair[1]], judging)]
    return {"arms": head.pop("methods"), **head, "contrasts": contrasts_json(holm(found))}


def contrast_in(
    record: Mapping[str, Any], method: str, against: str, *, measure: str = "regret@1"
) -> Mapping[str, Any]:
    """The contrast of two methods, or arms, in a record.

    Raises:
        KeyError: It has none.
    """
    for item in record["contrasts"]:
        if (item["method"], item["against"], item["measure"]) == (method, against, measure):
            found: Mapping[str, Any] = item
            return found
    raise KeyError(f"{method} against {against} in {measure}")


def interval_coverage(scored: Scored, *, level: float) -> dict[str, Any]:
    """Nominal and realised coverage of the gains' intervals, means over clusters."""
    rows = scored.candidates
    rows = rows[(rows["intermediate"] != DIRECT) & rows["absolute"]]
    finite = rows[rows["radius"].notna()]
    inside = (finite["gain"] - finite["expected"]).abs() <= finite["radius"]
    by_cluster = inside.groupby(finite["cluster"]).mean()
    return {
        "level": level,
        "coverage": float(by_cluster.mean()) if len(by_cluster) else None,
        "half_width": float(finite["radius"].mean()) if len(finite) else None,
        "share_without_interval": float(rows["radius"].isna().mean()) if len(rows) else None,
    }


def direct_choices(scored: Scored) -> dict[str, Any]:
    """How often training directly was best, how often it was chosen, and how often rightly."""
    rows = scored.candidates[scored.candidates["absolute"]]
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


def _head(scored: Scored, judging: Judging) -> dict[str, Any]:
    ceiling_clusters = scored.clusters[scored.clusters["method"] == "random"]
    return {
        "schema": SCHEMA,
        "protocol": judging.protocol,
        "with_direct": judging.with_direct,
        "with_same_source": judging.with_same_source,
        "simulated": scored.simulated,
        "n_queries": int(scored.candidates[["fold", "query"]].drop_duplicates().shape[0]),
        "n_clusters": len(ceiling_clusters),
        "methods": measures_json(scored.methods),
        "not_applicable": dict(scored.unusable),
        "search": {
            "trials_per_fold": judging.plan.n_trials,
            "trials": scored.n_trials,
            "pruned": scored.n_pruned,
            "seed": judging.plan.seed,
            "groups": list(judging.groups),
        },
    }


def measures_json(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Measures by method, as numbers that JSON can hold."""
    return {
        str(name): {measure: _number(row[measure]) for measure in MEASURES}
        for name, row in table.iterrows()
    }


def _contrasts(
    scored: Scored, method: str, against: Sequence[str], judging: Judging
) -> list[Contrast]:
    return contrast(
        scored.clusters,
        method=method,
        against=against,
        measures=_CONTRASTED,
        seed=judging.plan.seed,
    )


def contrasts_json(contrasts: Sequence[Contrast]) -> list[dict[str, Any]]:
    """Contrasts as plain records."""
    return [
        {key: _number(value) if isinstance(value, float) else value for key, value in row.items()}
        for row in map(asdict, contrasts)
    ]


def _number(value: float) -> float | None:
    """A float that JSON can hold: NaN is null."""
    return float(value) if np.isfinite(value) else None
