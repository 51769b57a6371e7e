"""Of how many intermediates difficulty is known: of one alone what it adds cannot be told."""

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.evaluation.records import CoverageRecord
from metaselect.features.base import World, compute
from metaselect.features.registry import features_of
from metaselect.features.size import with_examples
from metaselect.features.table import prepare
from metaselect.runs.gains import query_gains
from metaselect.wording import few

LEAST_KNOWN = 2
"""Intermediates that a feature must tell apart, for an arm of the ladder to ask anything of it."""


def coverage_record(runs: pd.DataFrame, catalogue: Catalogue) -> CoverageRecord:
    """The intermediates of which any difficulty is known.

    Args:
        runs: A table from `check_runs`.
        catalogue: Task cards with measured values.

    Returns:
        Keys `intermediates` (all of the table) and `known`: the names of those whose `difficulty`
        is published, and of those whose `measured difficulty` is in the catalogue.
    """
    rows = prepare(query_gains(runs), catalogue, unit="target")
    rows = rows[rows["intermediate"] != DIRECT]
    names = rows["intermediate"].astype(str)
    features = features_of(("difficulty", "measured"))
    features = [feature for feature in features if "intermediate" in feature.keys]
    is_known = compute(features, rows, with_examples(World(catalogue), rows)).notna()
    columns: dict[str, list[str]] = {"difficulty": [], "measured difficulty": []}
    for feature in features:
        asked = "measured difficulty" if "measured" in feature.groups else "difficulty"
        columns[asked].append(feature.name)
    return {
        "intermediates": sorted(names.unique()),
        "known": {
            asked: sorted(names[is_known[own].any(axis=1)].unique())
            for asked, own in columns.items()
        },
    }


def coverage_sentence(record: CoverageRecord) -> str | None:
    """That published difficulty is known of too few intermediates; None where of enough."""
    known, names = record["known"]["difficulty"], record["intermediates"]
    if len(known) >= min(LEAST_KNOWN, len(names)):
        return None
    which = f" ({few(known)})" if known else ""
    return (
        f"Published difficulty is known of {len(known)} of {len(names)} intermediates{which}: what "
        "it adds cannot be told from these runs."
    )
