"""Gains over training directly, with their standard errors; and halves of the seeds.

A query is (study, encoder, adaptation, target, language): one ranking problem over its
candidates. Where a study keeps to one encoder and adaptation, as it should, that is (study,
target, language); where it does not, each encoder ranks for itself, and never mixes with another.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.runs.floors import raised_to_floor
from metaselect.runs.keys import distinct_keys
from metaselect.seeding import derive_seed

SETTING = ("study", "encoder", "adaptation")
QUERY = (*SETTING, "target", "language")
"""The columns that name a query."""

LEAST_SHARE = 0.5
"""Share of the intermediates of its study, encoder and adaptation that a complete query has."""

TRAIN_EXAMPLES = "train_examples"
"""Extra column of runs tables: examples that the intermediate was trained on, repeats counted."""

SE_FLOOR = 1e-4
"""Lowest standard error of a gain: scores are commonly given to four decimals, and two seeds
that agree by luck must not weigh without bound."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def query_key(rows: pd.DataFrame) -> pd.Series:
    """A text for each row that names its query, the same in every table and on every machine.

    Args:
        rows: With the columns of `QUERY`.

    Returns:
        The five names joined by `|` (and a `|` in a name escaped by a backslash), same index.

    Example:
        >>> names = ["ours", "xlmr", "lora", "xnli", "nan"]
        >>> query_key(pd.DataFrame([names], columns=QUERY)).item()
        'ours|xlmr|lora|xnli|nan'
    """
    codes, names = distinct_keys(rows, QUERY)
    escaped = [[_escape(str(part)) for part in row] for row in names.itertuples(index=False)]
    keys = pd.Series(["|".join(row) for row in escaped], dtype="str").array
    return pd.Series(keys.take(codes), index=rows.index, name="query")


def query_gains(runs: pd.DataFrame) -> pd.DataFrame:
    """The gain of every candidate of every query, `direct` among them, `direct+` not.

    The gain is a mean difference between scores with the candidate and scores `direct`:

    * paired, where two or more seeds have both scores, or each side has the same one seed: the
      mean over those seeds alone, SE = sd of the differences / sqrt(n);
    * otherwise of the two means, SE = sqrt(var / n + var / n).

    A variance that one seed cannot tell is the pooled variance within candidates (over their
    seeds) of the same study, encoder, adaptation and target; where nothing repeats there, of the
    same study, encoder and adaptation; where nothing repeats there either, the SE is NaN. So one
    `direct` score beside many of each candidate counts with the candidates' own noise. SEs are at
    least `SE_FLOOR`; the one of `direct` is 0, since its gain is 0 by definition.

    Scores that a constant answer reaches count as that answer's (`runs.floors.raised_to_floor`):
    between them there is no gain.

    A query without `direct` runs has no `direct` row; its gains are scores minus the mean score
    of its candidates, enough for ranking and regret, and their SE is that of the score.

    Args:
        runs: A table from `check_runs`; it may have no rows.

    Returns:
        One row for each candidate of each query, in order of first appearance: the columns of
        `QUERY`, metric, intermediate, score (mean over all seeds), score_se (of that mean alone:
        what tells candidates of one query apart), gain, gain_se, n_seeds (behind the gain),
        paired, absolute (False where there is no `direct` to compare with), and where the table
        has them train_examples (mean over seeds; NaN where none tells).
    """
    return _gains(raised_to_floor(candidate_runs(runs)))


