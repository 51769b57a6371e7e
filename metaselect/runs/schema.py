"""The table of transfer runs: one row per measured score, and every rule that it must keep.

Text is checked once for each distinct value, numbers and repeats in whole columns, so that a
million rows take seconds. Nothing is repaired: a table is whole, or refused with every fault.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.runs.faults import Fault, RunsTableError, cell_faults, shown
from metaselect.runs.values import SEED_LIMIT, KnownLanguage, broken_rule, fractions, whole_numbers

Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the runs table: its name, its type, whether cells may be empty, its rule."""

    name: str
    type: Literal["text", "number", "whole number"]
    required: bool
    rule: str


COLUMNS = (
    Column("study", "text", True, "name of the protocol that the runs were made under"),
    Column("encoder", "text", True, "hub id or folder of the pretrained model"),
    Column("adaptation", "text", True, "how it was trained: finetune, lora, ..."),
    Column("intermediate", "text", True, f"a task name, or {DIRECT!r} for none"),
    Column("target", "text", True, f"a task name, never {DIRECT!r}"),
    Column(
        "language", "text", True, "a language code such as en, nan, no, zh-Hant, pt-BR, nb-x-north"
    ),
    Column("metric", "text", True, "one metric for each study and target"),
    Column("score", "number", True, "a fraction in [0, 1]; for correlations in [-1, 1]"),
    Column("seed", "whole number", True, "a whole number, 0 or more"),
    Column("source", "text", False, "where the number comes from; may be empty"),
)
RUN_KEY = (
    *("study", "encoder", "adaptation", "intermediate"),
    *("target", "language", "metric", "seed"),
)
"""The columns that name a run: one score for each."""

_NAMES = frozenset(column.name for column in COLUMNS)
_OTHER_NAMES = {
    "score": ("acc", "accuracy", "f1", "value"),
    "encoder": ("model",),
    "language": ("lang",),
}  # what other tables call a column, in lower case
_CORRELATION = re.compile(r"matthews|pearson|spearman|correlation|\bmcc", re.IGNORECASE)
_PERCENT_HINT = "Scores above 1 look like percent: pass --percent (percent=True) to divide by 100."


def check_runs(
    table: pd.DataFrame, *, percent: bool, known_language: KnownLanguage | None = None
) -> pd.DataFrame:
    """The table with typed columns, or an error that lists every fault.

    Args:
        table: One row per score; the columns of `COLUMNS` in any order, and others, which are
            kept as they are, behind them.
        percent: Scores are percent; they are divided by 100 (rounded to 12 decimals, so that 56.7
            becomes 0.567).
        known_language: Whether a code names a language; None checks its form alone, since a
            ranker can do with languages that nothing is known of.

    Returns:
        A new table with text, float64 scores and int64 seeds, rows in order, a fresh index. A
        missing `source` column is added, empty.

    Raises:
        RunsTableError: Anything missing, impossible, duplicate or contradictory.
    """
    faults = _table_faults(table)
    checked: dict[str, Any] = {}
    codes: dict[str, Codes] = {}
    n_fractions = 0
    for column in COLUMNS:
        if column.type == "text" and column.name in table:
            found = _check_text(table[column.name], column, known_language, faults)
            codes[column.name], checked[column.name] = found
    if "seed" in table:
        checked["seed"], codes["seed"] = _check_seeds(table["seed"], faults)
    if "score" in table:
        checked["score"] = _check_scores(table["score"], checked.get("metric"), percent, faults)
        not_percent, n_fractions = _not_percent_faults(checked["score"], codes)
        faults += not_percent if percent else []
    faults += _repeat_faults(codes, checked)
    faults += _metric_faults(codes, table)
    if faults:
        raise RunsTableError(faults, hint=_hint(checked.get("score"), percent, n_fractions))
    checked.setdefault("source", pd.Series([""] * len(table), dtype="str"))
    extra = table.drop(columns=[c.name for c in COLUMNS], errors="ignore").reset_index(drop=True)
    return pd.concat([pd.DataFrame(checked)[[c.name for c in COLUMNS]], extra], axis=1)


def table_hash(runs: pd.DataFrame) -> str:
    """Names a checked table by its required columns' content, whatever the order of its rows."""
    columns = [column.name for column in COLUMNS if column.required]
    rows = pd.util.hash_pandas_object(runs[columns], index=False).to_numpy()
    return hashlib.blake2b(np.sort(rows).tobytes(), digest_size=16).hexdigest()


