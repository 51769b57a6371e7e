"""What forbids to advise the first of a ranking: floors, the target's own data, losses seen; and
what speaks against every answer from a table of runs.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.runs.gains import query_gains
from metaselect.selector.own_runs import ALL_STUDIES, OwnRuns, OwnRunsByStudy, own_runs
from metaselect.selector.warnings import floor_warning, floor_words, sharing_data
from metaselect.wording import counted, some


@dataclass(frozen=True, slots=True)
class Doubts:
    """What forbids to advise the first of a ranking.

    Attributes:
        runs_at_floor: The target's own runs score like a constant answer: whatever is expected of
            a candidate, nothing that was seen says so.
        sharing: Candidates that share the target's data, whose gain is that of training longer.
        against: Candidates that gained less than nothing in the target's own runs.
        unproven: The predictor chose no better than random on its own runs.
    """

    runs_at_floor: bool = False
    sharing: Collection[str] = ()
    against: Collection[str] = ()
    unproven: bool = False


NO_DOUBTS = Doubts()
_LEAST_CLUSTERS = 6  # with n of them the least p by sign flips is 2 / 2**n
_CLEAR = 2.0  # standard errors
_MOSTLY = 0.5  # share of gains


def doubts_of(
    runs: pd.DataFrame | None,
    target: str,
    names: Iterable[str],
    catalogue: Catalogue,
    *,
    study: str | None = None,
) -> Doubts:
    """What forbids to advise the first of these candidates for a target.

    Args:
        runs: A table from `check_runs`; None where there are no runs to look at.
        target: Of the ranking.
        names: Candidates.
        catalogue: Task cards.
        study: Whose runs of the target are looked at, where it has any; None looks at all.
    """
    own = None if runs is None else own_runs(_of_study(runs, target, study), target)
    return _doubts(own, target, names, catalogue)


def known_doubts(
    known: OwnRunsByStudy,
    target: str,
    names: Iterable[str],
    catalogue: Catalogue,
    *,
    study: str | None,
) -> Doubts:
    """`doubts_of` by what a predictor keeps of the runs that it learnt from."""
    own = known_runs(known, target, study) or known_runs(known, target, None)
    return _doubts(own, target, names, catalogue)


def doubts_about(
    target: str,
    names: Iterable[str],
    catalogue: Catalogue,
    *,
    kept: OwnRunsByStudy,
    study: str | None,
    runs: pd.DataFrame | None,
) -> tuple[Doubts, list[str]]:
    """What forbids to advise the first, by a user's runs of the target where there are any, beside
    those that the predictor learnt from.

    Args:
        target: Of the ranking.
        names: Candidates.
        catalogue: Task cards.
        kept: What the predictor keeps of its runs.
        study: Whose runs of the target are looked at, where it has any; None looks at all.
        runs: The user's, a table from `check_runs`; None where there are none.

    Returns:
        The doubts, and lines to be told where both tables disagree.
    """
    learnt = known_doubts(kept, target, names, catalogue, study=study)
    if runs is None or not (runs["target"] == target).any():
        return learnt, []
    return doubts_beside(doubts_of(runs, target, names, catalogue, study=study), learnt, target)


def _doubts(own: OwnRuns | None, target: str, names: Iterable[str], catalogue: Catalogue) -> Doubts:
    """Gains at the floor speak against nothing: there only the floor is told."""
    sharing = sharing_data(names, target, catalogue)
    if own is None:
        return Doubts(sharing=sharing)
    if floor_words(own, target, catalogue) is not None:
        return Doubts(runs_at_floor=True, sharing=sharing)
    return Doubts(sharing=sharing, against=tuple(own.against))


def doubts_beside(own: Doubts, learnt: Doubts, target: str) -> tuple[Doubts, list[str]]:
    """Doubts by a user's runs of a target, beside those by what the predictor learnt from.

    The user's runs say which candidates lost. Where the others are at their floor, what is expected
    of the target is noise, whatever the user's have measured; then a line says so.
    """
    if own.runs_at_floor or not learnt.runs_at_floor:
        return own, []
    return replace(own, runs_at_floor=True), [
        f"{target}: the runs that the predictor learnt from score like a constant answer, so what "
        "it expects may be noise, whatever your runs have measured"
    ]


def table_doubts(runs: pd.DataFrame, catalogue: Catalogue) -> list[str]:
    """What speaks against answers that rest on a table: few clusters, noise, and doubts of targets.

    Args:
        runs: A table from `check_runs`.
        catalogue: Task cards.

    Returns:
        A line for each, with how many targets it is true of and the first of them.
    """
    gains = query_gains(runs)
    gains = gains[gains["intermediate"] != DIRECT]
    tried = {str(name): {*own} for name, own in gains.groupby("target")["intermediate"]}
    doubts = {name: doubts_of(runs, name, own, catalogue) for name, own in tried.items()}
    floor = [name for name, own in doubts.items() if own.runs_at_floor]
    lost = [name for name, own in doubts.items() if {*own.against} >= tried[name]]
    shared = [name for name, own in doubts.items() if own.sharing]
    told = {
        "score like a constant answer, so their gains may be noise": floor,
        "lost with every intermediate tried, averaged over their languages": lost,
        "have intermediates with their own data, whose gain is partly that of training longer": (
            shared
        ),
    }
    return [
        *_too_small(len({*catalogue.clusters(tried).values()})),
        *_noise(gains),
        *(
            f"{len(names)} of {counted(len(tried), 'target')} {what}: {some(names)}"
            for what, names in told.items()
            if names
        ),
    ]


def _too_small(n_clusters: int) -> list[str]:
    if n_clusters >= _LEAST_CLUSTERS:
        return []
    return [
        f"the runs have {counted(n_clusters, 'cluster')} of targets: with under "
        f"{_LEAST_CLUSTERS} no p over clusters can be below .05, whatever they gained"
    ]


def _noise(gains: pd.DataFrame) -> list[str]:
    """That gains have no standard error, or that most of them lie within two of 0."""
    known = gains.dropna(subset=["gain_se"])
    if known.empty:
        return ["no run has a second seed, so nothing tells gains from luck"] if len(gains) else []
    unclear = float((known["gain"].abs() <= _CLEAR * known["gain_se"]).mean())
    if unclear <= _MOSTLY:
        return []
    return [f"{unclear:.0%} of the gains lie within two standard errors of 0"]


def known_runs(known: OwnRunsByStudy, target: str, study: str | None) -> OwnRuns | None:
    """What is known of a target's runs in a study, or in all; None where there is nothing."""
    return known.get(ALL_STUDIES if study is None else study, {}).get(target)


def doubt_warning(
    runs: pd.DataFrame, target: str, catalogue: Catalogue, *, study: str | None
) -> str | None:
    """`floor_warning` by the target's runs of a study, by all of them where it has none."""
    return floor_warning(_of_study(runs, target, study), target, catalogue)


def _of_study(runs: pd.DataFrame, target: str, study: str | None) -> pd.DataFrame:
    """The target's runs of a study; all of them where it has none."""
    own = runs[runs["target"] == target]
    of_study = own[own["study"] == study]
    return own if of_study.empty else of_study
