"""How large a three-way effect must be for the variance shares of these gains to show it.

"Nothing depends on the language" says little where the estimator could not have seen it. So the
gains are stripped of what seeds agree on, effects of intermediate x target x language of known SD
are injected, and the smallest one that is recovered is reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metaselect.evaluation.components import (
    THREE_WAY,
    Codes,
    Components,
    Floats,
    codes_of,
    combined,
    factor_names,
)

_LEVEL = 0.95
_POWER = 0.8
_N_WITHOUT = 200
_N_DRAWS = 100
_SIZES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.8, 1.0)
"""SDs of effects to try, as multiples of the SD of gains within targets."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How often an effect of one size is recovered.

    Attributes:
        sd: Of the injected effect, in the gains' unit.
        recovered: Share of the draws whose estimate is above the threshold.
    """

    sd: float
    recovered: float


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What the variance shares show of an effect of intermediate x target x language.

    Attributes:
        observed: The product's share of the variance of the gains as they are.
        threshold: The 95 % quantile of that share over draws without an effect. An effect is
            recovered in a draw whose share is above it.
        p: How likely a share as high as the observed one is without an effect: by the draws, with
            the observed gains counted as one of them.
        detectable: The smallest SD that is recovered in at least 80 % of its draws, in the gains'
            unit; None where not even the SD of the gains within targets is.
        tried: Every SD tried, ascending, up to the detectable one.
        n_without: Draws without an effect.
        n_draws: Draws with an effect of each SD.
    """

    observed: float
    threshold: float
    p: float
    detectable: float | None
    tried: tuple[Recovery, ...]
    n_without: int
    n_draws: int


def language_sensitivity(gains: pd.DataFrame, *, seed: int) -> Sensitivity | None:
    """The smallest effect of intermediate x target x language that these gains would show.

    A draw without an effect keeps the size of the gains' noise and loses what seeds agree on: the
    residuals from the means over languages and over intermediates of each target and seed are
    multiplied by random signs. A draw with an effect adds to that a normal number for each
    intermediate, target and language, the same for all seeds.

    The error of a fixed test sample is the same for all seeds. It counts as an effect here, as it
    does in the shares.

    Args:
        gains: From `seed_gains` or `shares.views`.
        seed: Of the draws.

    Returns:
        None where the gains cannot tell the product from noise, as with one seed.
    """
    names = factor_names(gains)
    if THREE_WAY not in names or "training" not in names:
        return None
    columns, values = codes_of(gains), gains["gain"].to_numpy(dtype=np.float64)
    components, place = Components(columns, names), names.index(THREE_WAY)
    cell = combined(columns, ("intermediate", "target", "language"))
    fitted, residuals = _fitted(values, columns)
    rng = np.random.default_rng(seed)

    def share(drawn: Floats) -> float:
        found = components.of(drawn)
        return float(found[place] / max(found.sum(), 1e-300))

    def drawn_share(sd: float) -> float:
        signs = rng.choice((-1.0, 1.0), size=len(values))
        effect = sd * rng.standard_normal(int(cell.max()) + 1)
        return share(fitted + signs * residuals + effect[cell])

    without = np.array([drawn_share(0.0) for _ in range(_N_WITHOUT)])
    threshold, observed = float(np.quantile(without, _LEVEL)), share(values)
    spread = float(np.std(values - _means(values, columns["target"])))
    tried: list[Recovery] = []
    for sd in (size * spread for size in _SIZES):
        above = np.mean([drawn_share(sd) > threshold for _ in range(_N_DRAWS)])
        tried.append(Recovery(sd, float(above)))
        if above >= _POWER:
            break
    return Sensitivity(
        observed=observed,
        threshold=threshold,
        p=float((1 + np.sum(without >= observed)) / (1 + _N_WITHOUT)),
        detectable=tried[-1].sd if tried[-1].recovered >= _POWER else None,
        tried=tuple(tried),
        n_without=_N_WITHOUT,
        n_draws=_N_DRAWS,
    )


def _fitted(values: Floats, columns: Mapping[str, Codes]) -> tuple[Floats, Floats]:
    """Gains by the means over languages and over intermediates, and what these leave.

    Both within a target and seed. The residuals are scaled up for the means that were fitted, so
    that they vary as much as the noise does.
    """
    block, row, column = (
        combined(columns, (*own, "target", "seed"))
        for own in ((), ("intermediate",), ("language",))
    )
    fitted = _means(values, row) + _means(values, column) - _means(values, block)
    n_all = np.bincount(block)
    n_rows, n_columns = (
        np.bincount(pd.Series(block).groupby(codes).first()) for codes in (row, column)
    )
    free = np.maximum((n_rows - 1) * (n_columns - 1), 1)
    return fitted, (values - fitted) * np.sqrt(n_all / free)[block]


def _means(values: Floats, codes: Codes) -> Floats:
    """The mean of each value's group."""
    return np.asarray((np.bincount(codes, values) / np.bincount(codes))[codes])
