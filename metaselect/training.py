"""What a predictor was trained on, kept beside it: rankings say what they extrapolate from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.runs.schema import table_hash
from metaselect.runs.simulated import is_simulated


@dataclass(frozen=True, slots=True)
class Training:
    """What a predictor was trained on.

    Attributes:
        n_runs: Measured scores.
        encoder_by_study: Encoder of each study; one of several encoders is named by its first.
        rows_by_study, rows_by_source: How many scores; empty where an older version wrote the
            predictor.
        runs_hash: Of the table, as `table_hash` gives it; None likewise.
        intermediates, targets, languages: Names seen.
        simulated: Whether any run came from a simulation.
    """

    n_runs: int
    encoder_by_study: Mapping[str, str]
    intermediates: tuple[str, ...]
    targets: tuple[str, ...]
    languages: tuple[str, ...]
    simulated: bool
    runs_hash: str | None
    rows_by_study: Mapping[str, int]
    rows_by_source: Mapping[str, int]


def training_of(runs: pd.DataFrame) -> Training:
    """What a checked runs table is made of."""
    first = runs.drop_duplicates("study")
    return Training(
        n_runs=len(runs),
        encoder_by_study=dict(zip(first["study"], first["encoder"], strict=True)),
        intermediates=tuple(sorted(set(runs["intermediate"]) - {DIRECT, DIRECT_PLUS})),
        targets=tuple(sorted(set(runs["target"]))),
        languages=tuple(sorted(set(runs["language"]))),
        simulated=is_simulated(runs),
        runs_hash=table_hash(runs),
        rows_by_study=_counts(runs["study"]),
        rows_by_source=_counts(runs["source"]),
    )


def training_from_json(entry: Mapping[str, Any]) -> Training:
    """The record back from its JSON form (`dataclasses.asdict`)."""
    lists = {name: tuple(entry[name]) for name in ("intermediates", "targets", "languages")}
    return Training(
        n_runs=int(entry["n_runs"]),
        encoder_by_study=dict(entry["encoder_by_study"]),
        simulated=bool(entry["simulated"]),
        runs_hash=entry.get("runs_hash"),
        rows_by_study=dict(entry.get("rows_by_study", {})),
        rows_by_source=dict(entry.get("rows_by_source", {})),
        **lists,
    )


def _counts(names: "pd.Series[str]") -> dict[str, int]:
    """How often each name stands, most first, then by name."""
    counted = [(str(name), int(count)) for name, count in names.value_counts().items()]
    return dict(sorted(counted, key=lambda pair: (-pair[1], pair[0])))
