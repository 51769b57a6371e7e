"""What a table of transfer runs is made of, before anything is predicted from it.

How much of the gains' variance each factor carries, how much choosing by language could add to
choosing by target, how often an intermediate hurts, and how often training comes to nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, stats

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.runs.gains import query_gains
from metaselect.runs.simulated import is_simulated

Floats = npt.NDArray[np.float64]

FACTORS: Mapping[str, tuple[str, ...]] = {
    "intermediate": ("intermediate",),
    "target": ("target",),
    "language": ("language",),
    "intermediate x target": ("intermediate", "target"),
    "target x language": ("target", "language"),
    "intermediate x language": ("intermediate", "language"),
    "intermediate x target x language": ("intermediate", "target", "language"),
    "training of the baseline": ("target", "seed"),
    "scoring of the baseline": ("target", "language", "seed"),
    "training": ("intermediate", "target", "seed"),
}
"""What observations of a gain may share; what they never share is the residual.

A gain is a difference from the baseline's score, so that the baseline's noise is shared by all
intermediates of a seed. With one seed, noise and the three-way product cannot be told apart.
"""

RESIDUAL = "scoring"
_N_RESAMPLES = 100
_COLLAPSED = 0.03  # above chance level, in score


@dataclass(frozen=True, slots=True)
class Share:
    """One factor's part of the gains' variance.

    Attributes:
        factor: What it is of.
        variance: In squared score.
        share: Of the sum over all factors.
        low, high: 95 % of the share over targets' clusters drawn anew.
    """

    factor: str
    variance: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LanguageGap:
    """What choosing for each language could add to choosing once for a target, in score.

    Attributes:
        in_sample: Best for each language minus best for the target on the same gains: an upper
            bound that noise alone makes positive.
        cross_fitted: The same, chosen on one seed and scored on another; None with one seed.
        low, high: 95 % interval of `cross_fitted` over clusters.
        n_clusters: Clusters behind it.
    """

    in_sample: float
    cross_fitted: float | None
    low: float | None
    high: float | None
    n_clusters: int


def anatomy_record(runs: pd.DataFrame, catalogue: Catalogue, *, seed: int) -> dict[str, Any]:
    """The anatomy of a runs table, study by study, as plain JSON values.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Cards, for clusters and chance levels.
        seed: Of the resamples.
    """
    studies = []
    for (study, encoder, adaptation), rows in runs.groupby(["study", "encoder", "adaptation"]):
        gains = seed_gains(rows)
        clusters = {name: catalogue.training_source(name) for name in gains["target"].unique()}
        gains = gains.assign(cluster=gains["target"].map(clusters))
        gap = language_gap(gains)
        studies.append(
            {
                "study": str(study), "encoder": str(encoder), "adaptation": str(adaptation),
                "n_runs": len(rows), "n_seeds": int(rows["seed"].nunique()),
                "shares": [asdict(item) for item in variance_shares(gains, seed=seed)],
                "language_gap": None if gap is None else asdict(gap),
                "negative": negative_transfer(rows),
                "collapsed": collapsed(rows, catalogue),
            }
        )  # fmt: skip
    return {"schema": 1, "simulated": is_simulated(runs), "studies": studies}


def seed_gains(runs: pd.DataFrame) -> pd.DataFrame:
    """Gain over `direct` of the same seed, one row a score.

    Where `direct` lacks the seed, its mean stands in; scores of queries without it are left out.
    """
    keys = ["target", "language", "seed"]
    direct = runs[runs["intermediate"] == DIRECT]
    same = direct.groupby(keys)["score"].mean().rename("same_seed")
    mean = direct.groupby(keys[:2])["score"].mean().rename("mean")
    rows = runs[runs["intermediate"] != DIRECT].join(same, on=keys).join(mean, on=keys[:2])
    rows = rows.assign(gain=rows["score"] - rows["same_seed"].fillna(rows["mean"]))
    rows = rows[rows["gain"].notna()]
    return rows[["intermediate", *keys, "gain"]].reset_index(drop=True)


def variance_shares(gains: pd.DataFrame, *, seed: int) -> list[Share]:
    """Variance components of gains by the method of moments, whatever cells are missing.

    Half the squared difference of two observations has as its mean the sum of the components
    that the two do not share; least squares over all pairs, with no component below 0, gives
    them. The interval draws clusters of targets anew.

    Args:
        gains: From `seed_gains`, with a column cluster.
        seed: Of the resamples.
    """
    varied = {name for name in gains.columns if gains[name].nunique() > 1}
    names = [
        name
        for name, parts in FACTORS.items()
        if set(parts) <= varied and gains.duplicated(list(parts)).any()
    ]
    if not names:
        return []
    whole = _components(gains, names)
    rng = np.random.default_rng(seed)
    by_cluster = [rows for _, rows in gains.groupby("cluster")]
    draws = [
        _components(_drawn(by_cluster, rng), names)
        for _ in range(_N_RESAMPLES if len(by_cluster) > 2 else 0)
    ]
    parts = np.array([found / max(found.sum(), 1e-12) for found in (whole, *draws)])
    low, high = np.quantile(parts[1:], [0.025, 0.975], axis=0) if draws else np.full(
        (2, len(whole)), np.nan
    )  # fmt: skip
    labels = [*names, RESIDUAL if "training" in names else "rest (products and noise)"]
    return [
        Share(name, float(whole[place]), float(parts[0][place]), float(low[place]),
              float(high[place]))
        for place, name in enumerate(labels)
    ]  # fmt: skip


def _drawn(by_cluster: Sequence[pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    """Clusters drawn with replacement; one drawn twice counts as two, with targets of its own."""
    picked = rng.integers(len(by_cluster), size=len(by_cluster))
    drawn: pd.DataFrame = pd.concat(
        [
            by_cluster[place].assign(target=by_cluster[place]["target"] + f"#{turn}")
            for turn, place in enumerate(picked)
        ],
        ignore_index=True,
    )
    return drawn


def _components(gains: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Variance components of the named factors and the residual, shape (n_names + 1,)."""
    values = gains["gain"].to_numpy(dtype=np.float64)
    columns = {
        name: pd.factorize(gains[name])[0]
        for name in ("intermediate", "target", "language", "seed")
    }
    pairs: dict[frozenset[str], tuple[float, float]] = {}

    def sharing(factors: frozenset[str]) -> tuple[float, float]:
        """Pairs that share factors: how many, and the sum of their half squared differences."""
        if factors not in pairs:
            codes = np.zeros(len(values), dtype=np.int64)
            for name in sorted(factors):
                codes = pd.factorize(codes * (columns[name].max() + 1) + columns[name])[0]
            count = np.bincount(codes).astype(np.float64)
            total, squares = np.bincount(codes, values), np.bincount(codes, values**2)
            pairs[factors] = (
                float((count * (count - 1)).sum() / 2),
                float((count * squares - total**2).sum() / 2),
            )
        return pairs[factors]

    everything = sharing(frozenset())
    parts = [frozenset(FACTORS[name]) for name in names]
    size = len(parts) + 1
    normal, right = np.full((size, size), everything[0]), np.full(size, everything[1])
    for row, first in enumerate(parts):
        count, differences = sharing(first)
        right[row] -= differences
        normal[row, -1] -= count
        normal[-1, row] -= count
        for column, second in enumerate(parts):
            normal[row, column] += sharing(first | second)[0] - count - sharing(second)[0]
    return _least_squares(normal / everything[0], right / everything[0])


