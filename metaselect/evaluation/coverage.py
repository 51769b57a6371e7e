"""Of how many intermediates a feature group knows anything: of one alone it can ask nothing."""

from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.features.base import Group, World, compute
from metaselect.features.registry import features_of
from metaselect.features.size import with_examples
from metaselect.features.table import prepare
from metaselect.runs.gains import query_gains
from metaselect.wording import few

ASKED = ("difficulty", "measured difficulty")
"""What is told of: difficulty as published, and as `metaselect features compute` measures it."""

LEAST_KNOWN = 2
"""Intermediates that a feature must tell apart, for an arm of the ladder to ask anything of it."""


def coverage_record(runs: pd.DataFrame, catalogue: Catalogue, *, seed: int = 0) -> dict[str, Any]:
    """The intermediates of which any difficulty is known.

    Args:
        runs: A table from `check_runs`.
        catalogue: Task cards with measured values.
        seed: Nothing is drawn by it.

    Returns:
        Keys `intermediates` (all of the table) and `known` (by what is asked, their names).
    """
    del seed  # every record of the question takes one
    rows = prepare(query_gains(runs), catalogue, unit="target")
    rows = rows[rows["intermediate"] != DIRECT]
    groups: tuple[tuple[Group, ...], ...] = (("difficulty",), ("difficulty", "measured"))
    published, features = (
        [feature for feature in features_of(own) if "intermediate" in feature.keys]
        for own in groups
    )
    table = compute(features, rows, with_examples(World(catalogue), rows))
    found = {}
    for name, is_published in zip(ASKED, (True, False), strict=True):
        own = [item.name for item in features if (item in published) == is_published]
        is_known = table[own].notna().any(axis=1)
        found[name] = sorted(rows.loc[is_known, "intermediate"].astype(str).unique())
    return {
        "intermediates": sorted(rows["intermediate"].astype(str).unique()),
        "known": found,
    }


def coverage_sentence(record: dict[str, Any], asked: str = "difficulty") -> str | None:
    """That too few intermediates are known for difficulty to be asked; None where enough are."""
    known, names = record["known"][asked], record["intermediates"]
    if len(known) >= min(LEAST_KNOWN, len(names)):
        return None
    which = f" ({few(known)})" if known else ""
    return (
        f"Published {asked} is known of {len(known)} of {len(names)} intermediates{which}, so that "
        "it tells none from another: nothing was asked of it."
    )
