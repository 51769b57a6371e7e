"""What evaluations say of intervals and of P(gain > 0), in plain sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from metaselect.evaluation.words import cluster_words

Record = Mapping[str, Any]


def interval_sentences(target: Record, family: Record) -> Iterator[str]:
    """How often intervals cover, and how good P(gain > 0) is.

    Args:
        target: The evaluation's record with whole targets left out.
        family: The same with language families left out.
    """
    level = target["intervals"]["level"]
    yield (
        "**Intervals hold over new clusters on average**, not for each cluster, language or "
        f"candidate. On the study that ships, asked for {_percent(level)}: for a new target they "
        f"{_covered(target)}. For a new language family they {_covered(family)}."
    )
    yield (
        f"**P(gain > 0)**: for a new target {_scored(target)}. For a new family {_scored(family)}."
    )


def _covered(record: Record) -> str:
    found = record["intervals"]
    name, least = min(found["coverage_by_cluster"].items(), key=lambda item: float(item[1]))
    told = f"cover {_percent(found['coverage'])} of the gains"
    if found["half_width"] is not None:
        told += f", with a half-width of {100 * found['half_width']:.1f} points"
    return f"{told}; least on {cluster_words(record, name)}, {_percent(least)}"


def _scored(record: Record) -> str:
    found = record["calibration"]
    score, constant = (f"{found[name]:.3f}" for name in ("brier", "brier_of_share"))
    words = "better than" if score < constant else "no better than"
    common, highest = max(found["bins"], key=lambda part: float(part["share"])), found["bins"][-1]
    told = (
        f"its Brier score is {score}, {words} that of one constant share, {constant}; "
        f"{_percent(common['share'])} of its probabilities lie near {_percent(common['said'])}, "
        f"where {_percent(common['seen'])} of the gains were above 0"
    )
    if highest == common:
        return told
    said, seen = _percent(highest["said"]), _percent(highest["seen"])
    return f"{told}; its highest are {said} on average, where {seen} were"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