def _least_squares(normal: Floats, right: Floats) -> Floats:
    """Solution without negative parts of the least-squares problem with these normal equations."""
    sizes, vectors = np.linalg.eigh(normal)
    kept = sizes > sizes[-1] * 1e-10
    roots = np.sqrt(sizes[kept])
    unit = max(float(np.abs(right).max()), 1e-300)  # variances are small numbers
    found, _ = optimize.nnls(
        roots[:, None] * vectors[:, kept].T, vectors[:, kept].T @ right / unit / roots
    )
    return np.asarray(found * unit)


def language_gap(gains: pd.DataFrame) -> LanguageGap | None:
    """How much a chooser that knows each language could win over one that knows the target.

    Source: FIELD's language-oracle gap: mean over languages of the best gain for the language
    minus the gain of the target's best intermediate; `direct` is a candidate with gain 0.

    Args:
        gains: From `seed_gains`, with a column cluster.

    Returns:
        None where no target has two languages.
    """
    table = gains.pivot_table(
        index=["cluster", "target", "language"], columns=["seed", "intermediate"], values="gain"
    )
    seeds = list(table.columns.get_level_values("seed").unique())
    by_seed = [table[number].assign(**{DIRECT: 0.0}) for number in seeds]
    mean = pd.concat(by_seed).groupby(level=["cluster", "target", "language"]).mean()
    in_sample = _gap(mean, mean)
    if not len(in_sample):
        return None
    whole = float(in_sample.groupby("cluster").mean().mean())
    crossed = [_gap(first, second) for first, second in permutations(by_seed, 2)]
    if not any(map(len, crossed)):
        return LanguageGap(whole, None, None, None, int(in_sample.index.nunique()))
    by_cluster = pd.concat(crossed).groupby("cluster").mean().to_numpy(dtype=np.float64)
    middle = float(by_cluster.mean())
    if len(by_cluster) < 2:
        return LanguageGap(whole, middle, None, None, len(by_cluster))
    half = float(stats.t.ppf(0.975, len(by_cluster) - 1) * stats.sem(by_cluster))
    return LanguageGap(whole, middle, middle - half, middle + half, len(by_cluster))


