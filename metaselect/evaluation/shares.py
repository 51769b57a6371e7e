"""How much of the gains' variance each factor carries, with targets as they are and scaled alike.

One target whose effects are many times the others' decides shares of the raw variance. So shares
are told of the gains as they are, of gains divided by their SD within the target, and of both
without the targets that are not trained.

Components are estimated by the method of moments, whatever cells are missing: half the squared
difference of two observations has as its mean the sum of the components that the two do not share;
least squares over all pairs, with no component below 0, gives them. What depends on the
observations' names alone is worked out once, so that many draws of gains cost little.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

THREE_WAY = "intermediate x target x language"
FACTORS: Mapping[str, tuple[str, ...]] = {
    "intermediate": ("intermediate",),
    "target": ("target",),
    "language": ("language",),
    "intermediate x target": ("intermediate", "target"),
    "target x language": ("target", "language"),
    "intermediate x language": ("intermediate", "language"),
    THREE_WAY: ("intermediate", "target", "language"),
    "training of the baseline": ("target", "seed"),
    "scoring of the baseline": ("target", "language", "seed"),
    "training": ("intermediate", "target", "seed"),
}
"""What observations of a gain may share; what they never share is the residual.

A gain is a difference from the baseline's score, so that the baseline's noise is shared by all
intermediates of a seed. With one seed, noise and the three-way product cannot be told apart.
"""

SCORING = "scoring"
"""The residual: what differs between seeds in one language beyond what a training shares.

Test rows are the same for every run, so this is how much the score of a model on a fixed sample
varies from seed to seed. The error of the sample itself is in no seed's favour: it stands in
`target x language` and in the three-way product, and more seeds do not average it out.
"""

_ONE_SEED = "rest (products and noise)"
_SCORING = ("scoring of the baseline", SCORING)
_TRAINING = ("training of the baseline", "training")
_N_RESAMPLES = 100
_NO_SPREAD = 1e-9  # an SD of rounding errors alone, in score


def factor_names(gains: pd.DataFrame) -> list[str]:
    """The factors of `FACTORS` that these gains can tell from the residual."""
    varied = {name for name in gains.columns if gains[name].nunique() > 1}
    return [
        name
        for name, parts in FACTORS.items()
        if set(parts) <= varied and gains.duplicated(list(parts)).any()
    ]


def codes_of(gains: pd.DataFrame) -> dict[str, Codes]:
    """Whole numbers from 0 in place of the names of each column that factors are made of."""
    columns = ("intermediate", "target", "language", "seed")
    return {name: pd.factorize(gains[name])[0].astype(np.int64) for name in columns}


def combined(columns: Mapping[str, Codes], part: Iterable[str]) -> Codes:
    """One code for each combination of some columns' values, from 0."""
    names = sorted(part)
    if not names:
        return np.zeros(len(columns["target"]), dtype=np.int64)
    codes = columns[names[0]]
    for name in names[1:]:
        joined = codes * (columns[name].max() + 1) + columns[name]
        codes = pd.factorize(joined)[0].astype(np.int64)
    return codes


class Components:
    """The components of some factors, for any gains of one set of observations.

    Args:
        columns: From `codes_of`, shape (n_gains,) each.
        names: Factors, from `factor_names`.
    """

    def __init__(self, columns: Mapping[str, Codes], names: Sequence[str]) -> None:
        self._size = len(columns["target"])
        self._parts = [frozenset(FACTORS[name]) for name in names]
        self._codes = {part: combined(columns, part) for part in self._parts}
        self._counts = {part: np.bincount(codes) for part, codes in self._codes.items()}
        self._all_pairs = self._size * (self._size - 1) / 2
        self._roots, self._vectors = _decomposed(self._normal(columns) / self._all_pairs)

    def of(self, gains: Floats) -> Floats:
        """Variances of the factors and of the residual, which is last, shape (n_names + 1,).

        Args:
            gains: In the order of the observations, shape (n_gains,).
        """
        everything = self._size * (gains**2).sum() - gains.sum() ** 2
        right = np.full(len(self._parts) + 1, everything / 2)
        for row, part in enumerate(self._parts):
            totals = np.bincount(self._codes[part], gains)
            squares = self._counts[part] @ np.bincount(self._codes[part], gains**2)
            right[row] -= (squares - totals @ totals) / 2
        right /= self._all_pairs
        unit = max(float(np.abs(right).max()), 1e-300)  # variances are small numbers
        found, _ = optimize.nnls(
            self._roots[:, None] * self._vectors.T, self._vectors.T @ right / unit / self._roots
        )
        return np.asarray(found * unit)

    def _normal(self, columns: Mapping[str, Codes]) -> Floats:
        """Normal equations of the least squares over all pairs of observations."""
        pairs: dict[frozenset[str], float] = {}

        def sharing(part: frozenset[str]) -> float:
            if part not in pairs:
                count = np.bincount(combined(columns, part)).astype(np.float64)
                pairs[part] = float((count * (count - 1)).sum() / 2)
            return pairs[part]

        size = len(self._parts) + 1
        normal = np.full((size, size), self._all_pairs)
        for row, first in enumerate(self._parts):
            normal[row, -1] -= sharing(first)
            normal[-1, row] -= sharing(first)
            for column, second in enumerate(self._parts):
                normal[row, column] += sharing(first | second) - sharing(first) - sharing(second)
        return normal


