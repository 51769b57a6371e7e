"""Gains already known, partially pooled: all targets, same kind, same study, nearest of all.

The gain of intermediate i in a query q is modelled as a sum of random effects,

    gain = popularity[i] + study[i, study] + kind[i, kind of target] + ... + level[q] + noise,

each effect normal around zero with a standard deviation of its own, so that a mean over few
observations is drawn towards the more general ones (best linear unbiased prediction; Henderson
1975, Biometrics 31:423). The level of the query is integrated out. For a row that was itself used
in the fit, effects are solved again without the rows of its unit (`held_out`), so that no row ever
sees its own answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sparse
from scipy.linalg import solve

from metaselect.catalogue.tasks import DIRECT
from metaselect.features.base import Feature, Floats, Values, World
from metaselect.runs.gains import with_known_gain

_SEPARATOR = "\x1f"  # between the names of a level; no name holds it
_MOST_SOLVES = 10  # units beyond which several are left out at a time
_MOST_DENSE = 3000  # effects beyond which conjugate gradients beat a dense solve


@dataclass(frozen=True, slots=True)
class Effect:
    """A random effect: one level for each combination of its columns.

    Attributes:
        name: Short name, also the feature's.
        columns: Columns that identify a level; the first names the intermediate or its kind.
        words: For people.
    """

    name: str
    columns: tuple[str, ...]
    words: str


EFFECTS = (
    Effect("popularity", ("intermediate",), "its mean gain over all targets"),
    Effect("study", ("intermediate", "study"), "its mean gain in this study"),
    Effect("kind", ("intermediate", "target_kind"), "its gain on targets of the same kind"),
    Effect("kinds", ("intermediate_kind", "target_kind"), "gain between these kinds of task"),
    Effect("siblings", ("intermediate_kind", "target"), "gain of like intermediates on the target"),
    Effect("pair", ("intermediate", "target"), "its gain on this target elsewhere"),
    Effect("family", ("intermediate", "family"), "its gain in this language family"),
)


@dataclass(frozen=True, slots=True)
class Pooling:
    """How far each effect may move, in units of the usual spread of gains within a query.

    Attributes:
        spreads: Standard deviation by effect name; an effect left out, or 0, plays no part.
        level: Standard deviation of a query's common level.
        noise: Standard deviation of what no effect explains, beside the known standard error.
    """

    spreads: Mapping[str, float]
    level: float
    noise: float


class History:
    """Pooled effects of training gains, with and without each unit of the training rows."""

    def __init__(
        self,
        levels: Mapping[str, pd.Index],
        values: Mapping[str, Floats],
        without: Mapping[str, int],
    ) -> None:
        """Take solved effects; use `fit`.

        Args:
            levels: Index of known levels by effect.
            values: By effect, shape (1 + n_solves, n_levels): with all units, then without some.
            without: The row of `values` that was solved without a unit, by the unit's name.
        """
        self.levels = dict(levels)
        self.values = dict(values)
        self.without = dict(without)

    @classmethod
    def fit(cls, rows: pd.DataFrame, *, pooling: Pooling, leave_out: bool) -> "History":
        """Solve the effects of training rows.

        Args:
            rows: Prepared rows (`features.table.prepare`) with gain, gain_se, query and held_out;
                rows of `direct`, and NaN gains, are left out.
            pooling: The effects' spreads.
            leave_out: Also solve without each unit in `held_out`, as features of the training
                rows themselves need; many units are left out several at a time.
        """
        known = with_known_gain(rows)
        design, levels = _design(known, pooling)
        scale = _median_query_sd(known)
        system = _System(known, design, pooling=pooling, scale=scale)
        units = sorted(known["held_out"].unique()) if leave_out else []
        parts = [units[start::_MOST_SOLVES] for start in range(min(_MOST_SOLVES, len(units)))]
        solved = [system.solve([]), *(system.solve(part) for part in parts)]
        without = {unit: row for row, part in enumerate(parts, start=1) for unit in part}
        stacked = np.stack(solved) if len(known) else np.empty((1, 0))
        values, start = {}, 0
        for name, index in levels.items():
            part = stacked[:, start : start + len(index)]
            values[name] = part * pooling.spreads[name] * scale
            start += len(index)
        return cls(levels, values, without)

    def value(self, effect: Effect, keys: pd.DataFrame) -> Floats:
        """An effect for rows of keys (its columns and held_out), as a gain fraction.

        NaN where nothing is known of the level; 0 for `direct`.
        """
        result = np.full(len(keys), np.nan)
        if len(self.levels.get(effect.name, ())) and len(keys):
            found = self.levels[effect.name].get_indexer(_level_index(keys, effect.columns))
            table = self.values[effect.name]
            row = np.array([self.without.get(unit, 0) for unit in keys["held_out"]])
            result = np.where(found >= 0, table[row, found], np.nan)
        result[(keys[effect.columns[0]] == DIRECT).to_numpy(dtype=bool)] = 0.0
        return result


def prior_gain(parts: pd.DataFrame) -> Floats:
    """Pooled gain, the sum of the known effects; 0 where none is known. Shape (n_rows,)."""
    return parts.fillna(0.0).sum(axis="columns").to_numpy(dtype=np.float64)


class _System:
    """The mixed model's equations, to be solved with all rows or without one unit's."""

    def __init__(
        self, rows: pd.DataFrame, design: sparse.csr_matrix, *, pooling: Pooling, scale: float
    ) -> None:
        error = rows["score_se"].fillna(0.0).to_numpy(dtype=np.float64) / scale
        self.weight = 1.0 / (pooling.noise**2 + error**2)
        self.gain = rows["gain"].to_numpy(dtype=np.float64) / scale
        self.design = design
        self.query = pd.factorize(rows["query"])[0]
        self.units = rows["held_out"].to_numpy(dtype=object)
        self.level = pooling.level**2

    def _equations(self, kept: npt.NDArray[np.intp]) -> tuple[sparse.csr_matrix, Floats, Floats]:
        """Left side, right side and observations a level, with query levels integrated out."""
        design, weight, gain = self.design[kept], self.weight[kept], self.gain[kept]
        codes, _ = pd.factorize(self.query[kept])
        n_queries = int(codes.max()) + 1 if len(codes) else 0
        members = sparse.csr_matrix(
            (weight, (codes, np.arange(len(kept)))), shape=(n_queries, len(kept))
        )
        total = np.asarray(members.sum(axis=1)).ravel()
        shrink = sparse.diags_array(self.level / (1.0 + self.level * total))
        by_query = members @ design
        weighted = sparse.diags_array(weight) @ design
        left = design.T @ weighted - by_query.T @ shrink @ by_query
        right = weighted.T @ gain - by_query.T @ (shrink @ (members @ gain))
        counts = np.bincount(design.indices, minlength=design.shape[1]).astype(np.float64)
        return sparse.csr_matrix(left), np.asarray(right), counts

    def solve(self, without: Sequence[str]) -> Floats:
        """Standardised effects; NaN for levels that no kept row informs."""
        kept = np.flatnonzero(~np.isin(self.units, list(without)))
        left, right, counts = self._equations(kept)
        n_levels = len(right)
        if n_levels == 0:
            return np.empty(0)
        ridge = left + sparse.eye_array(n_levels)
        effects = (
            solve(ridge.toarray(), right, assume_a="pos", check_finite=False)
            if n_levels <= _MOST_DENSE
            else sparse.linalg.cg(ridge, right, rtol=1e-8, maxiter=500)[0]
        )
        return np.where(counts > 0, effects, np.nan)


def _design(rows: pd.DataFrame, pooling: Pooling) -> tuple[sparse.csr_matrix, dict[str, pd.Index]]:
    """Indicator columns of every level, scaled by its effect's spread."""
    blocks, levels = [], {}
    for effect in EFFECTS:
        spread = pooling.spreads.get(effect.name, 0.0)
        if spread <= 0.0:
            continue
        codes, index = pd.factorize(_level_index(rows, effect.columns))
        if _within_units(codes, rows["held_out"]):
            continue  # it can tell nothing about another unit
        levels[effect.name] = pd.Index(index)
        shape = (len(rows), len(index))
        blocks.append(
            sparse.csr_matrix((np.full(len(rows), spread), (np.arange(len(rows)), codes)), shape)
        )
    empty = sparse.csr_matrix((len(rows), 0))
    return sparse.csr_matrix(sparse.hstack(blocks)) if blocks else empty, levels


