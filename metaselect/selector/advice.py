"""The answer from a whole ranking, over all of its languages: for the command and for Python."""

from typing import Any, cast

import pandas as pd

from metaselect.selector.combine import Objective, combine_languages
from metaselect.selector.doubts import Doubts
from metaselect.selector.explain import Ranked, answer

_KEYS = ("intermediate", "score", "gain", "low", "high", "p_positive", "reasons")


def ranking_and_answer(
    table: pd.DataFrame, doubts: Doubts, *, objective: Objective, simulated: bool
) -> tuple[list[dict[str, Any]], str]:
    """The candidates over all languages, best first, and the sentence that says what to do.

    Args:
        table: From `TaskSelector.rank`, whole.
        doubts: What forbids to advise the first.
        objective: Of several languages.
        simulated: Whether the predictor learnt from simulated runs, which the sentence says.
    """
    several = table["language"].nunique() > 1
    entries = entries_of(combine_languages(table, objective=objective) if several else table)
    told = answer(
        cast("list[Ranked]", entries),
        doubts,
        objective=objective if several else None,
        simulated=simulated,
    )
    return entries, told


def entries_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Candidates as records: intermediate, score, gain, low, high, p_positive and reasons, None
    for what is not known.
    """
    entries = rows[list(_KEYS)].to_dict("records")
    return [
        {str(key): None if value != value else value for key, value in entry.items()}
        for entry in entries
    ]
