"""Why a candidate stands where it stands, in words, from the model's own contributions."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.features.products import first_factor
from metaselect.features.registry import FEATURES

_FEATURES = {feature.name: feature for feature in FEATURES}
_N_REASONS = 3
_SMALLEST = 5e-5  # gain below which a contribution rounds to nothing in points


def reasons_for(
    rows: pd.DataFrame, contributions: pd.DataFrame, values: pd.DataFrame
) -> list[list[str]]:
    """Up to three reasons for each row, largest first: `+1.2 points, affinity: same kind of task`.

    A reason is what a feature group adds, and the feature in it that adds most that way: features
    of one group say nearly the same, and trees play them off against each other. What every
    candidate of a query shares cannot tell them apart and is left out; a product counts for the
    factor that speaks of the intermediate.

    Args:
        rows: Candidates, with intermediate and query.
        contributions: What each feature adds to the expected gain, in fractions, same index.
        values: Values of the features, same index.
    """
    factors = pd.Index([first_factor(name) for name in contributions.columns])
    merged = contributions.T.groupby(factors.to_numpy()).sum().T
    relative = merged - merged.groupby(np.asarray(rows["query"], dtype=object)).transform("mean")
    known = values.reindex(columns=relative.columns).to_numpy()
    groups = np.array([_FEATURES[name].groups[0] for name in relative.columns])
    matrix = relative.to_numpy()
    return [
        ["no intermediate: gain 0 by definition"]
        if name == DIRECT
        else _largest(relative.columns, groups, matrix[place], known[place])
        for place, name in enumerate(rows["intermediate"])
    ]


def _largest(
    names: pd.Index,
    groups: npt.NDArray[np.str_],
    added: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
) -> list[str]:
    sums = {group: float(added[groups == group].sum()) for group in dict.fromkeys(groups)}
    told = []
    for group, total in sorted(sums.items(), key=lambda item: -abs(item[1]))[:_N_REASONS]:
        if abs(total) < _SMALLEST:
            break
        own = np.flatnonzero(groups == group)
        most = own[np.argmax(added[own] * np.sign(total))]
        words = _words(names[most], values[most])
        told.append(f"{total * 100:+.1f} points, {group}: {words}")
    return told or ["nothing known tells it from the others"]


def _words(name: str, value: float) -> str:
    feature = _FEATURES[name]
    if np.isnan(value):
        return f"unknown: {feature.words}"
    return f"not: {feature.words}" if feature.unit == "0 or 1" and value == 0 else feature.words
