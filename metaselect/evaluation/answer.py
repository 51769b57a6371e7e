"""The answer to the research question in words, from all of its records."""

from metaselect.evaluation.coverage import coverage_sentence
from metaselect.evaluation.question import Findings
from metaselect.evaluation.records import AblationRecord, ContrastEntry, EvaluationRecord
from metaselect.evaluation.results import best_rule
from metaselect.evaluation.verdicts import (
    ADDED,
    by_rival,
    excludes_zero,
    passes_correction,
    plain,
)
from metaselect.evaluation.words import cluster_words, one_decides
from metaselect.wording import counted, points


def conclusion(findings: Findings) -> str:
    """Whether the runs answer the question, in a sentence or two: what is sure, or why nothing is.

    A primary contrast is sure where its interval does not hold 0 and Holm's p is below .05. Those
    of the first protocol's evaluation and ablation count.
    """
    protocol, evaluation = next(iter(findings.evaluations.items()))
    ablation = findings.ablations.get(protocol)
    added = [] if ablation is None else ablation["contrasts"]
    primary = [item for item in (*evaluation["contrasts"], *added) if item["p_holm"] is not None]
    sure = [item for item in primary if _is_sure(item)]
    runs = "These simulated runs" if evaluation["simulated"] else "These runs"
    rule = "a 95% interval without 0, and Holm's p below .05"
    number = counted(len(primary), "primary comparison")
    if sure:
        told = "; ".join(
            f"{item['method']} against {item['against']} {points(item['difference'])}"
            for item in sure
        )
        verb = "is" if len(sure) == 1 else "are"
        return (
            f"{runs} answer {'a part of ' if len(sure) < len(primary) else ''}the question: "
            f"{len(sure)} of {number} {verb} sure ({rule}), in points of regret@1 "
            f"(less is better): {told}."
        )
    clusters = counted(evaluation["n_clusters"], "cluster")
    return (
        f"{runs} do not answer the question: none of {number} is sure with {clusters} of targets "
        f"({rule}).{_visible(by_rival(added).get(('+both', 'history')), gap=_gap(findings))}"
    )


def _gap(findings: Findings) -> str | None:
    """Why nothing was asked of published difficulty; None where something was."""
    return None if findings.coverage is None else coverage_sentence(findings.coverage)


def _visible(both: ContrastEntry | None, *, gap: str | None) -> str:
    """The smallest effect of all the features that such runs would show; empty where unknown.

    Where difficulty was not asked, features of language and diversity are all that is told of.
    """
    if both is None:
        return ""
    features = "difficulty, language and diversity" if gap is None else "language and diversity"
    added = f"what {features} add to size and history"
    unasked = "" if gap is None else " Difficulty was not asked."
    if both["n_changed"] == 0:
        return f" W{added[1:]} changes no first choice.{unasked}"
    if one_decides(both):
        return f" One cluster decides the sign of {added}.{unasked}"
    if both["detectable"] is None:
        return f" W{added[1:]} changes too few choices to say what would show.{unasked}"
    shown = plain(both["detectable"])
    return f" W{added[1:]} shows only from {shown} points of regret@1 on.{unasked}"


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
        f"{plain(ranker)} points below the best and a random one {plain(chance)}: "
        f"{_told(found['ranker', 'random'])}.{_free_of_luck(evaluation)}",
        "Against best on average the ranker changes regret@1 by "
        f"{_told(found['ranker', 'history'])}, against the best simple rule ({best}) by "
        f"{_told(found['ranker', best])}.",
    ]
    if protocol in findings.ablations:
        ablation = findings.ablations[protocol]
        both = by_rival(ablation["contrasts"])["+both", "history"]
        told = f"{ADDED['+both']} {_change(both, ablation)}"
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


def _change(both: ContrastEntry, ablation: AblationRecord) -> str:
    """What the features change, in how many clusters, and the power to see it.

    Where one cluster decides the sign, the power to see a change is that cluster's: it is not told.
    """
    if both["n_changed"] == 0:
        return (
            "change no first choice beyond size and history, in any of "
            f"{both['n_clusters']} clusters: nothing can be said of what they could add."
        )
    if one_decides(both):
        power = "and one cluster decides the sign"
    elif both["detectable"] is None:
        power = "too few to say what could have been seen"
    else:
        power = f"a change of {plain(both['detectable'])} points could have been seen"
    return (
        f"change regret@1 by {_told(both)} beyond size and history, most of it in "
        f"{cluster_words(ablation, both['leading'])} (without one cluster "
        f"{points(both['low_without_one'])} to {points(both['high_without_one'])}); choices change "
        f"in {both['n_changed']} clusters, {power}."
    )


def _told(item: ContrastEntry) -> str:
    return (
        f"{points(item['difference'])} points (95% interval {points(item['low'])} to "
        f"{points(item['high'])}, p {item['p']:.3f}, {item['n_clusters']} clusters)"
    )
