"""Intervals for gains that hold for a new cluster: hierarchical split conformal prediction.

Rows of one target are not exchangeable with another's; clusters are. Residuals of K clusters, each
cluster weighing the same, plus one that is unknown and so infinite, give an interval that covers a
row of a new cluster with at least the level asked, and none where K clusters cannot tell.

Source:
    Lee, Barber and Willett 2023 (arXiv 2306.06342), hierarchical conformal prediction.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ConformalRadius:
    """Half-width of intervals around expected gains.

    Attributes:
        level: Coverage asked, such as 0.9.
        n_clusters: Clusters that residuals came from.
        radius: In gain; None where so few clusters allow no finite interval at that level.
    """

    level: float
    n_clusters: int
    radius: float | None

    @property
    def highest_level(self) -> float:
        """The highest level that this many clusters allow."""
        return self.n_clusters / (self.n_clusters + 1)

    def describe(self) -> str:
        """What a reader should know of the intervals, in a sentence."""
        if self.radius is not None:
            return f"{self.level:.0%} intervals from {self.n_clusters} clusters of targets"
        needed = math.ceil(round(self.level / (1 - self.level), 9))
        return (
            f"no {self.level:.0%} interval: it needs {needed} clusters of targets, there are "
            f"{self.n_clusters} (enough for {self.highest_level:.0%})"
        )


def conformal_radius(
    residuals: Floats, clusters: npt.NDArray[np.object_], *, level: float
) -> ConformalRadius:
    """The half-width that covers a row of a new cluster with probability `level`.

    Args:
        residuals: Observed minus expected gain of rows that the model had not seen, shape (n,);
            NaN is left out.
        clusters: Cluster of each row, same shape.
        level: Between 0 and 1, both excluded.

    Raises:
        ValueError: level out of range.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level=}")
    known = ~np.isnan(residuals)
    sizes = np.abs(residuals[known])
    names, codes = np.unique(clusters[known].astype(str), return_inverse=True)
    if not len(names):
        return ConformalRadius(level, 0, None)
    weights = 1.0 / (np.bincount(codes)[codes] * (len(names) + 1))
    order = np.argsort(sizes, kind="stable")
    reached = np.cumsum(weights[order])
    enough = np.flatnonzero(reached >= level - 1e-12)
    radius = float(sizes[order][enough[0]]) if len(enough) else None
    return ConformalRadius(level, len(names), radius)
