"""Evaluation and ablation records as what the page shows: sentences, and rows of charts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from metaselect.console import points, share
from metaselect.evaluation.restrictions import restriction_words

Record = Mapping[str, Any]

_LEFT_OUT = {
    "target": "each target predicted from the others",
    "family": "each language family predicted from the others",
    "intermediate": "each intermediate predicted from the others",
    "encoder": "each encoder predicted from the others",
}
_NOT_RULES = ("ranker", "oracle", "ceiling", "random")
_MAIN = "regret@1"
_ON_HALVES = {
    "ceiling": "the choice by the runs themselves",
    "ranker": "the ranker, without a run of what was left out",
    "random": "a random choice",
}


def title_of(record: Record) -> str:
    """What was left out, and how much there was."""
    what = _LEFT_OUT.get(record["protocol"], f"{record['protocol']} left out")
    counts = f"{record['n_queries']} queries in {record['n_clusters']} clusters"
    return f"{what[0].upper()}{what[1:]}{restriction_words(record)}, {counts}"


def whisker_rows(contrasts: Sequence[Record], *, against: str | None = None) -> pd.DataFrame:
    """Rows of a dot-and-whisker chart: contrasts in regret@1, named by the rival or the arm.

    Args:
        contrasts: Of a record.
        against: Keep the contrasts with this one, named by their method; None keeps all, named
            by their rival.
    """
    kept = [item for item in contrasts if item["measure"] == _MAIN]
    if against is not None:
        kept = [item for item in kept if item["against"] == against]
    name = "against" if against is None else "method"
    rows = [
        {"name": item[name], **{key: item[key] for key in ("difference", "low", "high")}}
        for item in kept
        if item["difference"] is not None
    ]
    frame = pd.DataFrame(rows, columns=["name", "difference", "low", "high"])
    return frame.astype(dict.fromkeys(("difference", "low", "high"), "float64"))


def ladder_rows(record: Record) -> pd.DataFrame:
    """Rows of the ladder's chart: each arm minus random in regret@1, the oracle last.

    The oracle has no regret, so its difference is random's regret, and its whisker is none.
    """
    rows = whisker_rows(record["contrasts"], against="random")
    regret = record["arms"].get("random", {}).get(_MAIN)
    if regret is None:
        return rows
    oracle = {"name": "oracle", "difference": -regret, "low": float("nan"), "high": float("nan")}
    return pd.concat([rows, pd.DataFrame([oracle])], ignore_index=True)


def evaluation_sentence(record: Record) -> str:
    """The main result: against random, and against the best simple rule."""
    found = {item["against"]: item for item in record["contrasts"] if item["measure"] == _MAIN}
    regrets = {name: row[_MAIN] for name, row in record["methods"].items() if name in found}
    rules = {
        name: regret
        for name, regret in regrets.items()
        if name not in _NOT_RULES and regret is not None
    }
    told = [_told("random choice", found["random"])] if "random" in found else []
    if rules:
        best = min(rules, key=lambda name: rules[name])
        told.append(_told(f"the best simple rule ({best})", found[best]))
    return "Against " + "; against ".join(told) + "." if told else "It has no contrasts."


def ceiling_sentence(record: Record) -> str:
    """What choosing by half of the seeds reaches on the other half."""
    halves = record.get("halves")
    if halves is None or "ceiling" not in halves["methods"]:
        reason = record.get("not_applicable", {}).get("ceiling", "not part of this evaluation")
        return f"Unknown: {reason}."
    gains = {name: row["gain@1"] for name, row in halves["methods"].items()}
    told = [
        f"{words} gains {points(gains[name])}"
        for name, words in _ON_HALVES.items()
        if gains.get(name) is not None
    ]
    return (
        "Choosing on half of the seeds and scoring on the other half, as if the experiment were "
        f"made again, in points over training directly: {'; '.join(told)}. Regret is not free of "
        "luck: the best of noisy gains is partly the luckiest."
    )


def direct_sentence(record: Record) -> str:
    """How often no intermediate was best, and how often it was rightly advised."""
    found = record.get("direct", {})
    if found.get("best") is None:
        return "Unknown: no query has runs without an intermediate."
    rightly = found["rightly"]
    right = "" if rightly is None else f", {share(rightly)} of these rightly"
    return (
        f"{share(found['share_negative_gains'])} of the intermediates' gains were negative; "
        f"training directly was best in {share(found['best'])} of the queries and advised in "
        f"{share(found['chosen'])}{right}."
    )


def ablation_sentence(record: Record) -> str:
    """What difficulty and language features add beyond size and history."""
    steps = (
        ("+difficulty", "history", "Difficulty features"),
        ("+language", "history", "language and diversity features"),
        ("+both", "history", "both together"),
    )
    found = {
        (item["method"], item["against"]): item
        for item in record["contrasts"]
        if item["measure"] == _MAIN
    }
    told = [
        f"{words}: {_change(found[method, other])}"
        for method, other, words in steps
        if (method, other) in found
    ]
    return "Beyond size and history, in regret@1. " + "; ".join(told) + "." if told else ""


def _told(rival: str, item: Record) -> str:
    return f"{rival}, the ranker changes regret@1 by {_change(item)}"


def _change(item: Record) -> str:
    return (
        f"{points(item['difference'])} points (95% interval {points(item['low'])} to "
        f"{points(item['high'])}, {item['n_clusters']} clusters)"
    )
