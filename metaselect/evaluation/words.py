"""Words for what records name: methods, clusters, restrictions; light, for the command line."""

from collections.abc import Mapping
from typing import Any, Final, cast

from metaselect.evaluation.records import ContrastEntry, RecordHead
from metaselect.wording import few, points

METHOD_WORDS: Mapping[str, str] = {
    "random": "any, exact expectation",
    "size": "the largest training data",
    "history": "best on average",
    "history_kind": "best on targets of the kind",
    "history_target": "best on the target elsewhere",
    "mnli": "MNLI, always",
    "direct": "no intermediate",
    "composite": "sum of the single signals",
    "rrf": "rank fusion of the signals",
    "ridge": "ridge regression",
    "ranker": "the predictor",
    "oracle": "the best, as it turned out",
    "ceiling": "the best by half of the seeds",
}

LOWER_IS_BETTER: Final = ("regret@1", "regret@3")

DIRECTIONS: Final = "↓ lower is better, ↑ higher is better"

CEILING_LINE: Final = (
    "ceiling: the runs' own choice, by half of the seeds and scored on the other half. It shows "
    "what noise lets a choice reach, and is no method to use."
)

DECIDED: Final = "*"

DECIDED_LINE: Final = (
    f"{DECIDED} one cluster decides the sign: without it the difference is 0 or turns round"
)

_RESTRICTIONS: Final = {  # by the key that is false then; a missing key means no restriction
    "with_direct": ("the choice among intermediates alone", "--without-direct"),
    "with_same_source": ("without shared training data", "--without-same-source"),
}


def directed(measure: str) -> str:
    """A measure's name with an arrow that says which way is better.

    Example:
        >>> directed("regret@1"), directed("gain@1")
        ('regret@1 ↓', 'gain@1 ↑')
    """
    return f"{measure} {'↓' if measure in LOWER_IS_BETTER else '↑'}"


def cluster_words(record: RecordHead, cluster: str | None) -> str:
    """The targets of a cluster; its own name where the record does not tell them.

    Example:
        >>> cluster_words({"clusters": {"copa": ["xcopa"]}}, "copa")
        'xcopa'
    """
    if cluster is None:
        return "–"
    return few(record.get("clusters", {}).get(cluster, [cluster]))


def one_decides(item: ContrastEntry) -> bool:
    """Whether a contrast keeps its sign only with some one cluster.

    Example:
        >>> one_decides({"n_changed": 5, "low_without_one": -0.008, "high_without_one": 0.002})
        True
    """
    low, high = item["low_without_one"], item["high_without_one"]
    return low is not None and high is not None and item["n_changed"] > 0 and low * high <= 0


def without_one(item: ContrastEntry) -> str:
    """A contrast's lowest and highest difference without one cluster, marked where one decides.

    Example:
        >>> without_one({"n_changed": 5, "low_without_one": -0.008, "high_without_one": 0.002})
        '* -0.80 to +0.20'
    """
    low, high = item["low_without_one"], item["high_without_one"]
    mark = f"{DECIDED} " if one_decides(item) else ""
    return "–" if low is None else f"{mark}{points(low)} to {points(high)}"


def restriction_words(record: RecordHead) -> str:
    """The restrictions in words, each after a comma; empty where there are none."""
    return "".join(f", {words}" for words, _ in _restrictions_of(record))


def restriction_options(record: RecordHead) -> str:
    """The restrictions as command options, each after a space; empty where there are none."""
    arms = cast(Mapping[str, Any], record).get("arms")
    ladder = arms is not None and not any(name.endswith(" alone") for name in arms)
    return "".join(f" {option}" for _, option in _restrictions_of(record)) + ladder * " --ladder"


def _restrictions_of(record: RecordHead) -> list[tuple[str, str]]:
    return [entry for key, entry in _RESTRICTIONS.items() if not record.get(key, True)]
