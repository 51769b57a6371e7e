"""What a sound table of runs still lacks, for training and evaluation to tell much."""

import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.console import few
from metaselect.runs.gains import QUERY

_SETTING = ["study", "encoder", "adaptation"]
_ENOUGH_TARGETS = 3  # one is left out, two are left to tune on


def remarks(runs: pd.DataFrame) -> list[str]:
    """Lines that say what is missing, and what that costs.

    Args:
        runs: A table from `check_runs`; it may have no rows.
    """
    if not len(runs):
        return ["no run at all"]
    found = [*_without_direct(runs), *_seeds(runs)]
    languages, targets = runs["language"].unique(), runs["target"].unique()
    if len(languages) == 1:
        found.append(f"every run is in {languages[0]}: language features can tell nothing")
    if len(targets) < _ENOUGH_TARGETS:
        found.append(
            f"{_counted(len(targets), 'target')} ({', '.join(targets)}): evaluation leaves whole "
            f"targets out and needs {_ENOUGH_TARGETS} that share no training data"
        )
    return found


def _without_direct(runs: pd.DataFrame) -> list[str]:
    has_direct = (runs["intermediate"] == DIRECT).groupby([runs[name] for name in QUERY]).any()
    lacking = has_direct.index[~has_direct].to_frame(index=False)
    if not len(lacking):
        return []
    targets = list(lacking["target"].unique())
    return [
        f"{_counted(len(lacking), 'query', 'queries')} of {few(targets)} without a `{DIRECT}` "
        f"run: gains there are against the mean of the candidates, and `{DIRECT}` is no choice"
    ]


def _seeds(runs: pd.DataFrame) -> list[str]:
    found = []
    for study, own in runs.groupby("study"):
        if own.groupby([*QUERY, "intermediate"])["seed"].nunique().max() == 1:
            found.append(f"{study}: no run has a second seed, so the noise of gains is unknown")
            continue
        direct = own[own["intermediate"] == DIRECT]
        others = own[own["intermediate"] != DIRECT]
        both = others.merge(direct[[*QUERY, "seed"]], on=[*QUERY, "seed"])
        cells = [*_SETTING, "intermediate", "target"]
        unpaired = len(others[cells].drop_duplicates()) - len(both[cells].drop_duplicates())
        if len(direct) and unpaired:
            found.append(
                f"{study}: {_counted(unpaired, 'pair')} of intermediate and target without a seed "
                f"that `{DIRECT}` has too: the noise of both counts there"
            )
    return found


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
