"""What a reader of a ranking should know: of its runs, its encoder, and what it leaves out."""

from typing import TYPE_CHECKING

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Kind
from metaselect.wording import few

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.selector.selector import TaskSelector


def other_encoder(selector: "TaskSelector", own: "pd.DataFrame") -> list[str]:
    """That a user's runs are of encoders that the predictor did not learn from."""
    known = {} if selector.training_ is None else selector.training_.encoder_by_study
    mine, learnt = sorted({*own["encoder"]}), sorted({*known.values()})
    if not learnt or {*mine} & {*learnt}:
        return []
    return [
        f"your runs are of {few(mine)}, while the predictor learnt from {few(learnt)}: its gains "
        "may not hold for yours; metaselect train learns from your runs"
    ]


def not_ranked(own: "pd.DataFrame", target: str, table: "pd.DataFrame") -> list[str]:
    """Intermediates that a user's runs of the target have, and the ranking has not."""
    seen = {*own.loc[own["target"] == target, "intermediate"]}
    missing = sorted(seen - {*table["intermediate"], DIRECT, DIRECT_PLUS})
    if not missing:
        return []
    return [
        f"{few(missing)}: in your runs of {target}, but not in the predictor's: name them with "
        "--candidates, or train on your runs"
    ]


def kinds_that_count(selector: "TaskSelector", table: "pd.DataFrame") -> set[Kind] | None:
    """Kinds that a candidate has, or a target that the predictor learnt from: a task of any other
    is of a kind like none of them, whichever it is. None where its targets are not known.
    """
    if selector.training_ is None:
        return None
    cards = selector.catalogue
    candidates = [part for name in set(table["intermediate"]) for part in cards.parts(name)]
    found = map(cards.find, [*selector.training_.targets, *candidates])
    return {card.kind for card in found if card is not None}


def ranking_notes(
    selector: "TaskSelector",
    table: "pd.DataFrame",
    target: str,
    own: "pd.DataFrame | None",
    study: str | None,
) -> list[str]:
    """What a reader of the ranking should know, by it and by the runs that the target has.

    Without a table of runs those count that the predictor learnt from, as far as it keeps them.
    """
    from metaselect.selector.doubts import known_runs
    from metaselect.selector.own_runs import own_runs
    from metaselect.selector.warnings import own_warnings, ranking_warnings

    found = ranking_warnings(table, target, selector.catalogue, level=selector.level)
    kept = {} if selector.training_ is None else selector.training_.own_runs
    said = known_runs(kept, target, study) if own is None else own_runs(own, target)
    firsts = table.loc[table["rank"] == 1, "intermediate"].tolist()
    return [*found, *own_warnings(said, firsts, target, selector.catalogue)]
