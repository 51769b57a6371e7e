"""What a target tells as an intermediate: its own gains elsewhere, and whose gains are like its.

Many targets are intermediates of other runs. A task that helps the same targets as the query's
target does is likely to help that target; and two tasks often help each other. Only gains of
training rows enter; for a training row, those of its own unit and its own target are left out.

Source:
    Our own; on TaskWeb both go along with gains beyond an intermediate's popularity.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.features.base import Feature, Floats, Values, World
from metaselect.runs.gains import with_known_gain
from metaselect.runs.keys import standardised

WHOLE = ""
"""Name of the table with all units."""

_LEAST_SHARED = 4  # targets that two profiles share, for a correlation
_FARTHEST = 1000.0  # standard deviations: the root of a million candidates
_PRIOR_SHARED = 4.0  # shared targets at which a correlation is halved


class Profiles:
    """Standardised mean gains of training rows by intermediate and target, and their source."""

    def __init__(
        self,
        intermediates: Sequence[str],
        targets: Sequence[str],
        gains: Mapping[str, Floats],
        sources: Mapping[str, str],
    ) -> None:
        """Take computed tables; use `fit`.

        Args:
            intermediates: What rows of the tables are of.
            targets: What columns of the tables are of.
            gains: Mean standardised gains, shape (n_intermediates, n_targets), NaN where there is
                none: with all units by the name `WHOLE`, and without one unit each by its name.
            sources: The task whose training data each task has, by name.
        """
        self.intermediates = list(intermediates)
        self.targets = list(targets)
        self.gains = dict(gains)
        self.sources = dict(sources)
        self._row = {name: place for place, name in enumerate(self.intermediates)}
        self._source = np.array([self.sources[name] for name in self.targets], dtype=object)
        self._name = np.array(self.targets, dtype=object)
        self._found: dict[tuple[str, str, str], tuple[float, float]] = {}

    @classmethod
    def fit(cls, rows: pd.DataFrame, catalogue: Catalogue, *, leave_out: bool) -> "Profiles":
        """Mean gains of training rows, standardised within their query.

        Args:
            rows: Prepared rows with gain, query and held_out; rows of `direct` and NaN gains are
                left out.
            catalogue: Cards, for the tasks that share training data.
            leave_out: Also without each unit in `held_out`, as features of the training rows
                themselves need.
        """
        known = with_known_gain(rows)
        row, intermediates = pd.factorize(known["intermediate"], sort=True)
        column, targets = pd.factorize(known["target"], sort=True)
        unit, units = pd.factorize(known["held_out"], sort=True)
        cell, shape = row * len(targets) + column, (len(intermediates), len(targets))
        gain = known["gain"].to_numpy(dtype=np.float64)
        query = pd.factorize(known["query"])[0]

        def means(kept: npt.NDArray[np.bool_]) -> Floats:
            z = standardised(gain[kept], query[kept])
            n_cells = shape[0] * shape[1]
            sums = np.bincount(cell[kept], z, minlength=n_cells)
            counts = np.bincount(cell[kept], minlength=n_cells)
            found = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
            return np.asarray(found.reshape(shape), dtype=np.float64)

        gains = {WHOLE: means(np.ones(len(known), dtype=bool))}
        if leave_out:
            gains |= {str(name): means(unit != place) for place, name in enumerate(units)}
        names = {str(name) for name in (*intermediates, *targets)}
        sources = {name: catalogue.training_source(name) for name in sorted(names)}
        return cls([str(n) for n in intermediates], [str(n) for n in targets], gains, sources)

    def of(self, keys: pd.DataFrame) -> Floats:
        """Likeness and reciprocal gain, shape (n_keys, 2), of columns intermediate, target and
        held_out; NaN where nothing is known, 0 for `direct`.
        """
        columns = (keys[name].astype(str) for name in ("intermediate", "target", "held_out"))
        found = [self._pair(*key) for key in zip(*columns, strict=True)]
        return np.array(found, dtype=np.float64).reshape(len(keys), 2)

    def _pair(self, task: str, target: str, unit: str) -> tuple[float, float]:
        if task == DIRECT:
            return 0.0, 0.0
        known = unit if unit in self.gains else WHOLE
        key = (task, target, known)
        if key not in self._found:
            self._found[key] = self._computed(task, target, self.gains[known])
        return self._found[key]

    def _computed(self, task: str, target: str, gains: Floats) -> tuple[float, float]:
        """Likeness of a task's gains to the target's own, and the target's gain for the task."""
        source = self.sources.get(target, target)
        twin = next((name for name in (target, source) if name in self._row), None)
        if twin is None or twin == task:
            return np.nan, np.nan
        others = self._source != source
        own = gains[self._row[twin]]
        likeness = np.nan
        if task in self._row:
            apart = others & (self._name != task) & (self._name != twin)
            likeness = _correlation(gains[self._row[task]][apart], own[apart])
        back = own[others & ((self._name == task) | (self._source == task)) & ~np.isnan(own)]
        return likeness, float(back.mean()) if len(back) else np.nan


def _correlation(first: Floats, second: Floats) -> float:
    """Pearson correlation over the places that both have, drawn towards 0."""
    both = ~(np.isnan(first) | np.isnan(second))
    n_shared = int(both.sum())
    if n_shared < _LEAST_SHARED:
        return np.nan
    one, other = (values[both] - values[both].mean() for values in (first, second))
    size = float(np.sqrt((one @ one) * (other @ other)))
    if not size > 0:
        return np.nan
    return float(np.clip(one @ other / size, -1, 1)) * n_shared / (n_shared + _PRIOR_SHARED)


def _values(place: int) -> Values:
    def values(keys: pd.DataFrame, world: World) -> Floats:
        if world.profiles is None:
            return np.full(len(keys), np.nan)
        return world.profiles.of(keys)[:, place]

    return values


def _feature(name: str, place: int, words: str, unit: str, reach: float) -> Feature:
    return Feature(
        name=name,
        groups=("history",),
        keys=("intermediate", "target", "held_out"),
        words=words,
        unit=unit,
        low=-reach,
        high=reach,
        missing="the target is no intermediate of the training runs, or too little is shared",
        source="gains of training runs, units and target of the row left out",
        values=_values(place),
    )


FEATURES = (
    _feature("profile_likeness", 0, "likeness of its gains to the target's own", "", 1.0),
    _feature("reciprocal_gain", 1, "what the target gives to it", "standard deviations", _FARTHEST),
)