def candidate_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of candidates: all but those of the control `direct+`, which no choice may see."""
    control = runs["intermediate"] == DIRECT_PLUS
    return runs[~control].reset_index(drop=True) if control.any() else runs


def complete_queries(gains: pd.DataFrame) -> set[str]:
    """Keys of the queries that have enough of their study's intermediates for a choice to be one.

    An unfinished grid has queries with one or two of many candidates. They are learnt from, but
    they are no test of a choice, and gains of the few that were tried first tell neither how much
    the others gain nor how far gains scatter.

    Args:
        gains: From `query_gains`, perhaps with a column query.
    """
    rows = gains[gains["intermediate"] != DIRECT]
    rows = rows if "query" in rows else rows.assign(query=query_key(rows))
    counts = rows.groupby([*SETTING, "query"])["intermediate"].nunique()
    most = counts.groupby(list(SETTING)).transform("max")
    return set(counts.index.get_level_values("query")[counts >= LEAST_SHARE * most])


def control_gains(runs: pd.DataFrame) -> pd.DataFrame:
    """Gains of the control `direct+` over `direct`, to stand beside those of candidates.

    What an intermediate gains beyond it is not the training's length.

    Returns:
        Rows as of `query_gains`, `direct+` alone, where both were run.
    """
    own = runs[runs["intermediate"].isin([DIRECT, DIRECT_PLUS])].reset_index(drop=True)
    gains = _gains(own)
    found = gains["absolute"] & (gains["intermediate"] == DIRECT_PLUS) & gains["gain"].notna()
    return gains[found].reset_index(drop=True)


def _gains(runs: pd.DataFrame) -> pd.DataFrame:
    columns = (*QUERY, "metric", "intermediate")
    cell, gains = distinct_keys(runs, columns)
    query, _ = distinct_keys(gains, (*QUERY, "metric"))
    stats = _cell_statistics(runs["score"].to_numpy(), cell, len(gains))
    direct = _direct_cells(gains, query)
    variance = _filled_variance(gains, stats)
    mean, count = stats["mean"].to_numpy(), stats["count"].to_numpy()
    baseline = np.where(direct >= 0, mean[direct], _query_means(mean, query))
    baseline_part = np.where(direct >= 0, (variance / count)[direct], 0.0)
    gains["score"] = mean
    gains["score_se"] = np.sqrt(variance / count).clip(min=SE_FLOOR)
    gains["gain"] = mean - baseline
    gains["gain_se"] = np.sqrt(variance / count + baseline_part)
    gains["n_seeds"] = count
    _pair(gains, _paired_statistics(runs, cell, direct), count, direct)
    gains["gain_se"] = gains["gain_se"].clip(lower=SE_FLOOR)
    direct_rows = is_direct(gains)
    gains.loc[direct_rows, ["gain", "gain_se"]] = 0.0
    gains["paired"] |= direct_rows
    gains["absolute"] = direct >= 0
    if TRAIN_EXAMPLES in runs:
        examples = pd.to_numeric(runs[TRAIN_EXAMPLES], errors="coerce")
        gains[TRAIN_EXAMPLES] = examples.groupby(cell).mean().to_numpy(dtype=np.float64)
    return gains


def observed_gains(runs: pd.DataFrame) -> pd.DataFrame:
    """Known gains over training directly, one row per candidate of a query."""
    gains = query_gains(runs)
    return with_known_gain(gains[gains["absolute"]])


def with_known_gain(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of intermediates whose gain is known; `direct` and NaN gains are dropped."""
    return rows[~is_direct(rows) & rows["gain"].notna()]


