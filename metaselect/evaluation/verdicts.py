"""The verdicts: which method is best and how surely, and which features help."""

from collections.abc import Callable, Mapping, Sequence

from metaselect.evaluation.coverage import coverage_sentence
from metaselect.evaluation.records import (
    AblationRecord,
    ContrastEntry,
    CoverageRecord,
    EvaluationRecord,
    difference_of,
    interval_of,
)
from metaselect.evaluation.results import best_rule, contrast_in, rule_regrets
from metaselect.evaluation.words import LOWER_IS_BETTER, METHOD_WORDS
from metaselect.wording import counted, points, share

_SURE = 0.05
_CONTROL = "shuffled languages"  # the arm that language features must beat
_BESIDE: Mapping[str, tuple[str, Callable[[float | None], str]]] = {
    "regret@3": ("regret@3", lambda value: points(value).lstrip("+")),
    "ndcg@3": ("ndcg@3", lambda value: f"{value:.3f}"),
    "gain@1": ("gain@1", points),
    "gain_crossed": ("gain on other seeds", points),
    "hit@1": ("hit@1", share),
}
"""Measures beside regret@1, what they are called, and how the table writes them."""

ADDED: Mapping[str, str] = {
    "+difficulty": "Difficulty features",
    "+language": "Language and diversity features",
    "+both": "Difficulty, language and diversity features together",
}
"""What an arm of the ladder adds to size and history."""


def verdict(record: EvaluationRecord) -> str:
    """One sentence on an evaluation: the best method, by how much, and how surely.

    By regret@1, against random choice and against the best simple rule; a difference is sure where
    its interval does not hold 0 and, if it is a primary one, Holm's p is below .05. Which rule is
    best was seen afterwards: its p against random choice is corrected for the number of rules.

    Args:
        record: From `evaluation.results.evaluation_record`.
    """
    where = "On simulated runs" if record["simulated"] else "On these runs"
    rule, methods = best_rule(record["methods"]), record["methods"]
    over_random = contrast_in(record, "ranker", "random")
    if rule is None:
        return f"{where} the ranker is {_against(record, over_random, 'random choice')}."
    over_rule = contrast_in(record, "ranker", rule)
    named = f"the simple rule {rule} ({METHOD_WORDS[rule]})"
    best = rule if difference_of(over_rule) > 0 else "ranker"
    number = None
    if best == rule and record["best_rule"] is not None:
        over_random, number = _picked(record["best_rule"], len(rule_regrets(methods)))
    against_random = _against(record, over_random, "random choice", number=number)
    lost = f"its first choice is {plain(methods[best]['regret@1'])} points below the best"
    first = f"{where} the best method is "
    if difference_of(over_random) >= 0:
        first = f"{where} no method is better than random choice; of the others the best is "
    elif not any(map(_is_better, (over_random, contrast_in(record, "ranker", "random")))):
        first = f"{where} no method is shown to be better than random choice; least regret has "
    if best == "ranker":
        return (
            f"{first}the ranker: {lost}, {against_random}, and "
            f"{_against(record, over_rule, named)}."
        )
    return (
        f"{first}{named}, not the ranker: {lost}, {against_random}; the ranker is "
        f"{_against(record, over_rule, 'it')}."
    )


def _is_better(item: ContrastEntry) -> bool:
    """Whether a contrast shows less regret."""
    return difference_of(item) < 0 and excludes_zero(item) and passes_correction(item)


def _picked(item: ContrastEntry, n_rules: int) -> tuple[ContrastEntry, str]:
    """The contrast of the best of some rules, its p corrected for them, and what for in words."""
    corrected = None if item["p"] is None else min(1.0, item["p"] * n_rules)
    return {**item, "p_holm": corrected}, f"{counted(n_rules, 'rule')}, of which it is the best"


def beside_random(record: EvaluationRecord) -> str:
    """What `verdict` leaves out of the ranker beside random choice; empty where that is nothing.

    A sentence on their difference, where the verdict compares a rule with random choice, and one
    on measures in which the ranker's mean is worse.

    Args:
        record: From `evaluation.results.evaluation_record`.
    """
    rule = best_rule(record["methods"])
    told = []
    if rule is not None and difference_of(contrast_in(record, "ranker", rule)) > 0:
        item = contrast_in(record, "ranker", "random")
        interval = f" ({points(item['low'])} to {points(item['high'])})"
        told.append(
            f"The ranker against random choice: {points(item['difference'])} points of regret@1"
            f"{'' if item['low'] is None else interval}: {_shown(record, item)}."
        )
    ranker, chance = (record["methods"][name] for name in ("ranker", "random"))
    worse = [
        f"{name} ({words(ranker[measure])} against {words(chance[measure])})"
        for measure, (name, words) in _BESIDE.items()
        if _looks_worse(measure, ranker.get(measure), chance.get(measure))
    ]
    if worse:
        told.append(f"The ranker's mean is worse than random choice's in {', '.join(worse)}.")
    return " ".join(told)


def _shown(record: EvaluationRecord, item: ContrastEntry) -> str:
    """Whether a difference in regret@1 is shown, and why not."""
    if not excludes_zero(item):
        return "not shown to be better or worse"
    side = "better" if difference_of(item) < 0 else "worse"
    if passes_correction(item):
        return f"shown to be {side}"
    return f"not shown to be {side} (the interval {_uncorrected(_comparisons(record))})"


