"""Warnings beside a ranking: about its target, languages, candidates and best gain."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from metaselect.catalogue.languages import resolve_language
from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.console import few
from metaselect.features.language import imputed_share
from metaselect.features.measured.records import BY_NAME

if TYPE_CHECKING:
    import pandas as pd

SIMULATED_TRAINING = (
    "trained on simulated runs: nothing here was measured. Train on your own with metaselect train."
)
_MUCH_IMPUTED = 0.5


def language_warnings(codes: Sequence[str], *, seen: Collection[str]) -> list[str]:
    """Warn of languages outside the training runs, without vectors, or mostly imputed."""
    found = []
    known = {resolve_language(code).code for code in seen}
    asked = {language.code: language for language in map(resolve_language, codes)}
    for language in asked.values():
        if language.code not in known:
            found.append(f"{language.code} ({language.name}): no training run in it, extrapolated")
        if language.note:
            found.append(f"{language.code}: {language.note}")
        share = float(imputed_share([language.code])[0])
        if share != share:
            found.append(f"{language.code}: no typology is known, so language features are missing")
        elif share > _MUCH_IMPUTED:
            found.append(f"{language.code}: {share:.0%} of its grammar features are imputed")
    return found


def target_warnings(target: str, seen: Collection[str], catalogue: Catalogue) -> list[str]:
    """Warn of a target without a card, or whose training data no run has used."""
    found = []
    if target not in catalogue:
        found.append(f"{target} has no task card: ranked on its runs alone (add one with --tasks)")
    if not any(catalogue.share_training(target, name) for name in seen):
        found.append(f"{target}: no training run on it, judged by other targets")
    return found


def candidate_warnings(
    names: Sequence[str], seen: Collection[str], catalogue: Catalogue
) -> list[str]:
    """Warn of candidates that no run has tried, or that have no card."""
    found = []
    new = [name for name in names if name not in seen]
    if new:
        found.append(f"{_counted(new)} no training run: {few(new)}")
    without = [name for name in names if name not in catalogue]
    if without:
        found.append(f"{_counted(without)} no task card: {few(without)}")
    return found


def ranking_warnings(
    table: "pd.DataFrame", target: str, catalogue: Catalogue, *, level: float
) -> list[str]:
    """Warn of a best gain that may be zero, and of candidates that share data with the target.

    Args:
        table: From `TaskSelector.rank`, whole.
        target: Of the ranking.
        catalogue: Task cards.
        level: Coverage of its intervals.
    """
    best = table[table["rank"] == 1]
    unclear = best[(best["intermediate"] != DIRECT) & ~(best["low"] > 0)]["language"].tolist()
    found = []
    if unclear:
        found.append(
            f"{few(unclear)}: even the best gain is not clearly above 0 ({level:.0%} intervals): "
            "fine-tuning on the target alone may do as well"
        )
    source = catalogue.training_source(target)
    for name in dict.fromkeys(table["intermediate"]):
        if name in (target, source):
            found.append(f"{name} is what {target} trains on: its gain is that of training longer")
        elif catalogue.share_source(name, source) or catalogue.share_source(name, target):
            found.append(f"{name} shares training data with {target}: it is partly training longer")
    return found


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
        f"{_counted(missing)} no measured difficulty: {few(missing)} (about "
        f"{max(1, round(seconds / 60))} min with metaselect features compute --groups difficulty)"
    ]


def _counted(names: Sequence[str]) -> str:
    return "1 candidate has" if len(names) == 1 else f"{len(names)} candidates have"