def is_direct(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether each row is `direct`, shape (n_rows,)."""
    return (rows["intermediate"] == DIRECT).to_numpy(dtype=bool)


def split_seeds(runs: pd.DataFrame, *, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables with half of the seeds each: learn or choose on one, score on the other.

    The seeds of a study, encoder and adaptation are dealt out in turn, in a random order, so that
    everything that shares a seed, such as one trained model scored in many languages, stands in
    one half. `direct` scores whose seeds all fall into one half stand in both halves, since each
    needs its baseline.

    Args:
        runs: A table from `check_runs`.
        seed: Fixes the order; the same rows give the same halves in any order of rows.
    """
    runs = candidate_runs(runs)
    first = _in_first_half(runs, seed=seed)
    second = ~first
    is_direct = (runs["intermediate"] == DIRECT).to_numpy(dtype=bool)
    query, _ = distinct_keys(runs, (*QUERY, "metric"))
    n_queries = int(query.max()) + 1 if len(query) else 0
    for half, other in ((first, second), (second, first)):
        lacks = np.bincount(query[half & is_direct], minlength=n_queries) == 0
        half |= other & is_direct & lacks[query]
    return runs[first].reset_index(drop=True), runs[second].reset_index(drop=True)


def _in_first_half(runs: pd.DataFrame, *, seed: int) -> npt.NDArray[np.bool_]:
    """Whether each row's seed is in the first half of its study's seeds.

    Seeds that intermediates have are dealt first, so that both halves have as many of them.
    """
    protocol, _ = distinct_keys(runs, SETTING)
    draw, drawn = distinct_keys(runs, (*SETTING, "seed"))
    chosen = np.bincount(draw, weights=runs["intermediate"] != DIRECT, minlength=len(drawn)) > 0
    names = drawn.astype(str).itertuples(index=False)
    order = [derive_seed(seed, *(str(part) for part in row)) for row in names]
    of_draw = np.zeros(len(drawn), dtype=np.intp)
    of_draw[draw] = protocol
    table = pd.DataFrame({"protocol": of_draw, "last": ~chosen, "order": order})
    table = table.sort_values(["protocol", "last", "order"], kind="stable")
    return ((table.groupby("protocol").cumcount() % 2 == 0).sort_index().to_numpy())[draw]


def _escape(name: str) -> str:
    return name.replace("\\", "\\\\").replace("|", "\\|")


def _cell_statistics(values: Floats, cell: Codes, n_cells: int) -> pd.DataFrame:
    """Mean, sum of squared deviations and count of each cell; NaN mean where it is empty."""
    count = np.bincount(cell, minlength=n_cells)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(cell, values, minlength=n_cells) / count
    squares = np.bincount(cell, (values - mean[cell]) ** 2, minlength=n_cells)
    return pd.DataFrame({"mean": mean, "squares": squares, "count": count})


def _direct_cells(cells: pd.DataFrame, query: Codes) -> Codes:
    """The `direct` cell of each cell's query, or -1."""
    direct = np.full(query.max() + 1 if len(query) else 0, -1, dtype=np.intp)
    rows = np.flatnonzero(cells["intermediate"] == DIRECT)
    direct[query[rows]] = rows
    return direct[query]


def _query_means(values: Floats, query: Codes) -> Floats:
    return (np.bincount(query, values) / np.bincount(query))[query] if len(query) else values


def _filled_variance(cells: pd.DataFrame, stats: pd.DataFrame) -> Floats:
    """Variance over seeds of each cell, pooled where one seed cannot tell it."""
    protocol = ("study", "encoder", "adaptation")
    by_target = _pooled_variance(distinct_keys(cells, (*protocol, "target"))[0], stats)
    by_study = _pooled_variance(distinct_keys(cells, protocol)[0], stats)
    pooled = np.where(np.isnan(by_target), by_study, by_target)
    freedom = stats["count"].to_numpy() - 1
    own = stats["squares"].to_numpy() / np.maximum(freedom, 1)
    return np.where(freedom > 0, own, pooled)


def _pooled_variance(group: Codes, stats: pd.DataFrame) -> Floats:
    """Within-cell variance over the cells of each cell's group; NaN where no seed repeats."""
    squares = np.bincount(group, stats["squares"])
    freedom = np.bincount(group, stats["count"] - 1)
    pooled = np.where(freedom > 0, squares / np.maximum(freedom, 1), np.nan)
    return pooled[group]


def _paired_statistics(runs: pd.DataFrame, cell: Codes, direct: Codes) -> pd.DataFrame:
    """`_cell_statistics` of score minus `direct` score, over the seeds that have both."""
    seed, seeds = pd.factorize(runs["seed"])
    scores = runs["score"].to_numpy()
    place = pd.Index(cell * max(len(seeds), 1) + seed)
    twin = place.get_indexer(pd.Index(direct[cell] * max(len(seeds), 1) + seed))
    both = twin >= 0
    difference = scores[both] - scores[twin[both]]
    return _cell_statistics(difference, cell[both], len(direct))


def _pair(gains: pd.DataFrame, pairs: pd.DataFrame, count: Any, direct: Codes) -> None:
    """Put the paired gain, SE and number of seeds in place where seeds match."""
    n_pairs = pairs["count"].to_numpy()
    several = n_pairs >= 2
    alone = (n_pairs == 1) & (count == 1) & (np.append(count, 0)[direct] == 1)
    freedom = np.maximum(n_pairs - 1, 1)
    se = np.sqrt(pairs["squares"].to_numpy() / freedom / np.maximum(n_pairs, 1))
    gains["gain"] = np.where(several, pairs["mean"], gains["gain"])
    gains["gain_se"] = np.where(several, se, gains["gain_se"])
    gains["n_seeds"] = np.where(several, n_pairs, gains["n_seeds"])
    gains["paired"] = several | alone
