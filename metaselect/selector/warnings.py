"""Warnings beside a ranking: about its target, languages, candidates and best gain."""

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from metaselect.catalogue.languages import resolve_language
from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.features.language import imputed_share
from metaselect.features.measured.records import BY_NAME
from metaselect.selector.own_runs import OwnRuns, own_runs
from metaselect.wording import counted, few, points, some

SIMULATED_TRAINING = (
    "trained on simulated runs: nothing here was measured. Train on your own with metaselect train."
)
UNLIKELY_GAIN = (
    "P(gain>0) below 50%: more likely to hurt than to help; a gain above 0 beside it is a mean "
    "that a few large gains lift"
)
LIKELY = 0.75
"""Chance of a gain from which an intermediate is advised: three in four."""

_MUCH_IMPUTED = 0.5
_MOSTLY_CONSTANT = 0.5  # share of scores
_MOST_LINES = 3  # of one warning, for a language each
_NEAR_FLOOR = 0.03  # scores this little above a constant answer's say nothing of a transfer


def language_warnings(codes: Sequence[str], *, seen: Collection[str]) -> list[str]:
    """Warn of languages outside the training runs, without vectors, or mostly imputed.

    What several languages share takes a line for each of up to three of them, else one for all.
    """
    known = {resolve_language(code).code for code in seen}
    asked = {language.code: language for language in map(resolve_language, codes)}
    shares = {code: float(imputed_share([code])[0]) for code in asked}
    unseen = [f"{own.code} ({own.name})" for own in asked.values() if own.code not in known]
    untyped = [code for code, share in shares.items() if share != share]
    imputed = {code: share for code, share in shares.items() if share > _MUCH_IMPUTED}
    return [
        *_each_or_all(unseen, "no training run in {it}, extrapolated"),
        *(f"{language.code}: {language.note}" for language in asked.values() if language.note),
        *_each_or_all(untyped, "no typology is known, so language features are missing"),
        *(
            [f"{code}: {share:.0%} of its grammar features are imputed" for code, share in
             imputed.items()]
            if len(imputed) <= _MOST_LINES
            else [f"{some(list(imputed))}: {min(imputed.values()):.0%} to "
                  f"{max(imputed.values()):.0%} of their grammar features are imputed"]
        ),
    ]  # fmt: skip


def _each_or_all(languages: Sequence[str], told: str) -> list[str]:
    """What is told of some languages, a line each, or in one line where they are many."""
    if len(languages) > _MOST_LINES:
        return [f"{some(languages)}: {told.format(it='them')}"]
    return [f"{language}: {told.format(it='it')}" for language in languages]


def target_warnings(target: str, seen: Collection[str], catalogue: Catalogue) -> list[str]:
    """Warn of a target without a card, or that no run has."""
    found = []
    if target not in catalogue:
        found.append(f"{target} has no task card: ranked on its runs alone (add one with --tasks)")
    alike = [name for name in seen if catalogue.share_training(target, name)]
    if not alike:
        found.append(f"{target}: no training run on it, judged by other targets")
    elif target not in seen:
        found.append(
            f"{target}: no training run on it, judged as {few(sorted(alike))}, which "
            f"{'shares' if len(alike) == 1 else 'share'} its English training data"
        )
    return found


def candidate_warnings(
    names: Sequence[str], seen: Collection[str], catalogue: Catalogue
) -> list[str]:
    """Warn of candidates that no run has tried, or that have no card."""
    found = []
    new = [name for name in names if name not in seen]
    if new:
        found.append(
            f"{_candidates_have(new)} no training run: {few(new)} (judged by card alone; intervals "
            "are calibrated on candidates that were tried)"
        )
    without = [name for name in names if set(catalogue.parts(name)) - catalogue.keys()]
    if without:
        found.append(f"{_candidates_have(without)} no task card: {few(without)}")
    return found


def ranking_warnings(
    table: pd.DataFrame, target: str, catalogue: Catalogue, *, level: float
) -> list[str]:
    """Warn of a best gain that may be zero, and of candidates that share data with the target.

    A gain that is likely enough to be advised is not called unclear, wherever its interval ends.

    Args:
        table: From `TaskSelector.rank`, whole.
        target: Of the ranking.
        catalogue: Task cards.
        level: Coverage of its intervals.
    """
    best = table[table["rank"] == 1]
    unclear = best[is_unclear(best)]["language"].tolist()
    known = level if best["low"].notna().any() else None
    found = [unclear_warning(unclear, level=known)] if unclear else []
    return [*found, *shared_data_warnings(table["intermediate"], target, catalogue)]


