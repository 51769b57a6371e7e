"""A ranking in words: reasons from the model's feature contributions, and the answer."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.features.base import GROUPS, Group
from metaselect.features.registry import FEATURES
from metaselect.selector.doubts import NO_DOUBTS, Doubts
from metaselect.selector.warnings import LIKELY
from metaselect.wording import few

Floats = npt.NDArray[np.float64]

_FEATURES = {feature.name: feature for feature in FEATURES}
_N_REASONS = 3
_SMALLEST = 5e-5  # gain below which a contribution rounds to nothing in points

_WORTH_TELLING = 0.0005  # gain that is told as 0.1 points; less is nothing


class Ranked(TypedDict):
    """A candidate of a ranking: its expected gain, and the probability that it is above 0."""

    intermediate: str
    gain: float
    p_positive: float | None


def group_shares(names: Sequence[str], groups: Sequence[Group]) -> Floats:
    """How much of each feature's contribution belongs to each group.

    A feature of several groups, such as a product of two factors, is divided equally among them.

    Args:
        names: Features.
        groups: Groups that the features may belong to.

    Returns:
        Shape (n_groups, n_features); each column sums to 1.
    """
    shares = np.zeros((len(groups), len(names)))
    for column, name in enumerate(names):
        own = _FEATURES[name].groups
        for group in own:
            shares[groups.index(group), column] = 1.0 / len(own)
    return shares


def reasons_for(
    rows: pd.DataFrame, contributions: pd.DataFrame, values: pd.DataFrame
) -> list[list[str]]:
    """Up to three reasons for each row, largest first: `+1.2 points, affinity: same kind of task`.

    A reason names what a feature group adds, and its feature that adds most in that direction.
    Groups are used because features of one group are nearly redundant, and trees trade them off
    against each other. What every candidate of a query shares is subtracted. A feature of two
    groups is divided as `group_shares` says.

    Args:
        rows: Candidates, with intermediate and query.
        contributions: What each feature adds to the expected gain, in fractions, same index.
        values: Values of the features, same index.
    """
    query = np.asarray(rows["query"], dtype=object)
    relative = contributions - contributions.groupby(query).transform("mean")
    names = list(relative.columns)
    shares = group_shares(names, GROUPS)
    known = values.reindex(columns=names).to_numpy()
    matrix = relative.to_numpy()
    return [
        ["no intermediate: gain 0 by definition"]
        if name == DIRECT
        else _largest(names, shares * matrix[place], known[place])
        for place, name in enumerate(rows["intermediate"])
    ]


def _largest(names: Sequence[str], added: Floats, values: Floats) -> list[str]:
    """The groups that add most, each with its strongest feature that is not named yet.

    Args:
        names: Features.
        added: Contributions, shape (n_groups, n_features).
        values: Values of the features, shape (n_features,).
    """
    totals = added.sum(axis=1)
    named = np.zeros(len(names), dtype=bool)
    told = []
    for group in np.argsort(-np.abs(totals), kind="stable")[:_N_REASONS]:
        total = float(totals[group])
        if abs(total) < _SMALLEST:
            break
        signed = added[group] * np.sign(total)
        fresh = np.where(named, -np.inf, signed)
        # A product that another group has named may be all that this one has.
        most = int(np.argmax(fresh if fresh.max() > 0 else signed))
        named[most] = True
        words = _words(names[most], values[most])
        told.append(f"{total * 100:+.1f} points, {GROUPS[group]}: {words}")
    return told or ["the predictor sees no difference between it and the mean candidate"]


def _words(name: str, value: float) -> str:
    feature = _FEATURES[name]
    if np.isnan(value):
        return f"{feature.words} (unknown)"
    if feature.unit == "outcomes":
        return f"{feature.words} ({value:,.0f})"
    return (feature.otherwise if value == 0 else None) or feature.words


def answer(
    ranking: Sequence[Ranked],
    doubts: Doubts = NO_DOUBTS,
    *,
    objective: str | None = None,
    simulated: bool,
) -> str:
    """What to fine-tune on first, what to expect of it, and what to try second.

    Args:
        ranking: Best first, whole: `direct` among them.
        doubts: Of the target's runs and of candidates.
        objective: `worst` where gains are those of the worst of several languages.
        simulated: Whether it rests on simulated runs, which is said.

    Example:
        >>> entry = {"intermediate": "mnli", "gain": 0.031, "p_positive": 0.8}
        >>> answer([entry], simulated=False)
        'Fine-tune on mnli first: +3.1 points expected, 8 in 10 that it helps.'
    """
    mark = "By SIMULATED RUNS: " if simulated else ""
    named, kept = _named(ranking), _kept(ranking, doubts)
    if not named:
        return mark + "Fine-tune on the target alone: there is no candidate."
    others = [entry for entry in named if entry["intermediate"] not in doubts.sharing]
    best = (kept or others or named)[0]
    gain, chance = float(best["gain"]), best["p_positive"]
    choice = advised(ranking, doubts)
    expected = f"{round(gain * 100, 1) + 0.0:+.1f} points expected"  # + 0.0: never -0.0
    expected += " in the worst language" if objective == "worst" else ""
    if choice == DIRECT:
        if not kept and gain >= _WORTH_TELLING:
            why = "every candidate lost, averaged over the languages of the target's runs"
        elif gain > 0:
            why = "hardly any gain is expected"
        else:
            why = "no candidate is expected to help"
        return (
            f"{mark}Fine-tune on the target alone: {why} "
            f"(best of them: {best['intermediate']}, {expected}{_aside(ranking, best, doubts)})."
        )
    if doubts.runs_at_floor or doubts.unproven:
        why = (
            "runs of the target score like a constant answer"
            if doubts.runs_at_floor
            else "on the runs that it learnt from, the predictor chose no better than random"
        )
        return (
            f"{mark}No intermediate can be advised, so fine-tune on the target alone: {why} "
            f"({best['intermediate']} comes first with {expected}{_aside(ranking, best, doubts)})."
        )
    expected += "" if chance is None else f", {_in_ten(chance)} that it helps"
    if choice is None:
        return (
            f"{mark}Nothing is clearly better than the target alone: "
            f"{best['intermediate']} comes first with {expected}{_aside(ranking, best, doubts)}."
        )
    second = [entry["intermediate"] for entry in kept[1:2] if entry["gain"] >= _WORTH_TELLING]
    more = f"; if you can try two, add {second[0]}" if second else ""
    aside = _aside(ranking, best, doubts)
    return f"{mark}Fine-tune on {best['intermediate']} first: {expected}{more}{aside}."


def _aside(ranking: Sequence[Ranked], best: Ranked, doubts: Doubts) -> str:
    """Why the candidates above the one that is told are not."""
    above = [entry["intermediate"] for entry in _named(ranking[: ranking.index(best)])]
    lost = [name for name in above if name in doubts.against]
    shared = [name for name in above if name not in lost]
    told = f"; {few(shared)} left aside: the target's own data" if shared else ""
    return told + (
        f"; {few(lost)} left aside: lost, averaged over the languages of the target's runs"
        if lost
        else ""
    )


def advised(ranking: Sequence[Ranked], doubts: Doubts = NO_DOUBTS) -> str | None:
    """What a ranking, given as for `answer`, advises: an intermediate, or `direct`.

    Returns:
        None where a gain is expected, but not likely enough, or on no ground, to advise anything.
    """
    kept = _kept(ranking, doubts)
    if not kept or kept[0]["gain"] < _WORTH_TELLING:
        return DIRECT
    chance = kept[0]["p_positive"]
    forbidden = doubts.runs_at_floor or doubts.unproven
    unlikely = chance is not None and chance < LIKELY
    return None if unlikely or forbidden else kept[0]["intermediate"]


def _named(ranking: Sequence[Ranked]) -> list[Ranked]:
    return [entry for entry in ranking if entry["intermediate"] != DIRECT]


def _kept(ranking: Sequence[Ranked], doubts: Doubts) -> list[Ranked]:
    """The intermediates that can be advised; those that share the target's data where all do."""
    named = _named(ranking)
    own = [entry for entry in named if entry["intermediate"] not in doubts.sharing] or named
    return [entry for entry in own if entry["intermediate"] not in doubts.against]


def _in_ten(chance: float) -> str:
    """A chance as people say it, never as a certainty."""
    return "more than 9 in 10" if chance >= 0.95 else f"{round(chance * 10)} in 10"
