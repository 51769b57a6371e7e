"""What to know of a sound table of runs: what it still lacks, and rows that tell nothing."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pandas as pd

from metaselect.catalogue.languages import find_language
from metaselect.catalogue.languagetags import varieties
from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue
from metaselect.runs.floors import COLLAPSED, MAJORITY, at_floor, is_unjudged
from metaselect.runs.gains import QUERY, SETTING, query_gains
from metaselect.runs.keys import centred
from metaselect.runs.simulated import is_simulated
from metaselect.wording import counted, few

_SETTING = list(SETTING)
_DISTINCT = 0.903  # the highest concordance of two distinct targets of TaskWeb
_BY_LUCK = 0.05  # chance that any pair no closer than that is named
_MEANS_DIRECT = ("none", "no", "null", "nothing", "baseline", "no_intermediate")
_HUNDREDTH = 0.01  # no higher score is a fraction divided by 100
_GAP = 3.0  # times that the lowest of the others is higher: scores that reach down to 0 have none
_MARGIN = 1.25  # beyond the lowest and the highest of the others
_MISSPELT = 0.9  # likeness of two names; xlm-roberta-base and xlm-roberta-large have 0.85
_ENOUGH_TARGETS = 3  # one is left out, two are left to tune on


def remarks(runs: pd.DataFrame, catalogue: Catalogue) -> list[str]:
    """Lines that say what is missing, what is not what it seems, and what that costs.

    Args:
        runs: A table from `check_runs`; it may have no rows.
        catalogue: Cards, which say what targets share data.
    """
    if not len(runs):
        return ["no run at all"]
    found = [
        *card_notes(runs, catalogue),
        *_misspelt_encoders(runs),
        *_without_direct(runs),
        *_seeds(runs),
        *cautions(runs),
        *twin_notes(runs, catalogue),
    ]
    languages, targets = runs["language"].unique(), runs["target"].unique()
    if len(languages) == 1:
        found.append(f"every run is in {languages[0]}: language features can tell nothing")
    if len(targets) < _ENOUGH_TARGETS:
        found.append(
            f"{counted(len(targets), 'target')} ({', '.join(targets)}): evaluation leaves whole "
            f"targets out and needs {_ENOUGH_TARGETS} that share no training data"
        )
    return found + _unjudged(runs)


def card_notes(runs: pd.DataFrame, catalogue: Catalogue) -> list[str]:
    """Lines that name tasks without a card and metrics that no card has, with the nearest names.

    Args:
        runs: A table from `check_runs`; it may have no rows.
        catalogue: Cards; of several tasks joined by `+` each needs one.
    """
    return [*_unknown_metrics(runs, catalogue), *_unknown_tasks(runs, catalogue)]


def _unknown_metrics(runs: pd.DataFrame, catalogue: Catalogue) -> list[str]:
    """A line that names metrics that no card has, which may be slips."""
    known = {card.metric for card in catalogue.values()}
    told = []
    for name in sorted({*runs["metric"]} - known):
        near = get_close_matches(name.lower(), known, n=1)
        told.append(f"{name} (did you mean {near[0]}?)" if near else name)
    return [f"no task card has the metric {few(told)}: is it what scores are?"] if told else []


def _unknown_tasks(runs: pd.DataFrame, catalogue: Catalogue) -> list[str]:
    names = {*runs["intermediate"], *runs["target"]} - {DIRECT, DIRECT_PLUS}
    unknown = sorted({part for name in names for part in catalogue.parts(name)} - {*catalogue})
    if not unknown:
        return []
    told = few([with_nearest(name, catalogue) for name in unknown])
    return [f"no task card of {told}: size, difficulty and kind are unknown (add one with --tasks)"]


def with_nearest(name: str, catalogue: Catalogue) -> str:
    """An unknown task's name, with the name that may be meant after it, whatever its case.

    Example:
        >>> with_nearest("None", Catalogue([]))
        'None (did you mean direct?)'
    """
    if name.lower() in _MEANS_DIRECT:
        return f"{name} (did you mean {DIRECT}?)"
    known = {card.lower(): card for card in catalogue}
    near = get_close_matches(name.lower(), known, n=1)
    return f"{name} (did you mean {known[near[0]]}?)" if near else name


def slip_notes(runs: pd.DataFrame, *, percent: bool) -> list[str]:
    """A line that names scores a hundred times below all others of their study and target.

    A fraction in a table of percent looks like that, and so does a score divided by 100 twice.

    Args:
        runs: A table from `check_runs`; it may have no rows.
        percent: Whether its scores were percent, as they are shown then.
    """
    low = (runs["score"] > 0) & (runs["score"] <= _HUNDREDTH)
    if not low.any():
        return []
    groups = [runs["study"], runs["target"]]
    usual = runs["score"].where(runs["score"] > _HUNDREDTH)
    lowest, highest = (usual.groupby(groups).transform(end) for end in ("min", "max"))
    rare = low.groupby(groups).transform("mean") < 0.5
    times = runs["score"] * 100
    apart = lowest >= _GAP * runs["score"]
    slips = low & rare & apart & (times >= lowest / _MARGIN) & (times <= highest * _MARGIN)
    if not slips.any():
        return []
    scale = 100 if percent else 1
    told = [
        f"row {row + 1} has {runs['score'].iloc[row] * scale:.6g} where {runs['target'].iloc[row]} "
        f"has {lowest.iloc[row] * scale:.4g} to {highest.iloc[row] * scale:.4g}"
        for row in np.flatnonzero(slips).tolist()
    ]
    cause = "a fraction among percent scores" if percent else "divided by 100 twice"
    number = counted(int(slips.sum()), "score")
    return [f"{number} a hundred times below the others of the target ({cause}?): {few(told)}"]


def cautions(runs: pd.DataFrame) -> list[str]:
    """Lines that say which rows of a table are not what they seem: floors and varieties.

    Args:
        runs: A table from `check_runs`; it may have no rows.
    """
    found = []
    floor = runs[at_floor(runs)]
    if len(floor):
        models = len(floor[[*_SETTING, "intermediate", "target", "seed"]].drop_duplicates())
        found.append(
            f"{counted(len(floor), 'score')} of {counted(models, 'run')} "
            f"({few(sorted(floor['target'].unique()))}) {'is' if len(floor) == 1 else 'are'} what "
            "a constant answer gets: they say nothing of the intermediate"
        )
    return found + variety_notes(runs["language"].unique())


def _unjudged(runs: pd.DataFrame) -> list[str]:
    """A line on targets whose runs could score like a constant answer without anyone knowing."""
    targets = sorted(runs.loc[is_unjudged(runs), "target"].unique())
    if not targets or is_simulated(runs):
        return []
    return [
        f"{counted(len(targets), 'target')} ({few(targets)}) with runs in one or two languages and "
        f"no {MAJORITY} or {COLLAPSED}: a run that learnt nothing looks like any other; add one of "
        "these columns"
    ]


def twin_notes(runs: pd.DataFrame, catalogue: Catalogue) -> list[str]:
    """A line that names targets whose gains are nearly the same without a card that says why.

    Evaluation leaves a target out with those that share its data by the cards. One that shares it
    unsaid stays in the training fold, and its gains are the answer.

    Source: the concordance 2 cov(a, b) / (var(a) + var(b)) of Lin 1989, Biometrics 45:255, of gains
    centred within each language, over intermediates that both targets have in it. Two targets are
    named where its interval, over all pairs compared, is above that of any two distinct targets
    known. The intermediates are the units of that interval: the languages of one move together.

    Args:
        runs: A table from `check_runs`; it may have no rows.
        catalogue: Cards, which say what targets share data.
    """
    found: dict[tuple[str, str], float] = {}
    for _, rows in query_gains(runs).groupby(_SETTING):
        pairs = list(_concordances(rows[rows["intermediate"] != DIRECT]))
        for pair, alike, n_shared in pairs:
            is_twin = _lower_end(alike, n_shared, n_pairs=len(pairs)) > _DISTINCT
            if is_twin and not catalogue.share_training(*pair):
                found[pair] = max(alike, found.get(pair, alike))
    if not found:
        return []
    shown = few([f"{a} and {b} {alike:.3f}" for (a, b), alike in sorted(found.items())])
    return [
        f"{counted(len(found), 'pair')} of targets with nearly the same gains (concordance {shown}"
        "): if they share data, say so in same_source of their cards, or evaluation will learn "
        "from the one what it asks of the other"
    ]


def _lower_end(concordance: float, n_shared: int, *, n_pairs: int) -> float:
    """Lower end of a concordance's 95% interval, after Bonferroni over the pairs.

    Source: Lin 1989, equation 3: Fisher's z has variance 1 / (n - 2) where means agree.
    """
    if n_shared < 3:
        return -1.0
    quantile = NormalDist().inv_cdf(1 - _BY_LUCK / 2 / n_pairs)
    z = np.arctanh(min(concordance, 1 - 1e-12))
    return float(np.tanh(z - quantile / (n_shared - 2) ** 0.5))


def _concordances(gains: pd.DataFrame) -> Iterator[tuple[tuple[str, str], float, int]]:
    """The concordance of each two targets of one setting, and how many intermediates they share."""
    table = gains.pivot_table(index=["language", "intermediate"], columns="target", values="gain")
    values = table.to_numpy(dtype=np.float64)
    language, intermediate = (
        pd.factorize(table.index.get_level_values(name))[0] for name in ("language", "intermediate")
    )
    for one, other in combinations(range(values.shape[1]), 2):
        shared = ~np.isnan(values[:, [one, other]]).any(axis=1)
        first, second = (centred(values[shared, place], language[shared]) for place in (one, other))
        spread = float(first @ first + second @ second)
        if spread > 0:
            pair = str(table.columns[one]), str(table.columns[other])
            n_shared = len(np.unique(intermediate[shared]))
            yield pair, float(2 * (first @ second) / spread), n_shared


def variety_notes(codes: Iterable[str]) -> list[str]:
    """A line that says which language stands for codes of regions and dialects, if there are any.

    Example:
        >>> variety_notes(["de", "bar-IT"])[0].split(":")[0]
        '1 language code names a region or a dialect (bar-IT as bar)'
    """
    known = {code: find_language(code) for code in varieties(codes)}
    found = [f"{code} as {language.code}" for code, language in known.items() if language]
    if not found:
        return []
    shown = few(found)
    verb = "names" if len(found) == 1 else "name"
    return [
        f"{counted(len(found), 'language code')} {verb} a region or a dialect ({shown}): "
        "features are that language's, queries and scores stay apart"
    ]


def _misspelt_encoders(runs: pd.DataFrame) -> list[str]:
    """A line on encoders without a `direct` run whose names are close to one that has some."""
    has_direct = (runs["intermediate"] == DIRECT).groupby(runs["encoder"]).any()
    known = {str(name).lower(): str(name) for name in has_direct.index[has_direct]}
    found = []
    for name in map(str, has_direct.index[~has_direct]):
        near = get_close_matches(name.lower(), known, n=1, cutoff=_MISSPELT)
        found += [f"{name} (did you mean {known[near[0]]}?)"] if near else []
    return [f"no `{DIRECT}` run of the encoder {few(found)}"] if found else []


def _without_direct(runs: pd.DataFrame) -> list[str]:
    has_direct = (runs["intermediate"] == DIRECT).groupby([runs[name] for name in QUERY]).any()
    lacking = has_direct.index[~has_direct].to_frame(index=False)
    if not len(lacking):
        return []
    targets = list(lacking["target"].unique())
    return [
        f"{counted(len(lacking), 'query', 'queries')} of {few(targets)} without a `{DIRECT}` "
        f"run: gains there are against the mean of the candidates, and `{DIRECT}` is no choice"
    ]


def _seeds(runs: pd.DataFrame) -> list[str]:
    found = []
    for study, own in runs.groupby("study"):
        if own.groupby([*QUERY, "intermediate"])["seed"].nunique().max() == 1:
            found.append(f"{study}: no run has a second seed, so the noise of gains is unknown")
            continue
        direct = own[own["intermediate"] == DIRECT]
        others = own[own["intermediate"] != DIRECT]
        both = others.merge(direct[[*QUERY, "seed"]], on=[*QUERY, "seed"])
        cells = [*_SETTING, "intermediate", "target"]
        unpaired = len(others[cells].drop_duplicates()) - len(both[cells].drop_duplicates())
        if len(direct) and unpaired:
            found.append(
                f"{study}: {counted(unpaired, 'pair')} of intermediate and target without a seed "
                f"that `{DIRECT}` has too: the noise of both counts there"
            )
        if lacking := _lacking_seeds(others, both):
            found.append(
                f"{study}: no `{DIRECT}` run with {few(lacking)}, which intermediates have: their "
                "gains leave that seed out, or are less sure"
            )
    return found


def _lacking_seeds(others: pd.DataFrame, both: pd.DataFrame) -> list[str]:
    """Seeds of targets, in words, that only the intermediates have, where other seeds are in both.

    Args:
        others: Runs of intermediates.
        both: Those with a `direct` run of the same query and seed.
    """
    cells = [*QUERY, "intermediate"]
    paired = others.merge(both[cells].drop_duplicates(), on=cells)
    runs = pd.MultiIndex.from_frame(paired[[*cells, "seed"]])
    alone = paired[~runs.isin(pd.MultiIndex.from_frame(both[[*cells, "seed"]]))]
    found = alone[["target", "seed"]].drop_duplicates().sort_values(["target", "seed"])
    return [f"seed {row.seed} of {row.target}" for row in found.itertuples()]