def is_unclear(best: pd.DataFrame) -> pd.Series:
    """Whether a first choice may be no gain: below `LIKELY`, with an interval that holds 0.

    Args:
        best: Columns intermediate, low and p_positive.
    """
    named = best["intermediate"] != DIRECT
    return named & ~(best["low"] > 0) & ~(best["p_positive"] >= LIKELY)


def unclear_warning(languages: Sequence[str], *, level: float | None) -> str:
    """Warn of languages in which the best gain may be zero, at intervals of this level, if any."""
    why = "" if level is None else f" (its {level:.0%} interval goes down to 0 or below)"
    return (
        f"{few(languages)}: fine-tuning on the target alone may do as well: even the best gain is "
        f"not clearly above 0{why}"
    )


def shared_data_warnings(names: Iterable[str], target: str, catalogue: Catalogue) -> list[str]:
    """Warn of candidates that share data with the target."""
    own = (target, catalogue.training_source(target))
    return [
        f"{name} is what {target} trains on: its gain is that of training longer"
        if name in own
        else f"{name} shares training data with {target}: it is partly training longer"
        for name in sharing_data(names, target, catalogue)
    ]


def sharing_data(names: Iterable[str], target: str, catalogue: Catalogue) -> list[str]:
    """Those of some tasks that share data with a target, or with what it trains on."""
    source = catalogue.training_source(target)
    return [
        name
        for name in dict.fromkeys(names)
        if name in (target, source)
        or catalogue.share_source(name, source)
        or catalogue.share_source(name, target)
    ]


def own_warnings(
    own: OwnRuns | None, first_choices: Iterable[str], target: str, catalogue: Catalogue
) -> list[str]:
    """Warn where a target's own runs stand at their floor, or speak against the choice made.

    Args:
        own: Summary of the target's runs; None where there are none.
        first_choices: Intermediates that a ranking puts first.
        target: Of the ranking.
        catalogue: Task cards.
    """
    if own is None:
        return []
    floor = floor_words(own, target, catalogue)
    found = [] if floor is None else [floor]
    for name in dict.fromkeys(first_choices):
        if name in own.against:
            gain, n_languages = own.against[name]
            found.append(
                f"{name}: the runs speak against it: it changed {target} by {points(gain)} points "
                f"in the mean of {counted(n_languages, 'language')}"
            )
    return found


def floor_warning(runs: pd.DataFrame, target: str, catalogue: Catalogue) -> str | None:
    """Warn of a target whose scores are hardly better than a constant answer's.

    Args:
        runs: A table from `check_runs`; rows of other targets are left aside.
        target: Of the ranking.
        catalogue: Task cards.
    """
    own = own_runs(runs, target)
    return None if own is None else floor_words(own, target, catalogue)


def floor_words(own: OwnRuns, target: str, catalogue: Catalogue) -> str | None:
    """`floor_warning` by the summary of a target's runs."""
    if own.constant_share > _MOSTLY_CONSTANT:
        return (
            f"{target}: {own.constant_share:.0%} of its scores are no better than a constant "
            "answer's, so its runs say nothing of any intermediate"
        )
    card = catalogue.find(target)
    chance = None if card is None else card.chance
    floor = chance if own.constant is None else own.constant
    if floor is None or not own.mean < floor + _NEAR_FLOOR:
        return None
    return (
        f"{target}: its runs are hardly better than a constant answer (mean {own.mean * 100:.1f}, "
        f"constant {floor * 100:.1f}), so their gains may be noise"
    )


def difficulty_warnings(names: Sequence[str], catalogue: Catalogue) -> list[str]:
    """Warn of candidates whose difficulty was not measured, with the cost of measuring it.

    The cost is that of one short training of each with a small encoder on one CPU core.
    """
    known = {item.task for item in catalogue.measured if item.measure == "unlearnt_share"}
    missing = [name for name in names if name not in known]
    if not missing:
        return []
    seconds = BY_NAME["unlearnt_share"].seconds * len(missing)
    return [
        f"{_candidates_have(missing)} no measured difficulty: {few(missing)} (about "
        f"{max(1, round(seconds / 60))} min with metaselect features compute --groups difficulty)"
    ]


def _candidates_have(names: Sequence[str]) -> str:
    return "1 candidate has" if len(names) == 1 else f"{len(names)} candidates have"
