"""Rows of candidates, ready for features: gains or new candidates with the columns they need."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.languages import find_language
from metaselect.catalogue.tasks import DIRECT, Catalogue, groups
from metaselect.errors import MetaselectError
from metaselect.runs.gains import query_key

Codes = npt.NDArray[np.intp]
Unit = Literal["target", "family", "intermediate", "encoder"]
"""What a predictor must generalise to, and so what is left out whole when it is judged."""

NEW = ""
"""`held_out` of a row whose gains no history knows."""


def prepare(gains: pd.DataFrame, catalogue: Catalogue, *, unit: Unit) -> pd.DataFrame:
    """Gains with the columns that features are functions of, plus query, cluster and held_out.

    Args:
        gains: From `runs.gains.query_gains`.
        catalogue: Cards of the tasks.
        unit: What `held_out` names: the target's cluster, the language's family, the group of
            intermediates that share data, or the encoder.

    Returns:
        The same rows with columns query, cluster, intermediate_kind, target_kind, family,
        untrained and held_out added.
    """
    rows = gains.assign(query=query_key(gains))
    rows = _with_candidate_keys(_with_query_keys(rows, catalogue), catalogue)
    if unit == "intermediate":
        held_out = _map(rows["intermediate"], source_groups(rows["intermediate"], catalogue))
    else:
        held_out = rows[{"target": "cluster", "family": "family", "encoder": "encoder"}[unit]]
    return rows.assign(held_out=held_out)


def candidate_rows(
    queries: pd.DataFrame, candidates: Sequence[str], catalogue: Catalogue
) -> pd.DataFrame:
    """Rows for ranking candidates in new queries: every candidate for every query.

    Args:
        queries: One row a query, with study, encoder, adaptation, target and language.
        candidates: Names of intermediates; `direct` may be among them.
        catalogue: Cards of the tasks.

    Returns:
        Rows in the order of queries then candidates, with the columns of `prepare`.
    """
    names = pd.DataFrame({"intermediate": list(dict.fromkeys(candidates))})
    asked = queries.reset_index(drop=True)
    asked = _with_query_keys(asked.assign(query=query_key(asked)), catalogue)
    names = _with_candidate_keys(names, catalogue)
    columns = {name: _expanded(asked[name], len(names), np.repeat) for name in asked}
    columns |= {name: _expanded(names[name], len(asked), np.tile) for name in names}
    return pd.DataFrame(columns).assign(
        held_out=pd.Categorical.from_codes(
            np.zeros(len(asked) * len(names), dtype=np.int8), categories=pd.Index([NEW])
        )
    )


def rankable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of queries that have candidates to choose among, with differing gains.

    Raises:
        MetaselectError: No such query.
    """
    gains = rows.groupby("query")["gain"]
    differ = (gains.transform("max") > gains.transform("min")).to_numpy()
    if not differ.any():
        raise MetaselectError(
            "No query has two candidates with different gains, so there is nothing to rank: add "
            "runs of more intermediates for the same study, target and language."
        )
    return rows[differ].reset_index(drop=True)


def source_groups(names: pd.Series, catalogue: Catalogue) -> dict[str, str]:
    """Each name's group of tasks that share data, named by its first member in order of name."""
    found = groups(names, catalogue.share_source)
    return {name: group[0] for group in found for name in group}


def _with_query_keys(rows: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    families = {code: _family(code) for code in rows["language"].unique()}
    targets = rows["target"].unique()
    clusters = catalogue.clusters(targets)
    untrained = {name: is_untrained(name, catalogue) for name in targets}
    return rows.assign(
        cluster=_map(rows["target"], clusters),
        target_kind=_map(rows["target"], _kinds(rows["target"], catalogue)),
        family=_map(rows["language"], families),
        untrained=_map(rows["target"], untrained).astype(bool),
    )


def is_untrained(name: str, catalogue: Catalogue) -> bool:
    """Whether a target has no training data, such as retrieval with frozen vectors."""
    card = catalogue.find(name)
    return card is not None and card.train_size == 0


def _with_candidate_keys(rows: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    kinds = _kinds(rows["intermediate"], catalogue)
    return rows.assign(intermediate_kind=_map(rows["intermediate"], kinds))


def _kinds(names: pd.Series, catalogue: Catalogue) -> dict[str, str]:
    return {
        name: catalogue[name].kind if name in catalogue else f"unknown:{name}"
        for name in names.unique()
        if name != DIRECT
    } | {DIRECT: DIRECT}


def _expanded(values: pd.Series, times: int, spread: Callable[..., Codes]) -> pd.Categorical:
    """Values repeated or tiled, held as codes: a million rows repeat a few names."""
    codes, names = pd.factorize(values)
    return pd.Categorical.from_codes(spread(codes, times), categories=pd.Index(names))


def _family(code: str) -> str:
    language = find_language(code)
    known = language is not None and language.family is not None
    return str(language.family) if language is not None and known else f"unknown:{code}"


def _map(names: pd.Series, values: Mapping[str, object]) -> pd.Series:
    """Each name's value, found once for each distinct name."""
    codes, distinct = pd.factorize(names)
    found = np.array([values[name] for name in distinct], dtype=object)
    return pd.Series(found[codes], index=names.index, dtype="object")