def _table_faults(table: pd.DataFrame) -> list[Fault]:
    """Missing columns and no rows; raises at once where columns cannot be told apart."""
    names = [str(name) for name in table.columns]
    odd = [str(name) for name in table.columns if not isinstance(name, str)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if odd or twice:
        unclear = [Fault(None, name, "column twice", "a name once") for name in twice]
        unclear += [Fault(None, name, "name is not text", "text as a name") for name in odd]
        raise RunsTableError(unclear, hint="")
    faults = [
        Fault(None, column.name, "no such column", column.rule + _renaming(column.name, names))
        for column in COLUMNS
        if column.required and column.name not in names
    ]
    return faults if len(table) else [*faults, Fault(None, "", "no rows", "at least one row")]


def _renaming(column: str, names: Sequence[str]) -> str:
    """A question after the column that may be meant, by its case, its spelling or a usual word."""
    own = {name.strip().lower(): name for name in names if name not in _NAMES}
    usual = [word for word in (column, *_OTHER_NAMES.get(column, ())) if word in own]
    meant = usual or get_close_matches(column, own, n=1, cutoff=0.8)
    return f" (did you mean {own[meant[0]]}? rename it to {column})" if meant else ""


def _check_text(
    values: pd.Series, column: Column, known_language: KnownLanguage | None, faults: list[Fault]
) -> tuple[Codes, pd.Series]:
    """Codes of the distinct texts, -1 where a cell is faulty, and the column as text."""
    cells = values.to_numpy(dtype=object)
    is_text = np.fromiter((isinstance(cell, str) for cell in cells), bool, len(cells))
    codes = np.full(len(cells), -1, dtype=np.intp)
    codes[is_text], names = pd.factorize(cells[is_text])
    allowed = [_text_rule(name, column, known_language) for name in names]
    broken = np.array([*(rule is not None for rule in allowed), False])[codes]
    faults += [
        Fault(row + 1, column.name, shown(cells[row]), str(allowed[codes[row]]))
        for row in np.flatnonzero(broken).tolist()
    ]
    codes[broken] = -1
    other = np.flatnonzero(~is_text)
    if not column.required:
        other = other[[not _is_missing(cell) for cell in cells[other]]]
    faults += cell_faults(column.name, other.tolist(), cells[other], _not_text_rule(column))
    safe = [str(name) if rule is None else "" for name, rule in zip(names, allowed, strict=True)]
    texts = pd.Series([*safe, ""], dtype="str")
    return codes, texts.take(codes).reset_index(drop=True)


def _text_rule(value: str, column: Column, known_language: KnownLanguage | None) -> str | None:
    """The rule that a text breaks, or None."""
    if not value:
        return f"not empty: {column.rule}" if column.required else None
    return broken_rule(value, column=column.name, known_language=known_language)


def _is_missing(cell: object) -> bool:
    is_nan = isinstance(cell, float) and np.isnan(cell)
    return cell is None or cell is pd.NA or cell is pd.NaT or bool(is_nan)


def _not_text_rule(column: Column) -> str:
    if column.name == "language":
        return (
            "text: the codes nan (Min Nan Chinese) and no (Norwegian) are not missing values or "
            "booleans (metaselect.read_runs keeps them)"
        )
    return f"text: {column.rule}"


def _check_seeds(
    values: pd.Series, faults: list[Fault]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    seeds, good = whole_numbers(values)
    bad = np.flatnonzero(~good)
    rule = next(column.rule for column in COLUMNS if column.name == "seed")
    too_large = fractions(values.iloc[bad]) >= float(SEED_LIMIT)  # as floats both are 2^63
    for rows, allowed in ((bad[~too_large], rule), (bad[too_large], f"at most {SEED_LIMIT}")):
        faults += cell_faults("seed", rows.tolist(), values.iloc[rows].tolist(), allowed)
    codes = pd.factorize(seeds)[0]
    return seeds, np.where(good, codes, -1)


def _check_scores(
    cells: pd.Series, metrics: pd.Series | None, percent: bool, faults: list[Fault]
) -> npt.NDArray[np.float64]:
    """Scores as fractions, NaN where a cell is not a finite number."""
    scores = fractions(cells)
    if percent:
        with np.errstate(over="ignore"):  # 1e298 is out of range, as infinity is
            scores = np.round(scores / 100, 12)
    low = np.zeros(len(scores))
    if metrics is not None:
        found, names = pd.factorize(metrics)
        signed = [bool(_CORRELATION.search(name)) for name in names]
        low = np.where(np.array([*signed, False])[found], -1.0, 0.0)
    bad = np.flatnonzero(~((scores >= low) & (scores <= 1)))
    for lowest in (0.0, -1.0):
        rows = bad[low[bad] == lowest]
        bounds = f"[{lowest * 100:g}, 100]" if percent else f"[{lowest:g}, 1]"
        rule = f"a {'percentage' if percent else 'fraction'} in {bounds}"
        faults += cell_faults("score", rows.tolist(), cells.iloc[rows].tolist(), rule)
    return scores


def _not_percent_faults(
    scores: npt.NDArray[np.float64], codes: dict[str, Codes]
) -> tuple[list[Fault], int]:
    """A fault for each study and target whose scores are all fractions, said to be percent.

    Also how many rows these have.
    """
    if not {"study", "target"} <= set(codes) or not len(scores):
        return [], 0
    frame = pd.DataFrame({"study": codes["study"], "target": codes["target"], "score": scores})
    highest = frame.groupby(["study", "target"])["score"].transform("max").to_numpy()
    first = ~frame.duplicated(["study", "target"]).to_numpy()
    low = (highest > 0) & (highest <= 0.01)
    rows = np.flatnonzero(first & low)
    return [
        Fault(row + 1, "score", f"{highest[row] * 100:g} is the highest of its study and target",
              "percent, as --percent says; for fractions leave --percent out")
        for row in rows.tolist()
    ], int(low.sum())  # fmt: skip


def _repeat_faults(codes: dict[str, Codes], checked: dict[str, Any]) -> list[Fault]:
    """Rows that name a run that stands above them, with the same score or another."""
    if "score" not in checked or not set(RUN_KEY) <= set(codes):
        return []
    keys = pd.DataFrame({name: codes[name] for name in RUN_KEY})
    keys = keys[(keys >= 0).all(axis=1)]
    if not keys.duplicated().any():
        return []
    run = keys.groupby(list(RUN_KEY), sort=False).ngroup()
    above = run.map(pd.Series(keys.index, index=run).groupby(level=0).first())
    scores = checked["score"]
    faults = []
    for row, first in above[above != above.index].items():
        if scores[row] == scores[first]:
            value = f"the same run and score as row {first + 1}"
            faults.append(Fault(int(str(row)) + 1, "", value, "each run once"))
        elif not np.isnan(scores[row]):
            allowed = (
                f"one score for each run: row {first + 1} has {float(scores[first])!r} for this one"
            )
            faults.append(Fault(int(str(row)) + 1, "score", repr(float(scores[row])), allowed))
    return faults


def _metric_faults(codes: dict[str, Codes], table: pd.DataFrame) -> list[Fault]:
    """Rows whose metric is not the first one of their study and target."""
    if not {"study", "target", "metric"} <= set(codes):
        return []
    keys = pd.DataFrame({name: codes[name] for name in ("study", "target", "metric")})
    keys = keys[(keys >= 0).all(axis=1)]
    first = keys.groupby(["study", "target"])["metric"].transform("first")
    rows = keys.index[keys["metric"] != first].tolist()
    return cell_faults("metric", rows, table["metric"].iloc[rows].tolist(), COLUMNS[6].rule)


def _hint(scores: Any, percent: bool, n_fractions: int) -> str:
    """What to do where some or all scores are in the other unit: percent, or fractions.

    Args:
        scores: As `_check_scores` returns them; None without a column of scores.
        percent: Whether they were divided by 100.
        n_fractions: Rows of studies and targets that hold fractions alone, said to be percent.
    """
    if scores is None:
        return ""
    written = scores * 100 if percent else scores
    n_percent = int(((written > 1) & (written <= 100)).sum())
    are_few = n_percent * 2 < len(scores)
    if percent:
        return "" if are_few or not n_fractions else _mixed(n_fractions, scores, "fractions")
    if not n_percent:
        return ""
    return _mixed(n_percent, scores, "percent") if are_few else _PERCENT_HINT


def _mixed(number: int, scores: Any, unit: Literal["percent", "fractions"]) -> str:
    change = "divide" if unit == "percent" else "multiply"
    look = "looks" if number == 1 else "look"
    those = "that score" if number == 1 else "those scores"
    return (
        f"{number:,} of {len(scores):,} rows {look} like {unit}: {change} {those} by 100 if so; "
        "else look where it comes from."
    )
