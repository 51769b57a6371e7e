"""Settings of `TaskRanker`: their ranges, and what the size of a table makes of those left open.

A table of few queries holds few independent observations, however many rows it has: its trees
stay small. The sizes were chosen on simulated tables, from 8 queries of 10 candidates to 240
queries of 60; `experiments/bench/ranker_sizes.py` compares them on tables that took no part in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from metaselect.ranking.relevance import Objective

OBJECTIVES: tuple[Objective, ...] = ("rank_regression", "lambdarank", "rank_xendcg", "regression")
REGRESSIONS: tuple[Objective, ...] = ("rank_regression", "regression")
"""Objectives that LightGBM fits row by row, without knowing of queries."""

_LEAST_WHOLE = {"n_trees": 0, "n_leaves": 2, "min_rows": 1, "n_models": 1}
_MAY_BE_OPEN = ("n_trees", "n_leaves", "min_rows", "grade_step")


@dataclass(frozen=True, slots=True)
class TreeSizes:
    """How many trees a ranker has and how large they are."""

    n_trees: int
    n_leaves: int
    min_rows: int


def sizes_for(*, n_rows: int, n_queries: int) -> TreeSizes:
    """Sizes of trees for a table; `TaskRanker` says the same in words.

    Args:
        n_rows: Rows of the table, that is, queries × candidates of a query.
        n_queries: Queries of the table.

    Example:
        >>> sizes_for(n_rows=20 * 20, n_queries=20)
        TreeSizes(n_trees=80, n_leaves=6, min_rows=10)
        >>> sizes_for(n_rows=50 * 60, n_queries=50)
        TreeSizes(n_trees=219, n_leaves=16, min_rows=20)
    """
    return TreeSizes(
        n_trees=int(np.clip(4 * n_rows**0.5, 40, 300)),
        n_leaves=int(np.clip(min(n_queries // 3, n_rows // 50), 4, 16)),
        min_rows=int(np.clip(n_rows // 40, 5, 20)),
    )


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse what LightGBM would choke on.

    Args:
        settings: Every argument of `TaskRanker` by name; None leaves one open where it may be.

    Raises:
        ValueError: A setting is out of its range.
    """
    if settings["objective"] not in OBJECTIVES:
        raise ValueError(f"objective must be one of {OBJECTIVES}, got {settings['objective']!r}")
    open_ones = {name for name in _MAY_BE_OPEN if settings[name] is None}
    for name, least in _LEAST_WHOLE.items():
        value = settings[name]
        if name not in open_ones and (not isinstance(value, Integral) or int(value) < least):
            raise ValueError(f"{name} must be a whole number from {least}, got {value!r}")
    for name in ("learning_rate", "grade_step", "column_share", "row_share"):
        value = settings[name]
        if name not in open_ones and (not isinstance(value, Real) or not float(value) > 0):
            raise ValueError(f"{name} must be above 0, got {value!r}")
    for name in ("column_share", "row_share"):
        if settings[name] > 1:
            raise ValueError(f"{name} must be at most 1, got {settings[name]!r}")
    for name in ("l2", "prior_weight"):
        value = settings[name]
        if not isinstance(value, Real) or not 0 <= float(value) < np.inf:
            raise ValueError(f"{name} must be at least 0 and finite, got {value!r}")
