"""Queries of a runs table that an evaluation does not ask, and why."""

from collections.abc import Collection

import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.runs.gains import SETTING, complete_queries, query_gains, query_key


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
    complete = complete_queries(gains)
    rows = gains.assign(query=query_key(gains))
    rows = rows[~rows["query"].isin(set(evaluated))]
    several = len(gains[list(SETTING)].drop_duplicates()) > 1
    found: dict[str, list[str]] = {}
    for query, own in rows.groupby("query", sort=False):
        first = own.iloc[0]
        name = f"{first['target']} in {first['language']}"
        asked = own if with_direct else own[own["intermediate"] != DIRECT]
        reason = _reason(asked, is_complete=query in complete)
        found.setdefault(reason, []).append(f"{first['study']}: {name}" if several else name)
    return found


def _reason(rows: pd.DataFrame, *, is_complete: bool) -> str:
    """Why one query's candidates are nothing to evaluate."""
    if len(rows) < 2:
        return "fewer than two candidates"
    if not is_complete:
        return "fewer than half of the intermediates of its study"
    if not rows["gain"].max() > rows["gain"].min():
        return "all gains are equal"
    if not rows["absolute"].any():
        return f"no `{DIRECT}` run, which others have"
    return "nothing to choose in the folds of this protocol"
