"""The answer to the research question in words, from all of its records."""

from collections.abc import Mapping, Sequence

from metaselect.evaluation.coverage import coverage_sentence
from metaselect.evaluation.question import Findings
from metaselect.evaluation.records import (
    AblationRecord,
    ContrastEntry,
    EvaluationRecord,
    interval_of,
)
from metaselect.evaluation.results import best_rule
from metaselect.evaluation.verdicts import (
    ADDED,
    by_rival,
    excludes_zero,
    passes_correction,
    plain,
)
from metaselect.evaluation.words import cluster_words, one_decides, restriction_words
from metaselect.wording import counted, points

_RULE = "a 95% interval without 0, and Holm's p below .05"
_LEFT_OUT: Mapping[str, str] = {
    "target": "a cluster of targets",
    "family": "a language family",
    "intermediate": "intermediates",
    "encoder": "an encoder",
}


def conclusion(findings: Findings) -> str:
    """Whether the runs answer the question, in a few sentences: what is sure, or why nothing is.

    A primary contrast is sure where its interval does not hold 0 and Holm's p is below .05. Those
    of the first protocol's evaluation and ablation count; what is sure under another one is named.
    """
    (protocol, evaluation), *others = findings.evaluations.items()
    primary = _primary(findings, protocol)
    sure = [item for item in primary if _is_sure(item)]
    runs = "These simulated runs" if evaluation["simulated"] else "These runs"
    number = counted(len(primary), "primary comparison")
    asked = f"with {_left_out(evaluation)}"
    if sure:
        part = "a part of " if len(sure) < len(primary) else ""
        verb = "is" if len(sure) == 1 else "are"
        return (
            f"{runs} answer {part}the question: {len(sure)} of {number} {asked} {verb} sure "
            f"({_RULE}), in points of regret@1 (less is better): {_named(sure)}."
        )
    clusters = counted(evaluation["n_clusters"], "cluster")
    elsewhere = [
        f" With {_left_out(other)}, sure is: {_named(found)}."
        for name, other in others
        if (found := [item for item in _primary(findings, name) if _is_sure(item)])
    ]
    return (
        f"{runs} do not answer the question: none of {number} {asked} is sure with {clusters} of "
        f"targets ({_RULE}).{''.join(elsewhere)}{_added(findings, protocol)}"
    )


def _left_out(record: EvaluationRecord) -> str:
    """What an evaluation leaves out, with its restrictions."""
    return f"{_LEFT_OUT[record['protocol']]} left out{restriction_words(record)}"


def _primary(findings: Findings, protocol: str) -> list[ContrastEntry]:
    """The primary contrasts of a protocol's evaluation and ablation."""
    ablation = findings.ablations.get(protocol)
    added = [] if ablation is None else ablation["contrasts"]
    contrasts = (*findings.evaluations[protocol]["contrasts"], *added)
    return [item for item in contrasts if item["p_holm"] is not None]


def _named(sure: Sequence[ContrastEntry]) -> str:
    return "; ".join(
        f"{item['method']} against {item['against']} {points(item['difference'])}" for item in sure
    )


def _gap(findings: Findings) -> str | None:
    """Why runs cannot tell what published difficulty adds; None where they can."""
    return None if findings.coverage is None else coverage_sentence(findings.coverage)


def _step(findings: Findings, protocol: str) -> tuple[str, ContrastEntry | None]:
    """The arm that the question is about, and what it changes; None where none was made.

    Where difficulty is known of too few intermediates, language and diversity alone are asked.
    """
    arm = "+both" if _gap(findings) is None else "+language"
    return arm, by_rival(findings.ablations[protocol]["contrasts"]).get((arm, "history"))