def _decomposed(normal: Floats) -> tuple[Floats, Floats]:
    """Roots of the eigenvalues that are above 0 but for rounding, and their vectors."""
    sizes, vectors = np.linalg.eigh(normal)
    kept = sizes > sizes[-1] * 1e-10
    return np.sqrt(sizes[kept]), vectors[:, kept]


@dataclass(frozen=True, slots=True)
class Share:
    """One factor's part of the gains' variance.

    Attributes:
        factor: What it is of.
        variance: In squared score; of scaled gains a pure number.
        share: Of the sum over all factors.
        low, high: 95 % of the share over targets' clusters drawn anew; None with one or two.
    """

    factor: str
    variance: float
    share: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Noise:
    """Shares of the variance that are noise: what changes from seed to seed.

    Attributes:
        share: All of it.
        training: What a training shares over its languages, its baseline's too.
        fixed_test_rows: What is left in each language: scores of trained models on the same test
            rows, its baseline's too.
    """

    share: float
    training: float
    fixed_test_rows: float


def views(gains: pd.DataFrame, untrained: Collection[str]) -> dict[str, pd.DataFrame]:
    """The gains as they are and scaled alike, of all targets and of those that are trained.

    Args:
        gains: From `seed_gains`.
        untrained: Targets without training data.

    Returns:
        `all`, `trained`, `all_scaled` and `trained_scaled`. Scaled gains are over their SD within
        the target; targets whose gains do not differ are left out. `trained` and
        `trained_scaled` are there only where some targets are untrained and others are not.
    """
    spread = gains.groupby("target")["gain"].transform("std", ddof=0)
    scaled = gains.assign(gain=gains["gain"] / spread)[spread > _NO_SPREAD]
    trained = ~gains["target"].isin(untrained)
    found = {"all": gains, "trained": gains[trained]}
    found |= {"all_scaled": scaled, "trained_scaled": scaled[trained[scaled.index]]}
    if trained.all():
        del found["trained"], found["trained_scaled"]
    return {name: rows.reset_index(drop=True) for name, rows in found.items() if len(rows)}


def variance_shares(gains: pd.DataFrame, *, seed: int) -> list[Share]:
    """Shares of the variance by factor; none where the gains cannot tell a factor apart.

    The interval draws clusters of targets anew.

    Args:
        gains: From `seed_gains` or `views`, with a column cluster.
        seed: Of the resamples.
    """
    names = factor_names(gains)
    if not names:
        return []
    columns, values = codes_of(gains), gains["gain"].to_numpy(dtype=np.float64)
    whole = Components(columns, names).of(values)
    rng = np.random.default_rng(seed)
    by_cluster = [np.asarray(rows) for rows in gains.groupby("cluster").indices.values()]
    draws = []
    for _ in range(_N_RESAMPLES if len(by_cluster) > 2 else 0):
        rows, drawn = _drawn(columns, by_cluster, rng)
        draws.append(Components(drawn, names).of(values[rows]))
    parts = np.array([found / max(found.sum(), 1e-12) for found in (whole, *draws)])
    bounds: Sequence[tuple[float | None, float | None]] = [(None, None)] * len(whole)
    if draws:
        bounds = np.quantile(parts[1:], [0.025, 0.975], axis=0).T.tolist()
    labels = [*names, SCORING if "training" in names else _ONE_SEED]
    return [
        Share(name, float(variance), float(part), *own)
        for name, variance, part, own in zip(labels, whole, parts[0], bounds, strict=True)
    ]


def noise_of(shares: Sequence[Share]) -> Noise | None:
    """How much of the variance is noise; None where one seed cannot tell."""
    found = {item.factor: item.share for item in shares}
    if SCORING not in found:
        return None
    training, scoring = (
        sum(found.get(name, 0.0) for name in names) for names in (_TRAINING, _SCORING)
    )
    return Noise(training + scoring, training, scoring)


def _drawn(
    columns: Mapping[str, Codes], by_cluster: Sequence[Codes], rng: np.random.Generator
) -> tuple[Codes, dict[str, Codes]]:
    """Rows of clusters drawn with replacement; one drawn twice counts as two, with own targets."""
    picked = rng.integers(len(by_cluster), size=len(by_cluster))
    rows = np.concatenate([by_cluster[place] for place in picked])
    turn = np.repeat(np.arange(len(picked)), [len(by_cluster[place]) for place in picked])
    drawn = {name: codes[rows] for name, codes in columns.items()}
    drawn["target"] = drawn["target"] + turn * (columns["target"].max() + 1)
    return rows, drawn