def _gap(chosen_on: pd.DataFrame, scored_on: pd.DataFrame) -> pd.Series:
    """Gap of each target that has several languages, index (cluster, target).

    Candidates of a target are those that each of its languages has in both tables.
    """
    found = {}
    for place, own in chosen_on.groupby(["cluster", "target"]):
        other = scored_on.reindex(own.index)
        names = [
            name
            for name in own.columns
            if name in other.columns and own[name].notna().all() and other[name].notna().all()
        ]
        if len(own) < 2 or len(names) < 2:
            continue
        known, gains = (table[names].to_numpy(dtype=np.float64) for table in (own, other))
        by_language = gains[np.arange(len(own)), known.argmax(axis=1)]
        by_target = gains[:, int(known.mean(axis=0).argmax())]
        found[place] = float((by_language - by_target).mean())
    index = pd.MultiIndex.from_tuples(list(found), names=["cluster", "target"])
    return pd.Series(list(found.values()), index=index, dtype=np.float64)


def negative_transfer(runs: pd.DataFrame) -> dict[str, float | int | None]:
    """How often an intermediate hurts: gains below 0, clearly so, and queries where all do."""
    gains = query_gains(runs)
    rows = gains[gains["absolute"] & (gains["intermediate"] != DIRECT)]
    if not len(rows):
        return {"n_gains": 0, "negative": None, "clearly": None, "direct_is_best": None}
    known = rows[rows["gain_se"].notna()]
    best = rows.groupby(["study", "target", "language"])["gain"].max()
    return {
        "n_gains": len(rows),
        "negative": float((rows["gain"] < 0).mean()),
        "clearly": float((known["gain"] < -1.96 * known["gain_se"]).mean()) if len(known) else None,
        "direct_is_best": float((best <= 0).mean()),
    }


def collapsed(runs: pd.DataFrame, catalogue: Catalogue) -> dict[str, dict[str, float]]:
    """Share of trainings of each target that ended at chance level, with and without intermediate.

    A training has collapsed where its mean score over languages is within 3 points of chance;
    targets whose chance level is unknown are left out.
    """
    found: dict[str, dict[str, float]] = {}
    means = runs.groupby(["target", "intermediate", "seed"], as_index=False)["score"].mean()
    for name, rows in means.groupby("target"):
        card = catalogue.find(str(name))
        if card is None or card.chance is None:
            continue
        gone = rows["score"] <= card.chance + _COLLAPSED
        plain = rows["intermediate"] == DIRECT
        found[str(name)] = {
            "direct": float(gone[plain].mean()) if plain.any() else float("nan"),
            "after_intermediates": float(gone[~plain].mean()) if (~plain).any() else float("nan"),
        }
    return found