def _looks_worse(measure: str, own: float | None, other: float | None) -> bool:
    """Whether a value is worse than another, where a table shows them apart."""
    words = _BESIDE[measure][1]
    if own is None or other is None or words(own) == words(other):
        return False
    return own > other if measure in LOWER_IS_BETTER else own < other


def ablation_verdict(record: AblationRecord, coverage: CoverageRecord | None) -> list[str]:
    """A sentence on difficulty, on language and diversity, and on both: do they help?

    Where published difficulty is known of too few intermediates, its sentence says that instead.

    And one on the control with shuffled languages, where its own p is below .05, so that a table
    which shows that is not read as an answer.

    By regret@1, of the ranker with size and history against the same ranker with these groups too.
    A difference is told as one where its interval does not hold 0 and Holm's p is below .05.

    Args:
        record: From `evaluation.results.ablation_record`; a step that it lacks has no sentence.
        coverage: From `evaluation.coverage.coverage_record`; None where it is not known.
    """
    steps = by_rival(record["contrasts"])
    gap = None if coverage is None else coverage_sentence(coverage)
    told = [
        gap
        if gap is not None and arm == "+difficulty"
        else f"{words} {_helps(record, steps[arm, 'history'])}."
        for arm, words in ADDED.items()
        if (arm, "history") in steps
    ]
    control = steps.get(("all", _CONTROL))
    p = None if control is None or control["p_holm"] is None else control["p"]
    if control is not None and p is not None and p < _SURE:
        told.append(f"All features against {_CONTROL}: {_with_both_p(record, control)}.")
    return told


def _with_both_p(record: AblationRecord, item: ContrastEntry) -> str:
    """A difference with its p before and after correction, and what that shows."""
    shown = "shown" if passes_correction(item) else "not shown"
    return (
        f"{points(item['difference'])} points of regret@1, p {item['p']:.3f}, Holm's p over "
        f"{_comparisons(record)} {item['p_holm']:.3f}, so {shown} to differ"
    )


def _helps(record: AblationRecord, item: ContrastEntry) -> str:
    """Whether what an arm adds is shown to help, with the difference and its interval."""
    clusters = counted(item["n_clusters"], "cluster")
    if item["n_changed"] == 0:
        return f"change no first choice beyond size and history, in any of {clusters}"
    told = f"{points(item['difference'])} points of regret@1 beyond size and history"
    if item["low"] is None:
        return f"are not shown to help: {told} ({clusters}, no interval)"
    interval = f"95% interval {points(item['low'])} to {points(item['high'])}"
    if not excludes_zero(item):
        return f"are not shown to help: {told} ({interval}, {clusters})"
    verb = "help" if difference_of(item) < 0 else "hurt"
    if passes_correction(item):
        return f"{verb}: {told} ({interval}, {clusters})"
    uncorrected = _uncorrected(_comparisons(record))
    return f"are not shown to {verb}: {told} ({interval} {uncorrected}, {clusters})"


def excludes_zero(item: ContrastEntry) -> bool:
    """Whether a contrast has an interval and that lies on one side of 0."""
    interval = interval_of(item)
    return interval is not None and (interval[0] > 0 or interval[1] < 0)


def passes_correction(item: ContrastEntry) -> bool:
    """Whether Holm's p is below .05; a contrast that is no primary one has none."""
    corrected = item["p_holm"]
    return corrected is None or corrected < _SURE


def _uncorrected(number: str) -> str:
    return f"excludes 0, but not after correction for {number}"


def _comparisons(record: EvaluationRecord | AblationRecord) -> str:
    return counted(_n_primary(record), "comparison")


def _n_primary(record: EvaluationRecord | AblationRecord) -> int:
    return sum(item["p_holm"] is not None for item in record["contrasts"])


def _against(
    record: EvaluationRecord, item: ContrastEntry, other: str, *, number: str | None = None
) -> str:
    """A difference in regret@1, with its interval and whether that leaves its sign open.

    `number` says what the p is corrected for; by default the record's primary comparisons.
    """
    difference = round(difference_of(item) * 100, 2)
    side, sign = ("better", -1) if difference < 0 else ("worse", 1)
    told = (
        f"{abs(difference):.2f} points {side} than {other}" if difference else f"level with {other}"
    )
    if item["n_changed"] == 0:
        return f"{told} (equal in every cluster)"
    ends = interval_of(item)
    if ends is None:
        return f"{told} (one cluster and no interval: not surely)"
    low, high = sorted(sign * end for end in ends)
    interval = f"95% interval {points(low)} to {points(high)}"
    if not excludes_zero(item):
        return f"{told} (not surely: {interval})"
    if passes_correction(item):
        return f"{told} (surely: {interval})"
    return f"{told} (not surely: {interval} {_uncorrected(number or _comparisons(record))})"


def by_rival(contrasts: Sequence[ContrastEntry]) -> dict[tuple[str, str], ContrastEntry]:
    """Contrasts in regret@1, by the method and what it is compared with."""
    return {
        (item["method"], item["against"]): item
        for item in contrasts
        if item["measure"] == "regret@1"
    }


def plain(fraction: float | None) -> str:
    """A fraction as points without a sign."""
    return points(fraction).lstrip("+-") if fraction is not None else "an unknown number of"
