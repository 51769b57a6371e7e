"""The equal-weight sum of single signals, as a part of the predictor.

More data, harder, same kind, proven on its kind: with few targets, equal weights of signals whose
sign is known are as good as fitted ones, and err elsewhere. Half of one and half of the other errs
less than either (Dawes 1979; Claeskens et al. 2016 on why equal weights are hard to beat).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.features.base import Group
from metaselect.ranking.relevance import usual_spread
from metaselect.runs.keys import distinct_keys

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-9  # a spread below this is none
_BETWEEN = "\x1f"  # between an intermediate and a kind; no name holds it
_SIGNALS: Mapping[str, Group] = {
    "log_size_intermediate": "size",
    "rasch_intermediate": "difficulty",
    "same_kind": "affinity",
}
PROVEN = "history_kind"
"""The signal of past gains, and the feature that its part is told of."""


@dataclass(frozen=True, slots=True)
class Composite:
    """A sum of standardised signals, in the unit of gains.

    Attributes:
        names: Features that are signals; `history_kind` stands for mean gains on a kind of target.
        means, scales: Of each signal over the training rows; a missing value counts as the mean.
        unit: Gain for one standard deviation of one signal.
        gain_by_kind: Mean gain by intermediate and kind of target.
        gain_by_intermediate: Mean gain where the kind is new.
        gain: Mean gain where the intermediate is new.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    unit: float
    gain_by_kind: Mapping[str, float]
    gain_by_intermediate: Mapping[str, float]
    gain: float

    @classmethod
    def fit(
        cls, rows: pd.DataFrame, table: pd.DataFrame, *, groups: Sequence[Group], like: Floats
    ) -> "tuple[Composite, Floats]":
        """Standardise the signals of some feature groups on training rows.

        Args:
            rows: Training rows of intermediates with columns query, intermediate, target_kind,
                held_out and gain.
            table: Their features.
            groups: Feature groups in use.
            like: Scores whose usual spread within a query the sum takes, shape (n_rows,).

        Returns:
            The fitted sum, and its parts for the training rows, shape (n_rows, n_signals), from
            mean gains that leave each row's unit out.
        """
        names = [name for name, group in _SIGNALS.items() if group in groups]
        names += [PROVEN] if "history" in groups else []
        values = _signals(names, table, _left_out_means(rows))
        means = np.array([np.nanmean(column) if _known(column) else 0.0 for column in values.T])
        spreads = np.array([np.nanstd(column) if _known(column) else 0.0 for column in values.T])
        scales = np.where(spreads > _ROUNDING, spreads, 1.0)
        parts = np.nan_to_num((values - means) / scales)
        codes = pd.factorize(rows["query"])[0]
        own = usual_spread(parts.sum(axis=1), codes)
        unit = usual_spread(like, codes) / own if own > 0 else 0.0
        found = cls(
            tuple(names),
            tuple(map(float, means)),
            tuple(map(float, scales)),
            float(unit),
            _means(rows["gain"].groupby(_pairs(rows))),
            _means(rows.groupby("intermediate")["gain"]),
            float(rows["gain"].mean()) if len(rows) else 0.0,
        )
        return found, np.asarray(parts * unit, dtype=np.float64)

    def parts(self, rows: pd.DataFrame, table: pd.DataFrame) -> Floats:
        """What each signal adds, shape (n_rows, n_signals), whatever other rows stand beside."""
        values = _signals(self.names, table, self._proven(rows))
        away = (values - np.array(self.means)) / np.array(self.scales)
        return np.asarray(np.nan_to_num(away) * self.unit, dtype=np.float64)

    def _proven(self, rows: pd.DataFrame) -> Floats:
        """Mean gain on targets of the kind; else on all targets; else of all intermediates."""
        codes, pairs = pd.factorize(_pairs(rows))
        found = [
            self.gain_by_kind.get(
                pair, self.gain_by_intermediate.get(pair.split(_BETWEEN)[0], self.gain)
            )
            for pair in pairs
        ]
        return np.array(found, dtype=np.float64)[codes] if len(rows) else np.empty(0)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Composite":
        """The record back from its JSON form (`dataclasses.asdict`)."""
        return cls(
            names=tuple(entry["names"]),
            means=tuple(map(float, entry["means"])),
            scales=tuple(map(float, entry["scales"])),
            unit=float(entry["unit"]),
            gain_by_kind=dict(entry["gain_by_kind"]),
            gain_by_intermediate=dict(entry["gain_by_intermediate"]),
            gain=float(entry["gain"]),
        )


def _signals(names: Sequence[str], table: pd.DataFrame, proven: Floats) -> Floats:
    columns = [
        proven if name == PROVEN else table[name].to_numpy(dtype=np.float64) for name in names
    ]
    return np.column_stack(columns) if columns else np.empty((len(table), 0))


def _left_out_means(rows: pd.DataFrame) -> Floats:
    """Mean gains of training rows by intermediate and kind, each without the row's own unit."""
    found = np.full(len(rows), np.nan)
    for keys in (("intermediate", "target_kind"), ("intermediate",)):
        (total, n_total), (own, n_own) = (
            _sums(rows["gain"], distinct_keys(rows, columns)[0])
            for columns in (keys, (*keys, "held_out"))
        )
        rest = n_total - n_own
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(rest > 0, (total - own) / rest, np.nan)
        found = np.where(np.isnan(found), means, found)
    return np.where(np.isnan(found), rows["gain"].mean(), found) if len(rows) else found


def _sums(values: pd.Series, codes: npt.NDArray[np.intp]) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Sum and number of values in each row's group, shape (n_rows,) each."""
    sums = values.groupby(codes).sum().to_numpy(dtype=np.float64)
    return sums[codes], np.bincount(codes)[codes] if len(codes) else codes


def _pairs(rows: pd.DataFrame) -> pd.Series:
    return rows["intermediate"].astype("object") + _BETWEEN + rows["target_kind"].astype("object")


def _means(groups: Any) -> dict[str, float]:
    return {str(name): float(value) for name, value in groups.mean().items()}


def _known(values: Floats) -> bool:
    return bool((~np.isnan(values)).any())
