"""What a table of transfer runs is made of, before anything is predicted from it.

How much of the gains' variance each factor carries, how much choosing by language could add to
choosing by target, how often an intermediate hurts, and how often training comes to nothing.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue
from metaselect.evaluation.rounding import rounded_record
from metaselect.evaluation.sensitivity import language_sensitivity
from metaselect.evaluation.shares import noise_of, variance_shares, views
from metaselect.features.table import is_untrained
from metaselect.runs.gains import (
    SETTING,
    candidate_runs,
    control_gains,
    observed_gains,
    query_gains,
)
from metaselect.runs.simulated import is_simulated

_COLLAPSED = 0.03  # above chance level, in score


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

    `by_view` holds shares, noise and sensitivity of the gains as they are, scaled alike, and
    without untrained targets (`shares.views`); `shares` is its `all`.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Cards, for clusters and chance levels.
        seed: Of the resamples.
    """
    studies = []
    controls = control_gains(runs)
    runs = candidate_runs(runs)
    for (study, encoder, adaptation), rows in runs.groupby(list(SETTING)):
        gains = seed_gains(rows)
        clusters = catalogue.clusters(gains["target"].unique())
        gains = gains.assign(cluster=gains["target"].map(clusters))
        gap = language_gap(gains)
        untrained = [name for name in clusters if is_untrained(name, catalogue)]
        by_view = _by_view(gains, untrained, seed=seed)
        studies.append(
            {
                "study": str(study), "encoder": str(encoder), "adaptation": str(adaptation),
                "n_runs": len(rows), "n_seeds": int(rows["seed"].nunique()),
                "shares": by_view["all"]["shares"] if by_view else [], "by_view": by_view,
                "language_gap": None if gap is None else asdict(gap),
                "negative": negative_transfer(rows),
                "collapsed": collapsed(rows, catalogue),
                "equal_steps": _equal_steps(controls, rows),
            }
        )  # fmt: skip
    return rounded_record({"schema": 1, "simulated": is_simulated(runs), "studies": studies})


def _by_view(
    gains: pd.DataFrame, untrained: Collection[str], *, seed: int
) -> dict[str, dict[str, Any]]:
    found = {}
    for name, rows in views(gains, untrained).items():
        shares = variance_shares(rows, seed=seed)
        noise, sensitivity = noise_of(shares), language_sensitivity(rows, seed=seed)
        found[name] = {
            "n_targets": int(rows["target"].nunique()),
            "left_out": sorted({*gains["target"]} - {*rows["target"]}),
            "shares": [asdict(item) for item in shares],
            "noise": None if noise is None else asdict(noise),
            "sensitivity": None if sensitivity is None else asdict(sensitivity),
        }
    return found


def _equal_steps(controls: pd.DataFrame, runs: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Mean gain of `direct+` by target, beside the mean of the target's intermediates."""
    first = runs.iloc[0]
    same = [controls[name] == first[name] for name in ("study", "encoder", "adaptation")]
    control = controls[np.logical_and.reduce(same)].groupby("target")["gain"].mean()
    others = observed_gains(runs).groupby("target")["gain"].mean().to_dict()
    return {
        str(target): {DIRECT_PLUS: float(gain), "intermediates": others.get(target)}
        for target, gain in control.items()
    }


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


def language_gap(gains: pd.DataFrame) -> LanguageGap | None:
    """How much a chooser that knows each language could win over one that knows the target.

    Source: FIELD's language-oracle gap: mean over languages of the best gain for the language
    minus the gain of the target's best intermediate; `direct` is a candidate with gain 0.

    Args:
        gains: From `seed_gains`, with a column cluster.

    Returns:
        None where there is no gain, or no target has two languages.
    """
    if gains.empty:
        return None
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


def collapsed(runs: pd.DataFrame, catalogue: Catalogue) -> dict[str, dict[str, float | None]]:
    """Share of trainings of each target that ended at chance level, with and without intermediate.

    A training has collapsed where its mean score over languages is within 3 points of chance;
    targets whose chance level is unknown are left out. None where there is no such training.
    """
    found: dict[str, dict[str, float | None]] = {}
    means = runs.groupby(["target", "intermediate", "seed"], as_index=False)["score"].mean()
    for name, rows in means.groupby("target"):
        card = catalogue.find(str(name))
        if card is None or card.chance is None:
            continue
        gone = rows["score"] <= card.chance + _COLLAPSED
        plain = rows["intermediate"] == DIRECT
        found[str(name)] = {
            "direct": float(gone[plain].mean()) if plain.any() else None,
            "after_intermediates": float(gone[~plain].mean()) if (~plain).any() else None,
        }
    return found
