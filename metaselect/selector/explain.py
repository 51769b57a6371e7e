"""Reasons for a candidate's rank, in words, from the model's feature contributions."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.features.base import GROUPS, Group
from metaselect.features.registry import FEATURES

Floats = npt.NDArray[np.float64]

_FEATURES = {feature.name: feature for feature in FEATURES}
_N_REASONS = 3
_SMALLEST = 5e-5  # gain below which a contribution rounds to nothing in points


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
    """The groups that add most, each with its strongest feature.

    Args:
        names: Features.
        added: Contributions, shape (n_groups, n_features).
        values: Values of the features, shape (n_features,).
    """
    totals = added.sum(axis=1)
    told = []
    for group in np.argsort(-np.abs(totals), kind="stable")[:_N_REASONS]:
        total = float(totals[group])
        if abs(total) < _SMALLEST:
            break
        most = int(np.argmax(added[group] * np.sign(total)))
        words = _words(names[most], values[most])
        told.append(f"{total * 100:+.1f} points, {GROUPS[group]}: {words}")
    return told or ["nothing known tells it from the others"]


def _words(name: str, value: float) -> str:
    feature = _FEATURES[name]
    if np.isnan(value):
        return f"unknown: {feature.words}"
    return f"not: {feature.words}" if feature.unit == "0 or 1" and value == 0 else feature.words