def _within_units(codes: npt.NDArray[np.intp], units: pd.Series) -> bool:
    """Whether every level lies in one unit; False where there is only one unit anyway."""
    unit_codes, names = pd.factorize(units)
    n_levels = int(codes.max()) + 1 if len(codes) else 0
    pairs = np.unique(codes.astype(np.int64) * max(len(names), 1) + unit_codes)
    return len(names) > 1 and len(pairs) == n_levels


def _level_index(rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.Index:
    parts = [rows[name].to_numpy(dtype=object) for name in columns]
    return pd.Index(sum((_SEPARATOR + part for part in parts[1:]), parts[0]), dtype=object)


def _median_query_sd(rows: pd.DataFrame) -> float:
    """Median over queries of the standard deviation of gains, where they vary; else 1e-6."""
    spreads = rows.groupby("query")["gain"].std()
    varying = spreads[spreads > 0]
    return max(float(varying.median()), 1e-6) if len(varying) else 1e-6


def _values(effect: Effect) -> Values:
    def values(keys: pd.DataFrame, world: World) -> Floats:
        if world.history is None:
            return np.full(len(keys), np.nan)
        return world.history.value(effect, keys)

    return values


FEATURES = tuple(
    Feature(
        name=f"history_{effect.name}",
        groups=("history",),
        keys=(*effect.columns, "held_out"),
        words=effect.words,
        unit="gain",
        low=-2.0,
        high=2.0,
        missing="no training run tells of it",
        source="best linear unbiased prediction (Henderson 1975), units of the row left out",
        values=_values(effect),
    )
    for effect in EFFECTS
)
