"""What each intermediate gained on each target, as it was measured."""

from typing import TypedDict

import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.runs.gains import SETTING, candidate_runs, observed_gains

_GAINS = [*SETTING, "target", "intermediate"]


class MeanGain(TypedDict):
    """A measured gain, a fraction; its standard error over seeds, None where one has it."""

    gain: float
    se: float | None
    n_seeds: int


class TargetGains(TypedDict):
    """The gains of one target in one study, by intermediate, largest first.

    `direct` is its mean score without any.
    """

    study: str
    encoder: str
    adaptation: str
    target: str
    direct: float
    n_languages: int
    gains: dict[str, MeanGain]


def mean_gains(runs: pd.DataFrame) -> list[TargetGains]:
    """Mean gains over languages, then over seeds, of every target that was trained directly too.

    Args:
        runs: A table from `check_runs`.
    """
    own = candidate_runs(runs)
    parts = [
        observed_gains(rows.reset_index(drop=True)).assign(seed=seed)
        for seed, rows in own.groupby("seed")
    ]
    gains = pd.concat(parts) if parts else observed_gains(own).assign(seed=0)
    gains = gains[gains["intermediate"] != DIRECT]
    by_seed = gains.groupby([*_GAINS, "seed"])["gain"].mean()
    table = by_seed.groupby(_GAINS).agg(["mean", "sem", "count"]).reset_index()
    direct = own[own["intermediate"] == DIRECT].groupby([*SETTING, "target"])
    scores = direct["score"].mean().to_dict()
    languages = direct["language"].nunique().to_dict()
    found: list[TargetGains] = []
    for key, rows in table.groupby([*SETTING, "target"], sort=False):
        study, encoder, adaptation, target = map(str, key)
        ordered = rows.sort_values("mean", ascending=False, kind="stable").to_dict("records")
        found.append(
            {
                "study": study, "encoder": encoder, "adaptation": adaptation, "target": target,
                "direct": float(scores[key]), "n_languages": int(languages[key]),
                "gains": {
                    str(row["intermediate"]): {
                        "gain": float(row["mean"]),
                        "se": None if row["count"] < 2 else float(row["sem"]),
                        "n_seeds": int(row["count"]),
                    }
                    for row in ordered
                },
            }
        )  # fmt: skip
    return found
