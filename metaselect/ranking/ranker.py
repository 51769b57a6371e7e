"""TaskRanker: LightGBM as a scikit-learn estimator that ranks the candidates of queries.

It starts from a prior score where one is given (pooled history, say) and its trees learn what the
prior misses. It knows nothing of tasks: any table of candidates, gains and queries will do.

Settings that are left open follow the table's size. A table of few queries holds few independent
observations, however many rows it has: its trees stay small. The sizes were chosen on simulated
tables, from 8 queries of 10 candidates to 240 queries of 60; `experiments/bench/ranker_sizes.py`
compares them on tables that took no part in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from metaselect.ranking.relevance import LABEL_GAIN, Objective, labels, usual_spread
from metaselect.runs.keys import centred

OBJECTIVES: tuple[Objective, ...] = ("rank_regression", "lambdarank", "rank_xendcg", "regression")
REGRESSIONS: tuple[Objective, ...] = ("rank_regression", "regression")
"""Objectives that LightGBM fits row by row, without knowing of queries."""

_LEAST_WHOLE = {"n_trees": 0, "n_leaves": 2, "min_rows": 1, "n_models": 1}
_MAY_BE_OPEN = ("n_trees", "n_leaves", "min_rows", "grade_step")

Floats = npt.NDArray[np.float64]


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


class TaskRanker(BaseEstimator):  # type: ignore[misc]
    """Rank candidates within queries by gradient-boosted trees, averaged over a few seeds.

    Missing feature values (NaN) are allowed. Gains may be on any scale: they are divided by their
    usual spread within a query before LightGBM sees them. By default only their order within a
    query counts, with most weight on the top, so that a long tail of bad candidates or a few
    extreme gains do not matter.

    Three settings follow the size of the table unless they are given. More rows get more trees
    (4 × the square root of the rows, from 40 to 300) and more rows a leaf (a fortieth of the rows,
    from 5 to 20). More queries get larger trees (a leaf for every 3 queries and at most one for
    every 50 rows, from 4 to 16 leaves): the rows of one query are not independent. So 20 queries
    of 20 candidates get 80 trees of 6 leaves with 10 rows each, and 50 queries of 60 candidates
    get 219 trees of 16 leaves with 20 rows each.

    Args:
        objective: `rank_regression` is least squares on log ranks within queries; `rank_xendcg`
            and `lambdarank` learn grades; `regression` is least squares on gains centred within
            their query.
        n_trees: Boosting rounds; 0 leaves the prior alone, None follows the size of the table.
        learning_rate: Shrinkage of each tree.
        n_leaves: Leaves of a tree, 2 or more; None follows the size of the table.
        min_rows: Least rows in a leaf; None follows the size of the table.
        l2: Penalty on leaf values.
        column_share: Share of features that each tree sees.
        row_share: Share of queries' rows that each tree sees.
        grade_step: Gain worth one grade, in usual spreads; None grades by rank, with 10 for the
            best of a query, 9 for the second and 0 from the eleventh. Only for `rank_xendcg` and
            `lambdarank`.
        prior_weight: How much of the prior the trees start from; 0 ignores it.
        n_models: Models averaged, each with its own seed.
        monotone: -1, 0 or 1 for each feature, or None for no constraint.
        random_state: Seed.

    Attributes:
        boosters_: The fitted LightGBM models.
        n_trees_: Boosting rounds that were asked of each model.
        n_leaves_: Most leaves of a tree.
        min_rows_: Least rows in a leaf.
        spread_: Usual spread of gains within a query: one unit of the models' scores.
        n_features_in_: Columns of X.
    """

    def __init__(  # noqa: PLR0913 - scikit-learn keeps every setting an argument
        self,
        objective: Objective = "rank_regression",
        *,
        n_trees: "int | None" = None,
        learning_rate: float = 0.1,
        n_leaves: "int | None" = None,
        min_rows: "int | None" = None,
        l2: float = 10.0,
        column_share: float = 0.7,
        row_share: float = 0.7,
        grade_step: "float | None" = None,
        prior_weight: float = 1.0,
        n_models: int = 3,
        monotone: "list[int] | None" = None,
        random_state: "int | np.random.RandomState | None" = None,
    ) -> None:
        self.objective = objective
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.n_leaves = n_leaves
        self.min_rows = min_rows
        self.l2 = l2
        self.column_share = column_share
        self.row_share = row_share
        self.grade_step = grade_step
        self.prior_weight = prior_weight
        self.n_models = n_models
        self.monotone = monotone
        self.random_state = random_state

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        group: npt.ArrayLike | None = None,
        weight: npt.ArrayLike | None = None,
        prior: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from the gains of candidates.

        Args:
            X: Features, shape (n_rows, n_features); NaN is missing.
            y: Gains, shape (n_rows,).
            group: Query of each row, any labels, in any order; None means one query.
            weight: Weight of each row, such as 1 / (noise variance + squared standard error).
            prior: Gain expected before the trees, same unit as y.

        Raises:
            ValueError: Shapes differ, values are infinite, or a parameter is out of range.
        """
        features, gains = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True
        )
        check_settings(self.get_params(deep=False))
        codes = _query_codes(group, len(gains))
        self._resolve(sizes_for(n_rows=len(gains), n_queries=int(codes.max()) + 1))
        order = np.argsort(codes, kind="stable")  # LightGBM wants queries in one piece each
        spread = usual_spread(gains, codes)
        self.spread_ = spread if spread > 0 else 1.0
        start = _vector(prior, len(gains), "prior", 0.0) * self.prior_weight / self.spread_
        weights = _vector(weight, len(gains), "weight", 1.0)
        data = _TrainingData(features[order], gains[order] / self.spread_, codes[order])
        random = check_random_state(self.random_state)
        seeds = [int(seed) for seed in random.randint(2**31 - 1, size=self.n_models)]
        learnable = self.n_trees_ > 0 and spread > 0
        self.boosters_ = [
            self._boost(data, weights[order], start[order], seed=seed)
            for seed in (seeds if learnable else [])
        ]
        return self

    def predict(self, X: npt.ArrayLike, *, prior: npt.ArrayLike | None = None) -> Floats:
        """Scores, shape (n_rows,): higher is better; only their order within a query has meaning.

        Args:
            X: Features as in `fit`.
            prior: As in `fit`; give it here if it was given there.
        """
        check_is_fitted(self)
        features = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=False)
        scores = _vector(prior, len(features), "prior", 0.0) * self.prior_weight
        for booster in self.boosters_:
            raw = np.asarray(booster.predict(features, num_threads=1))
            scores += raw * (self.spread_ / len(self.boosters_))
        return scores

    def contributions(self, X: npt.ArrayLike) -> Floats:
        """What each feature adds to the trees' score, shape (n_rows, n_features); sums to it.

        LightGBM's own TreeSHAP values, averaged over the models, without the constant.
        """
        check_is_fitted(self)
        features = validate_data(self, X, dtype=np.float64, ensure_all_finite=False, reset=False)
        total = np.zeros(features.shape)
        for booster in self.boosters_:
            shap = np.asarray(booster.predict(features, pred_contrib=True, num_threads=1))
            total += shap[:, :-1] * (self.spread_ / len(self.boosters_))
        return total

    def __sklearn_tags__(self) -> Any:
        """NaN is allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags

    def _boost(
        self, data: "_TrainingData", weights: Floats, start: Floats, *, seed: int
    ) -> lightgbm.Booster:
        is_regression = self.objective in REGRESSIONS
        dataset = lightgbm.Dataset(
            data.features,
            labels(data.gains, data.codes, objective=self.objective, step=self.grade_step),
            group=None if is_regression else np.bincount(data.codes),
            weight=weights / weights.mean(),
            init_score=centred(start, data.codes) if is_regression else start,
            params={"max_bin": 63, "verbose": -1, "min_data_in_bin": 1},
        )
        return lightgbm.train(self._parameters(seed), dataset, num_boost_round=self.n_trees_)

    def _resolve(self, sizes: TreeSizes) -> None:
        """Keep what was given and take the rest from the size of the table."""
        self.n_trees_ = sizes.n_trees if self.n_trees is None else self.n_trees
        self.n_leaves_ = sizes.n_leaves if self.n_leaves is None else self.n_leaves
        self.min_rows_ = sizes.min_rows if self.min_rows is None else self.min_rows

    def _parameters(self, seed: int) -> dict[str, Any]:
        constraint = {} if self.monotone is None else {"monotone_constraints": self.monotone}
        is_regression = self.objective in REGRESSIONS
        ranking = {"label_gain": LABEL_GAIN, "lambdarank_truncation_level": 5}
        return {
            "objective": "regression" if is_regression else self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.n_leaves_,
            "min_data_in_leaf": self.min_rows_,
            "lambda_l2": self.l2,
            "feature_fraction": self.column_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "max_bin": 63,
            "seed": seed,
            "num_threads": 1,  # several spin on small tables
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
            **constraint,
            **({} if is_regression else ranking),
        }


class _TrainingData:
    """Rows in one piece for each query."""

    __slots__ = ("codes", "features", "gains")

    def __init__(self, features: Floats, gains: Floats, codes: npt.NDArray[np.intp]) -> None:
        self.features = features
        self.gains = gains
        self.codes = codes


def _query_codes(group: npt.ArrayLike | None, n_rows: int) -> npt.NDArray[np.intp]:
    if group is None:
        return np.zeros(n_rows, dtype=np.intp)
    labels = np.asarray(group)
    if labels.shape != (n_rows,):
        raise ValueError(f"group has shape {labels.shape}, but there are {n_rows} rows")
    return np.unique(labels.astype(str), return_inverse=True)[1]


def _vector(values: npt.ArrayLike | None, n_rows: int, name: str, default: float) -> Floats:
    if values is None:
        return np.full(n_rows, default)
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (n_rows,) or not np.isfinite(vector).all():
        raise ValueError(f"{name} needs {n_rows} finite numbers, got shape {vector.shape}")
    return vector
