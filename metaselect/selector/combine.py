"""Rankings of several languages: each best first, or combined into one."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from metaselect.catalogue.languages import resolve_language
from metaselect.errors import UnknownChoice

Objective = Literal["mean", "balanced", "worst"]

_NUMBERS = ("score", "gain", "low", "high", "p_positive")


def check_objective(name: str) -> Objective:
    """The objective of this name.

    Raises:
        UnknownChoice: There is none.
    """
    for known in get_args(Objective):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise UnknownChoice("--objective", name, get_args(Objective))


def combine_languages(table: pd.DataFrame, *, objective: Objective) -> pd.DataFrame:
    """Rank candidates for several languages at once, best first.

    Args:
        table: From `TaskSelector.rank`, every candidate in every language.
        objective: `mean` of the languages' gains; `balanced`, the mean with every language family
            weighing the same; or `worst`, the lowest gain.

    Returns:
        Columns intermediate, score, gain, low, high, p_positive and reasons (of the language that
        decides for `worst`, else of the first), best first.
    """
    weights = _family_weights(table["language"]) if objective == "balanced" else None
    found = []
    for name, rows in table.groupby("intermediate", sort=False):
        if objective == "worst":
            row = rows.iloc[int(rows["gain"].to_numpy().argmin())]
            values = {key: float(row[key]) for key in _NUMBERS}
        else:
            row = rows.iloc[0]
            share = None if weights is None else rows["language"].map(weights).to_numpy()
            values = {key: float(np.average(rows[key], weights=share)) for key in _NUMBERS}
        found.append({"intermediate": name, **values, "reasons": row["reasons"]})
    result = pd.DataFrame(found)
    return result.sort_values("score", ascending=False, kind="stable").reset_index(drop=True)


def _family_weights(languages: pd.Series) -> dict[str, float]:
    """Each language's share when families weigh alike; an unknown family is one of its own."""
    families = {code: resolve_language(code).family or code for code in languages.unique()}
    sizes = Counter(families.values())
    return {code: 1.0 / (len(sizes) * sizes[family]) for code, family in families.items()}


def best_first(table: pd.DataFrame, languages: Sequence[str], top: int | None) -> pd.DataFrame:
    """A ranking of several languages, in their order, each best first; the first `top` of each."""
    place = {code: number for number, code in enumerate(languages)}
    ordered = table.assign(place=table["language"].map(place)).sort_values(
        ["place", "score"], ascending=[True, False], kind="stable"
    )
    rank = ordered.groupby("place").cumcount() + 1
    ordered.insert(1, "rank", rank)
    kept = ordered if top is None else ordered[ordered["rank"] <= top]
    return kept.drop(columns="place").reset_index(drop=True)
