"""What the records of evaluations, ablations and their companions hold, key by key.

They are the JSON that `--json` prints and that `--out` keeps. Scores, gains, regrets and their
differences are fractions; None stands for what cannot be told.
"""

from collections.abc import Mapping
from typing import TypedDict, final

Measures = Mapping[str, float | None]
"""Mean over clusters by measure (`ranking.metrics.MEASURES`, and `gain_crossed`: the gain of the
first choice on other seeds)."""


class ContrastEntry(TypedDict):
    """A method against another in one measure: the fields of `contrasts.Contrast`."""

    method: str
    against: str
    measure: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    primary: bool
    p_holm: float | None
    n_clusters: int
    n_changed: int
    leading: str | None
    low_without_one: float | None
    high_without_one: float | None
    detectable: float | None


def difference_of(item: ContrastEntry) -> float:
    """A contrast's difference.

    Raises:
        ValueError: No cluster has values of both methods.
    """
    if item["difference"] is None:
        raise ValueError(f"no cluster has both {item['method']} and {item['against']}")
    return item["difference"]


def interval_of(item: ContrastEntry) -> tuple[float, float] | None:
    """Low and high end of a contrast's 95 % interval; None with one cluster.

    Example:
        >>> interval_of({"low": -0.02, "high": 0.01})
        (-0.02, 0.01)
    """
    low, high = item["low"], item["high"]
    return None if low is None or high is None else (low, high)


class Intervals(TypedDict):
    """Nominal and realised coverage of the gains' intervals, means over clusters."""

    level: float
    coverage: float | None
    coverage_by_cluster: dict[str, float]
    half_width: float | None
    share_without_interval: float | None


class CalibrationBin(TypedDict):
    """Gains whose probability of being above 0 is alike: mean said, share seen, share of all."""

    said: float
    seen: float
    share: float


class Calibration(TypedDict):
    """Whether gains are above 0 as often as was said; see `results.calibration`."""

    brier: float | None
    brier_of_share: float | None
    bins: list[CalibrationBin]


class DirectChoices(TypedDict):
    """How often training directly was best, was chosen, and was chosen rightly."""

    share_negative_gains: float | None
    best: float | None
    chosen: float | None
    rightly: float | None


class Halves(TypedDict):
    """Every method on the same halves of the seeds."""

    methods: dict[str, Measures]


class Search(TypedDict):
    """How settings were searched for."""

    trials_per_fold: int
    trials: int
    pruned: int
    seed: int
    groups: list[str]


class RecordHead(TypedDict):
    """What was asked, of which runs.

    Keys:
        schema: Version of the record's form.
        protocol: What was left out whole.
        with_direct, with_same_source: Whether `direct` was a choice, and whether intermediates
            that share data with the target were.
        simulated: Whether the runs were simulated.
        n_queries, n_clusters: That were scored.
        clusters: The targets of each.
        alike: Groups of methods, or arms, with the same measures in every query.
        size_counts: In how many queries the rule `size` counts examples trained on, and card rows.
        learnt_and_scored_on: "the same seeds" or "other seeds".
    """

    schema: int
    protocol: str
    with_direct: bool
    with_same_source: bool
    simulated: bool
    n_queries: int
    n_clusters: int
    clusters: dict[str, list[str]]
    alike: list[list[str]]
    size_counts: dict[str, int]
    learnt_and_scored_on: str


class RecordMaking(TypedDict):
    """Methods that could not be used, with the reason, and how settings were searched for."""

    not_applicable: dict[str, str]
    search: Search


class CoverageRecord(TypedDict):
    """The intermediates of a table, and those of which each sort of difficulty is known."""

    intermediates: list[str]
    known: dict[str, list[str]]


@final
class EvaluationRecord(RecordHead, RecordMaking):
    """An evaluation: measures of every method, and how they compare."""

    methods: dict[str, Measures]
    halves: Halves | None
    contrasts: list[ContrastEntry]
    best_rule: ContrastEntry | None
    intervals: Intervals
    calibration: Calibration
    direct: DirectChoices


@final
class AblationRecord(RecordHead, RecordMaking):
    """An ablation: measures of every arm, and how they compare."""

    arms: dict[str, Measures]
    contrasts: list[ContrastEntry]


class DefinitionsRecord(TypedDict):
    """Definitions of difficulty as choosers: the share of rows that each is known of, measures."""

    schema: int
    simulated: bool
    n_clusters: int
    known_share: dict[str, float]
    methods: dict[str, Measures]
    contrasts: list[ContrastEntry]
