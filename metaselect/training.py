"""What a predictor was trained on, kept beside it: rankings say what they extrapolate from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.runs.simulated import is_simulated


@dataclass(frozen=True, slots=True)
class Training:
    """What a predictor was trained on.

    Attributes:
        n_runs: Measured scores.
        encoder_by_study: Encoder of each study; one of several encoders is named by its first.
        intermediates, targets, languages: Names seen.
        simulated: Whether any run came from a simulation.
    """

    n_runs: int
    encoder_by_study: Mapping[str, str]
    intermediates: tuple[str, ...]
    targets: tuple[str, ...]
    languages: tuple[str, ...]
    simulated: bool


def training_of(runs: pd.DataFrame) -> Training:
    """What a checked runs table is made of."""
    first = runs.drop_duplicates("study")
    return Training(
        n_runs=len(runs),
        encoder_by_study=dict(zip(first["study"], first["encoder"], strict=True)),
        intermediates=tuple(sorted(set(runs["intermediate"]) - {DIRECT})),
        targets=tuple(sorted(set(runs["target"]))),
        languages=tuple(sorted(set(runs["language"]))),
        simulated=is_simulated(runs),
    )


def training_from_json(entry: Mapping[str, Any]) -> Training:
    """The record back from its JSON form (`dataclasses.asdict`)."""
    lists = {name: tuple(entry[name]) for name in ("intermediates", "targets", "languages")}
    return Training(
        n_runs=int(entry["n_runs"]),
        encoder_by_study=dict(entry["encoder_by_study"]),
        simulated=bool(entry["simulated"]),
        **lists,
    )
