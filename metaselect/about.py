"""What the makers of a predictor say of it: its licence, and how well it chose."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaselect.errors import MetaselectError
from metaselect.evaluation.narrowing import narrowed
from metaselect.evaluation.results import contrast_in

_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}")


@dataclass(frozen=True, slots=True)
class Judged:
    """What an evaluation found, as its record says: regrets are score fractions.

    Attributes:
        protocol: What was left out whole.
        n_queries, n_clusters: What the means are over.
        regrets: Method to its regret@1 and regret@3; None where it has none.
        against_random: Ranker minus random in regret@1: difference, low, high.
        n_settings: Settings tried in each fold; None where that is not known.
    """

    protocol: str
    n_queries: int
    n_clusters: int
    regrets: Mapping[str, tuple[float | None, float | None]]
    against_random: tuple[float | None, float | None, float | None]
    n_settings: int | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What the makers of a predictor say of it.

    Attributes:
        licence: Of the predictor, an identifier of the hub such as `cc-by-4.0`; None if they
            name none.
        judged: Evaluations on the runs that it was trained on.

    Raises:
        MetaselectError: A licence that is no identifier.
    """

    licence: str | None = None
    judged: tuple[Judged, ...] = ()

    def __post_init__(self) -> None:
        if self.licence is not None and not _LICENCE.fullmatch(self.licence):
            raise MetaselectError(
                f"A licence is an identifier such as apache-2.0 or cc-by-4.0, not {self.licence!r}."
            )


def judged(record: Mapping[str, Any]) -> Judged:
    """What a card tells of an evaluation's record.

    Raises:
        KeyError: It is no such record.
    """
    rows = record["methods"]
    found = contrast_in(record, "ranker", "random")
    return Judged(
        protocol=str(record["protocol"]) + narrowed(record),
        n_queries=int(record["n_queries"]),
        n_clusters=int(record["n_clusters"]),
        regrets={name: (row["regret@1"], row["regret@3"]) for name, row in rows.items()},
        against_random=(found["difference"], found["low"], found["high"]),
        n_settings=record.get("search", {}).get("trials_per_fold"),
    )


def about_from_json(entry: Mapping[str, Any]) -> About:
    """The record back from its JSON form (`dataclasses.asdict`)."""
    found = [
        Judged(
            protocol=str(item["protocol"]),
            n_queries=int(item["n_queries"]),
            n_clusters=int(item["n_clusters"]),
            regrets={name: (pair[0], pair[1]) for name, pair in item["regrets"].items()},
            against_random=tuple(item["against_random"]),
            n_settings=item.get("n_settings"),
        )
        for item in entry["judged"]
    ]
    licence = entry["licence"]
    return About(licence=None if licence is None else str(licence), judged=tuple(found))
