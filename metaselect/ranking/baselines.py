"""The simple rules that a ranker must beat, each a score for every candidate of new queries.

A rule that has nothing to say of a candidate scores it like its fellows, so that ties stay ties
and count as random choice among them. `direct` scores 0 where a rule speaks of gains and comes
last where it does not.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.features.base import DEFAULT_GROUPS, World, compute
from metaselect.features.history import History, Pooling
from metaselect.features.profiles import Profiles
from metaselect.features.registry import features_of
from metaselect.features.size import with_examples
from metaselect.runs.gains import TRAIN_EXAMPLES, is_direct, with_known_gain
from metaselect.runs.keys import standardised

Floats = npt.NDArray[np.float64]
Rule = Callable[[pd.DataFrame, pd.DataFrame, Catalogue], Floats]
"""Takes training rows with gains, test rows and cards; gives scores, shape (n_test_rows,)."""

_RRF_OFFSET = 60  # Cormack et al. 2009
_RIDGE_POOLING = Pooling({"popularity": 0.4, "study": 0.3, "kind": 0.3}, level=0.4, noise=1.0)


def random(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """All candidates alike: measures take the exact expectation over ties."""
    return np.zeros(len(test))


def size(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """The intermediate trained on the most examples; by its card where runs do not tell.

    In log10 of examples in queries of `sized_by_examples`, of the card's rows in the others.
    """
    scores = _feature("log_size_intermediate", test, catalogue).copy()
    told = sized_by_examples(test)
    if told.any():
        scores[told] = np.log10(test.loc[told, TRAIN_EXAMPLES].clip(lower=1))
    return _last(scores, test)


def sized_by_examples(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether each row's query tells of all its intermediates how many examples they trained on.

    One that tells of some alone is sized by cards, so that no query mixes the two.
    """
    if TRAIN_EXAMPLES not in rows:
        return np.zeros(len(rows), dtype=bool)
    told = rows[TRAIN_EXAMPLES].notna() | (rows["intermediate"] == DIRECT)
    return told.groupby(rows["query"]).transform("all").to_numpy(dtype=bool)


def mnli(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """Always MNLI, the habit of the field."""
    return np.asarray(test["intermediate"] == "mnli", dtype=np.float64)


def direct(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """Never an intermediate: train on the target alone."""
    return np.asarray(test["intermediate"] == DIRECT, dtype=np.float64)


def history(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """The intermediate that gained most on average over the training queries."""
    return _mean_gain(train, test, ["intermediate"])


def history_kind(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """The one that gained most on average over targets of the same kind; else over all."""
    return _mean_gain(train, test, ["intermediate", "target_kind"], history)


def history_target(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """The one that gained most on this very target elsewhere; else on its kind, else on all."""
    return _mean_gain(train, test, ["intermediate", "target"], history_kind)


def composite(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """Equal-weight sum of the single signals, standardised within each query."""
    codes = pd.factorize(test["query"])[0]
    total = sum(standardised(signal, codes) for signal in _signals(train, test, catalogue))
    return _last(np.asarray(total), test)


def rrf(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """Reciprocal-rank fusion of the single signals (Cormack et al. 2009)."""
    codes = pd.factorize(test["query"])[0]
    total = np.zeros(len(test))
    for signal in _signals(train, test, catalogue):
        for code in range(int(codes.max()) + 1):
            own = codes == code
            values = np.nan_to_num(signal[own], nan=-np.inf)
            total[own] += 1.0 / (_RRF_OFFSET + rankdata(-values, method="average"))
    return _last(total, test)


def ridge(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> Floats:
    """Ridge regression of gains on the ranker's own features, history included."""
    known = with_known_gain(train)
    past = History.fit(known, pooling=_RIDGE_POOLING, leave_out=True)
    told = Profiles.fit(known, catalogue, leave_out=True)
    world = with_examples(with_examples(World(catalogue, past, told), train), test)
    features = features_of(DEFAULT_GROUPS)
    model = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        RidgeCV(alphas=np.logspace(0, 5, 11)),
    )
    model.fit(compute(features, known, world).to_numpy(), known["gain"].to_numpy())
    scores = np.asarray(model.predict(compute(features, test, world).to_numpy()))
    scores[is_direct(test)] = 0.0
    return scores


RULES: Mapping[str, Rule] = {
    "random": random,
    "size": size,
    "history": history,
    "history_kind": history_kind,
    "history_target": history_target,
    "mnli": mnli,
    "direct": direct,
    "composite": composite,
    "rrf": rrf,
    "ridge": ridge,
}
"""Every rule by the name that evaluations give it."""


def _signals(train: pd.DataFrame, test: pd.DataFrame, catalogue: Catalogue) -> list[Floats]:
    """Single signals, each in the direction that sense dictates: more data, harder, proven."""
    names = ("log_size_intermediate", "rasch_intermediate", "same_kind")
    return [
        *(_feature(name, test, catalogue) for name in names),
        history_kind(train, test, catalogue),
    ]


def _feature(name: str, rows: pd.DataFrame, catalogue: Catalogue) -> Floats:
    feature = next(item for item in features_of(DEFAULT_GROUPS) if item.name == name)
    values = compute([feature], rows, World(catalogue)).to_numpy(dtype=np.float64)
    return np.asarray(values[:, 0], dtype=np.float64)


def _mean_gain(
    train: pd.DataFrame, test: pd.DataFrame, columns: list[str], fallback: Rule | None = None
) -> Floats:
    """Mean training gain by columns; what has none takes the fallback's score, or the mean."""
    known = with_known_gain(train)
    means = known.groupby(columns)["gain"].mean()
    index = test.set_index(columns).index if len(columns) > 1 else pd.Index(test[columns[0]])
    scores = means.reindex(index).to_numpy(dtype=np.float64, copy=True)
    missing = np.isnan(scores)
    if fallback is not None and missing.any():
        scores[missing] = fallback(train, test, Catalogue([]))[missing]
    scores[np.isnan(scores)] = known["gain"].mean() if len(known) else 0.0
    scores[is_direct(test)] = 0.0
    return scores


def _last(scores: Floats, rows: pd.DataFrame) -> Floats:
    """Unknown scores at the lowest known one's level, `direct` below all."""
    floor = float(np.nanmin(scores)) if np.isfinite(scores).any() else 0.0
    filled = np.nan_to_num(scores, nan=floor)
    filled[is_direct(rows)] = floor - 1.0
    return filled
