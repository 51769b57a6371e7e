"""The tables of the second study's primary comparisons, from their record."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from first_choices import WORDS  # beside this file
from primary_words import Record, lines, row, scope_sentence, sentences, signed  # beside this file

from metaselect.runs.exchange import read_runs

PRIMARY = Path(__file__).parent.parent / "artifacts" / "primary"
_FIRST_CHOICES = (
    "random", "history", "history_kind", "composite", "ridge", "ranker", "ladder: history",
    "ladder: +both", "ceiling",
)  # fmt: skip


def scope() -> str:
    """What the primary comparisons are over."""
    return _joined([scope_sentence(_primary(), read_runs(PRIMARY / "runs.csv.gz"))])


def primary() -> str:
    """The primary comparisons, over clusters."""
    found = [item for item in _compared("primary", "clusters") if item["primary"]]
    return _joined(lines(found))


def gains() -> str:
    """What the first choices of the primary comparisons gain over training directly."""
    found = _primary()["primary"]["gains"]
    rows = [
        [WORDS.get(name, name) for name in _FIRST_CHOICES],
        ["---"] * len(_FIRST_CHOICES),
        [signed(found[name]) for name in _FIRST_CHOICES],
    ]
    return _joined(map(row, rows))


def findings() -> str:
    """What the record of the comparisons says, in sentences."""
    return _joined(f"- {line}" for line in sentences(_primary()))


def kinds() -> str:
    """The same and what stands beside them, over clusters joined by their kind of task."""
    return _joined(lines(_compared("primary", "kinds")))


def beside() -> str:
    """What is no primary comparison, over clusters."""
    found = [item for item in _compared("primary", "clusters") if not item["primary"]]
    return _joined(lines(found, judged=False))


def among() -> str:
    """The comparisons where an intermediate is used in any case, over clusters."""
    return _joined(lines(_compared("among", "clusters"), judged=False))


def _compared(part: str, units: str) -> list[Record]:
    rows: list[Record] = _primary()[part][units]
    return rows


def _primary() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PRIMARY / "primary.json").read_text(encoding="utf-8"))
    return found


def _joined(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


TABLES = {
    "scope": scope, "primary": primary, "gains": gains, "findings": findings, "kinds": kinds,
    "beside": beside, "among": among,
}  # fmt: skip
