"""TaskRanker: LightGBM as a scikit-learn estimator that ranks the candidates of queries.

It starts from a prior score where one is given (pooled history, say) and its trees learn what the
prior misses. It knows nothing of tasks: any table of candidates, gains and queries will do.
"""

from numbers import Integral, Real
from typing import Any, Literal, Self

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from metaselect.ranking.relevance import LABEL_GAIN, centred, grades, usual_spread

Objective = Literal["lambdarank", "rank_xendcg", "regression"]
OBJECTIVES: tuple[Objective, ...] = ("lambdarank", "rank_xendcg", "regression")
Floats = npt.NDArray[np.float64]


class TaskRanker(BaseEstimator):  # type: ignore[misc]
    """Rank candidates within queries by gradient-boosted trees, averaged over a few seeds.

    Missing feature values (NaN) are allowed. Gains may be on any scale: they are divided by their
    usual spread within a query before LightGBM sees them.

    Args:
        objective: `rank_xendcg` or `lambdarank` on graded gains, or `regression` on gains centred
            within their query.
        n_trees: Boosting rounds; 0 leaves the prior alone.
        learning_rate: Shrinkage of each tree.
        n_leaves: Leaves of a tree, 2 or more.
        min_rows: Least rows in a leaf.
        l2: Penalty on leaf values.
        column_share: Share of features that each tree sees.
        row_share: Share of queries' rows that each tree sees.
        grade_step: Gain worth one grade, in usual spreads.
        prior_weight: How much of the prior the trees start from; 0 ignores it.
        n_models: Models averaged, each with its own seed.
        monotone: -1, 0 or 1 for each feature, or None for no constraint.
        random_state: Seed.

    Attributes:
        boosters_: The fitted LightGBM models.
        spread_: Usual spread of gains within a query: one unit of the models' scores.
        n_features_in_: Columns of X.
    """

    def __init__(  # noqa: PLR0913 - scikit-learn keeps every setting an argument
        self,
        objective: Objective = "rank_xendcg",
        *,
        n_trees: int = 40,
        learning_rate: float = 0.05,
        n_leaves: int = 4,
        min_rows: int = 20,
        l2: float = 10.0,
        column_share: float = 0.5,
        row_share: float = 0.7,
        grade_step: float = 0.5,
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
        self._check_parameters()
        codes = _query_codes(group, len(gains))
        order = np.argsort(codes, kind="stable")  # LightGBM wants queries in one piece each
        spread = usual_spread(gains, codes)
        self.spread_ = spread if spread > 0 else 1.0
        start = _vector(prior, len(gains), "prior", 0.0) * self.prior_weight / self.spread_
        weights = _vector(weight, len(gains), "weight", 1.0)
        data = _TrainingData(features[order], gains[order] / self.spread_, codes[order])
        random = check_random_state(self.random_state)
        seeds = [int(seed) for seed in random.randint(2**31 - 1, size=self.n_models)]
        learnable = self.n_trees > 0 and spread > 0
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
        label: npt.NDArray[Any]
        if self.objective == "regression":
            label, start = centred(data.gains, data.codes), centred(start, data.codes)
            sizes = None
        else:
            label = grades(data.gains, data.codes, step=self.grade_step)
            sizes = np.bincount(data.codes)
        dataset = lightgbm.Dataset(
            data.features,
            label,
            group=sizes,
            weight=weights / weights.mean(),
            init_score=start,
            params={"max_bin": 63, "verbose": -1, "min_data_in_bin": 1},
        )
        return lightgbm.train(self._parameters(seed), dataset, num_boost_round=self.n_trees)

    def _parameters(self, seed: int) -> dict[str, Any]:
        constraint = {} if self.monotone is None else {"monotone_constraints": self.monotone}
        ranking = {"label_gain": LABEL_GAIN, "lambdarank_truncation_level": 5}
        return {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.n_leaves,
            "min_data_in_leaf": self.min_rows,
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
            **({} if self.objective == "regression" else ranking),
        }

    def _check_parameters(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective must be one of {OBJECTIVES}, got {self.objective!r}")
        whole = {"n_trees": 0, "n_leaves": 2, "min_rows": 1, "n_models": 1}
        for name, least in whole.items():
            value = getattr(self, name)
            if not isinstance(value, Integral) or int(value) < least:
                raise ValueError(f"{name} must be a whole number from {least}, got {value!r}")
        for name in ("learning_rate", "grade_step", "column_share", "row_share"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not float(value) > 0:
                raise ValueError(f"{name} must be above 0, got {value!r}")
        for name in ("column_share", "row_share"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name} must be at most 1, got {getattr(self, name)!r}")
        for name in ("l2", "prior_weight"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 <= float(value) < np.inf:
                raise ValueError(f"{name} must be at least 0 and finite, got {value!r}")


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
