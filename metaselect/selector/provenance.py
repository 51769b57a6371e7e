"""Where a predictor comes from: the runs it was trained on, its evaluations, its licence.

Rankings use it to say what they extrapolate from; the model card shows all of it.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.errors import MetaselectError
from metaselect.evaluation.records import EvaluationRecord
from metaselect.evaluation.results import contrast_in
from metaselect.evaluation.words import restriction_words
from metaselect.runs.schema import table_hash
from metaselect.runs.simulated import is_simulated
from metaselect.selector.own_runs import OwnRunsByStudy, own_runs_by_study, own_runs_from_json

_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}")


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What a predictor was trained on.

    Attributes:
        n_runs: Measured scores.
        encoder_by_study: Encoder of each study; one of several encoders is named by its first.
        rows_by_study, rows_by_source: How many scores.
        runs_hash: Of the table, as `table_hash` gives it.
        intermediates, targets, languages: Names seen.
        simulated: Whether any run came from a simulation.
        own_runs: What the runs of each target say of a ranking for it; empty in folders that were
            written before it was kept.
    """

    n_runs: int
    encoder_by_study: Mapping[str, str]
    intermediates: tuple[str, ...]
    targets: tuple[str, ...]
    languages: tuple[str, ...]
    simulated: bool
    runs_hash: str
    rows_by_study: Mapping[str, int]
    rows_by_source: Mapping[str, int]
    own_runs: OwnRunsByStudy = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """What one evaluation found, as its record says: regrets are score fractions.

    Attributes:
        protocol: What was left out whole.
        n_queries, n_clusters: What the means are over.
        regrets: Method to its regret@1 and regret@3; None where it has none.
        against_random: Ranker minus random in regret@1: difference, low, high.
        n_settings: Settings tried in each fold.
    """

    protocol: str
    n_queries: int
    n_clusters: int
    regrets: Mapping[str, tuple[float | None, float | None]]
    against_random: tuple[float | None, float | None, float | None]
    n_settings: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the makers of a predictor say of it besides its training runs.

    Attributes:
        licence: Of the predictor, an identifier of the hub such as `cc-by-4.0`; None if they
            name none.
        evaluations: On the runs that it was trained on.

    Raises:
        MetaselectError: A licence that is no identifier.
    """

    licence: str | None = None
    evaluations: tuple[EvaluationSummary, ...] = ()

    def __post_init__(self) -> None:
        if self.licence is not None and not _LICENCE.fullmatch(self.licence):
            raise MetaselectError(
                f"A licence is an identifier such as apache-2.0 or cc-by-4.0, not {self.licence!r}."
            )


def summarise_training(runs: pd.DataFrame) -> TrainingSummary:
    """The summary of a checked runs table."""
    first = runs.drop_duplicates("study")
    return TrainingSummary(
        n_runs=len(runs),
        encoder_by_study=dict(zip(first["study"], first["encoder"], strict=True)),
        intermediates=tuple(sorted(set(runs["intermediate"]) - {DIRECT, DIRECT_PLUS})),
        targets=tuple(sorted(set(runs["target"]))),
        languages=tuple(sorted(set(runs["language"]))),
        simulated=is_simulated(runs),
        runs_hash=table_hash(runs),
        rows_by_study=_counts(runs["study"]),
        rows_by_source=_counts(runs["source"]),
        own_runs=own_runs_by_study(runs, sorted(set(runs["target"]))),
    )


def summarise_evaluation(record: EvaluationRecord) -> EvaluationSummary:
    """The summary of an evaluation's record.

    Raises:
        KeyError: It is no such record.
    """
    rows = record["methods"]
    found = contrast_in(record, "ranker", "random")
    return EvaluationSummary(
        protocol=str(record["protocol"]) + restriction_words(record),
        n_queries=int(record["n_queries"]),
        n_clusters=int(record["n_clusters"]),
        regrets={name: (row["regret@1"], row["regret@3"]) for name, row in rows.items()},
        against_random=(found["difference"], found["low"], found["high"]),
        n_settings=int(record["search"]["trials_per_fold"]),
    )


def training_from_json(entry: Mapping[str, Any]) -> TrainingSummary:
    """The summary back from its JSON form (`dataclasses.asdict`)."""
    lists = {name: tuple(entry[name]) for name in ("intermediates", "targets", "languages")}
    return TrainingSummary(
        n_runs=int(entry["n_runs"]),
        encoder_by_study=dict(entry["encoder_by_study"]),
        simulated=bool(entry["simulated"]),
        runs_hash=str(entry["runs_hash"]),
        rows_by_study=dict(entry["rows_by_study"]),
        rows_by_source=dict(entry["rows_by_source"]),
        own_runs=own_runs_from_json(entry.get("own_runs", {})),
        **lists,
    )


def provenance_to_json(provenance: Provenance) -> dict[str, Any]:
    """Its JSON form, with the keys that predictor folders have."""
    return {
        "licence": provenance.licence,
        "judged": [asdict(item) for item in provenance.evaluations],
    }


def provenance_from_json(entry: Mapping[str, Any]) -> Provenance:
    """The record back from `provenance_to_json`."""
    found = [
        EvaluationSummary(
            protocol=str(item["protocol"]),
            n_queries=int(item["n_queries"]),
            n_clusters=int(item["n_clusters"]),
            regrets={name: (pair[0], pair[1]) for name, pair in item["regrets"].items()},
            against_random=tuple(item["against_random"]),
            n_settings=int(item["n_settings"]),
        )
        for item in entry["judged"]
    ]
    licence = entry["licence"]
    return Provenance(licence=None if licence is None else str(licence), evaluations=tuple(found))


def _counts(names: "pd.Series[str]") -> dict[str, int]:
    """How often each name stands, most first, then by name."""
    counted = [(str(name), int(count)) for name, count in names.value_counts().items()]
    return dict(sorted(counted, key=lambda pair: (-pair[1], pair[0])))