def _added(findings: Findings, protocol: str) -> str:
    """What the features change beyond size and history, and from where a change would have shown.

    Empty where no ablation was made.
    """
    if protocol not in findings.ablations:
        return ""
    arm, item = _step(findings, protocol)
    untold = "" if _gap(findings) is None else " What difficulty adds cannot be told."
    if item is None:
        return untold
    if item["n_changed"] == 0:
        return f" {ADDED[arm]} change no first choice.{untold}"
    told = f" {ADDED[arm]} change regret@1 by {points(item['difference'])} points"
    if (interval := interval_of(item)) is not None:
        told += f" ({points(interval[0])} to {points(interval[1])})"
    if one_decides(item):
        return f"{told}; one cluster decides the sign.{untold}"
    if item["detectable"] is None:
        return f"{told}, in too few choices to say what would have shown.{untold}"
    return f"{told}; {plain(item['detectable'])} would have shown.{untold}"


def _is_sure(item: ContrastEntry) -> bool:
    return excludes_zero(item) and passes_correction(item)


def answer_sentences(findings: Findings) -> list[str]:
    """The question's answer in three plain sentences, for unseen targets.

    Where `target` could not be evaluated, the first protocol that could be is used.
    """
    protocol = next(iter(findings.evaluations))
    evaluation = findings.evaluations[protocol]
    where = "On simulated runs" if evaluation["simulated"] else "On these runs"
    found = by_rival(evaluation["contrasts"])
    best = best_rule(evaluation["methods"]) or "history"
    ranker, chance = (evaluation["methods"][name]["regret@1"] for name in ("ranker", "random"))
    unseen = f"{'an' if protocol[0] in 'aei' else 'a'} {protocol} never seen"
    lines = [
        f"{where}, for {unseen}, the ranker's first choice is "
        f"{plain(ranker)} points below the best and a random one {plain(chance)}, a difference of "
        f"{_told(found['ranker', 'random'])}.{_free_of_luck(evaluation)}",
        "Against best on average the ranker changes regret@1 by "
        f"{_told(found['ranker', 'history'])}, against the best simple rule ({best}) by "
        f"{_told(found['ranker', best])}.",
    ]
    if protocol in findings.ablations:
        arm, item = _step(findings, protocol)
        told = item and f"{ADDED[arm]} {_change(item, findings.ablations[protocol])}"
        lines.append(" ".join(filter(None, [told, _gap(findings)])))
    return lines


def _free_of_luck(evaluation: EvaluationRecord) -> str:
    """Gains of the first choice on other seeds than it was learnt from, where there are two."""
    gains = {name: row.get("gain_crossed") for name, row in evaluation["methods"].items()}
    if gains.get("ceiling") is None:
        return " (One seed a cell: levels of regret are inflated by luck.)"
    return (
        f" Scored on other seeds than were learnt from, its choice gains {points(gains['ranker'])} "
        f"over training directly, a random one {points(gains['random'])}, the choice by the runs "
        f"themselves {points(gains['ceiling'])}."
    )


def _change(item: ContrastEntry, ablation: AblationRecord) -> str:
    """What the features change, in how many clusters, and the power to see it.

    Where one cluster decides the sign, the power to see a change is that cluster's: it is not told.
    """
    if item["n_changed"] == 0:
        return (
            "change no first choice beyond size and history, in any of "
            f"{item['n_clusters']} clusters: nothing can be said of what they could add."
        )
    if one_decides(item):
        power = "and one cluster decides the sign"
    elif item["detectable"] is None:
        power = "too few to say what could have been seen"
    else:
        power = f"a change of {plain(item['detectable'])} points could have been seen"
    return (
        f"change regret@1 by {_told(item)} beyond size and history, most of it in "
        f"{cluster_words(ablation, item['leading'])} (without one cluster "
        f"{points(item['low_without_one'])} to {points(item['high_without_one'])}); choices change "
        f"in {item['n_changed']} clusters, {power}."
    )


def _told(item: ContrastEntry) -> str:
    return (
        f"{points(item['difference'])} points (95% interval {points(item['low'])} to "
        f"{points(item['high'])}, p {item['p']:.3f}, {item['n_clusters']} clusters)"
    )
