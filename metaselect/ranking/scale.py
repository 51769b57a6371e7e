"""From scores to expected gains: a slope within queries, and a level for each target.

A score orders the candidates of one query. How much a better score is worth is learnt within
queries alone; how much intermediates gain at all is learnt from the targets, since it differs
between them by more than candidates do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.ranking.relevance import spread_roots
from metaselect.runs.keys import centred

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_LEAST_SLOPE = 1e-3  # keeps the order of candidates; expectations then hardly differ
_OWN_QUERIES = 1.0  # what is known of targets in general counts as one query of a target


@dataclass(frozen=True, slots=True)
class GainScale:
    """Expected gain = level + slope x root x score.

    Scores are learnt from gains over the root of their query's relative spread: the root of a
    target, where it is known, turns them back.

    Attributes:
        slope: Gain for one unit of score, above 0.
        level: Of a target that no run tells of.
        untrained_level: The same for tasks without training data, such as retrieval with frozen
            vectors; where no such task was seen, `level`.
        level_by_target: Of targets seen, drawn towards the level of their like.
        root_by_target: Root of the relative spread of gains on targets seen, drawn towards 1.
    """

    slope: float
    level: float
    untrained_level: float
    level_by_target: Mapping[str, float]
    root_by_target: Mapping[str, float]

    def gain(self, scores: Floats, rows: pd.DataFrame) -> Floats:
        """Expected gains of scores, same shape; rows have columns target and untrained."""
        return self.slopes(rows) * scores + self.levels(rows)

    def slopes(self, rows: pd.DataFrame) -> Floats:
        """Gain for one unit of score of each row's target, shape (n_rows,)."""
        codes, names = pd.factorize(rows["target"])
        roots = np.array([self.root_by_target.get(str(name), 1.0) for name in names])
        return self.slope * roots[codes] if len(names) else np.empty(0)

    def levels(self, rows: pd.DataFrame) -> Floats:
        """Level of each row's target, shape (n_rows,)."""
        codes, names = pd.factorize(rows["target"])
        known = np.array([self.level_by_target.get(str(name), np.nan) for name in names])
        untrained = rows["untrained"].to_numpy(dtype=bool)
        unknown = np.where(untrained, self.untrained_level, self.level)
        own = known[codes] if len(names) else np.empty(0)
        return np.where(np.isnan(own), unknown, own)

    @classmethod
    def fit(cls, scores: Floats, rows: pd.DataFrame) -> "GainScale":
        """Learn slope and levels from rows that the scores were not fitted on.

        The slope is least squares within the rows of a query that one model scored, on gains over
        their query's root, each cluster weighing the same; it never turns the ranking round.
        Levels are means over queries, then targets, then clusters. Fewer than three rows tell
        nothing: the score then counts as the gain.

        Args:
            scores: Shape (n_rows,).
            rows: With columns query, cluster, target, untrained, gain (known) and fold: rows of
                one fold were scored by one model, and scores of two models differ by a constant.
        """
        if len(rows) < 3:
            return cls(1.0, 0.0, 0.0, {}, {})
        gains = rows["gain"].to_numpy(dtype=np.float64)
        query, first = _codes(rows["query"])
        cluster, _ = _codes(rows["cluster"])
        model = pd.factorize(rows["fold"])[0]
        alike = pd.factorize(query * (int(model.max()) + 1) + model)[0]
        root = spread_roots(gains, query)
        slope = _slope(scores, gains / root[query], alike, cluster)
        target, names = pd.factorize(rows["target"].iloc[first])
        n_queries = np.bincount(target)
        share = n_queries / (n_queries + _OWN_QUERIES)
        roots = np.exp(share * _means(np.log(root), target))
        by_query = _means(gains - slope * roots[target][query] * scores, query)
        by_target = _means(by_query, target)
        _, of_target = np.unique(target, return_index=True)
        untrained = rows["untrained"].to_numpy(dtype=bool)[first][of_target]
        own_cluster = cluster[first][of_target]
        level, untrained_level = _levels(by_target, own_cluster, untrained)
        like = np.where(untrained, untrained_level, level)
        own = like + share * (by_target - like)
        tables = (
            dict(zip(map(str, names), values.tolist(), strict=True)) for values in (own, roots)
        )
        return cls(slope, level, untrained_level, *tables)


def _levels(by_target: Floats, cluster: Codes, untrained: Flags) -> tuple[float, float]:
    """Mean over clusters of trained targets' levels and of untrained ones'; else over all."""
    found = [
        float(_means(by_target[own], np.unique(cluster[own], return_inverse=True)[1]).mean())
        if own.any()
        else None
        for own in (~untrained, untrained)
    ]
    level = found[0] if found[0] is not None else found[1]
    return level or 0.0, found[1] if found[1] is not None else level or 0.0


def _slope(scores: Floats, gains: Floats, alike: Codes, cluster: Codes) -> float:
    """Least squares of gains on scores within groups, each cluster weighing the same."""
    score, gain = centred(scores, alike), centred(gains, alike)
    weight = 1.0 / np.bincount(cluster)[cluster]
    own = float(weight @ score**2)
    return max(float(weight @ (score * gain)) / own, _LEAST_SLOPE) if own > 0 else 1.0


def _codes(names: pd.Series) -> tuple[Codes, Codes]:
    """Codes of names, and the first place of each."""
    codes = pd.factorize(names)[0]
    return codes, np.unique(codes, return_index=True)[1]


def _means(values: Floats, codes: Codes) -> Floats:
    return np.asarray(np.bincount(codes, values) / np.bincount(codes), dtype=np.float64)
