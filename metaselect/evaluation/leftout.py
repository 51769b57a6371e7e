"""Queries of a runs table that an evaluation does not ask, and why."""

from collections.abc import Collection

import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.runs.gains import query_gains, query_key

_SETTING = ["study", "encoder", "adaptation"]


def queries_left_out(
    runs: pd.DataFrame, evaluated: Collection[str], *, with_direct: bool
) -> dict[str, list[str]]:
    """Queries that were not evaluated, by the reason, each as `target in language`.

    Args:
        runs: The table that was evaluated.
        evaluated: Keys of the queries that were, as `runs.gains.query_key` makes them.
        with_direct: Whether `direct` was one of the candidates.

    Returns:
        Queries in their order in the table; with several studies each after its study's name.
        Empty where every query was evaluated.
    """
    gains = query_gains(runs)
    rows = gains.assign(query=query_key(gains))
    rows = rows[~rows["query"].isin(set(evaluated))]
    several = len(gains[_SETTING].drop_duplicates()) > 1
    found: dict[str, list[str]] = {}
    for _, own in rows.groupby("query", sort=False):
        first = own.iloc[0]
        name = f"{first['target']} in {first['language']}"
        reason = _reason(own if with_direct else own[own["intermediate"] != DIRECT])
        found.setdefault(reason, []).append(f"{first['study']}: {name}" if several else name)
    return found


def _reason(rows: pd.DataFrame) -> str:
    """Why one query's candidates are nothing to evaluate."""
    if len(rows) < 2:
        return "fewer than two candidates"
    if not rows["gain"].max() > rows["gain"].min():
        return "all gains are equal"
    if not rows["absolute"].any():
        return f"no `{DIRECT}` run, which others have"
    return "nothing to choose in the folds of this protocol"
