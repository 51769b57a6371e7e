"""How much of the gains' variance each factor carries, with targets as they are and scaled alike.

One target whose effects are many times the others' decides shares of the raw variance. So shares
are told of the gains as they are, of gains divided by their SD within the target, and of both
without the targets that are not trained.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metaselect.evaluation.components import Codes, Components, codes_of, factor_names

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
