"""Runs that a lab shares: the table, and beside it `study.toml`, which says what made them.

studies = ["ours"]                  # every name in the table's column study
licence = "MIT"
source = "https://github.com/lab/runs/tree/4d5b1d3"
citation = "Doe et al. 2026"
runs_hash = "9f86d081884c7d65..."   # of the table: a changed table is another contribution
supersedes = []                     # studies that these runs correct, for readers

[data]                              # by task: a hub id at a commit, or a hash of its files
xnli = "facebook/xnli@b8dd5d7"

[encoders]                          # by encoder: the same
xlm-roberta-base = "FacebookAI/xlm-roberta-base@e73636d"
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue
from metaselect.catalogue.tomltext import (
    Place,
    lines_of,
    read_text,
    refusal,
    setting_fault,
    tables_of,
    with_line,
)
from metaselect.errors import MetaselectError
from metaselect.files import DESCRIPTION
from metaselect.runs.faults import Fault
from metaselect.runs.schema import table_hash

_FINGERPRINT = r"^(\S+@[0-9a-f]{7,40}|(sha256|blake2b):[0-9a-f]{32,})$"
_ADDRESS = r"^https?://\S+$"
_PATTERNS = {
    _FINGERPRINT: "a hub id at a commit (facebook/xnli@b8dd5d7), or a hash (sha256:9f86d0...)",
    _ADDRESS: "an address (https://...)",
}
Fingerprint = Annotated[str, Field(pattern=_FINGERPRINT)]
"""A hub id or address at a commit, or a hash."""

_TODO = "TODO: "
"""Stands before what only the author of the runs knows."""


class Contribution(BaseModel):
    """What `study.toml` says of a table of runs."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)

    studies: list[str] = Field(min_length=1)
    licence: str = Field(min_length=2)
    source: str = Field(pattern=_ADDRESS)
    citation: str = Field(min_length=4)
    runs_hash: str
    supersedes: list[str] = []
    data: dict[str, Fingerprint]
    encoders: dict[str, Fingerprint]


def description_text(
    runs: pd.DataFrame, hashes: Sequence[Mapping[str, Mapping[str, str]]], *, made: str
) -> str:
    """A `study.toml` of a table with all that is known, and a placeholder for what is not.

    Args:
        runs: The table, from `check_runs`.
        hashes: What each grid behind it rests on, as its `grid.json` has it: `data` by
            `task/split`, `encoders` by name.
        made: How and when, for the first line.
    """
    import tomli_w

    data = [item for found in hashes for item in found.get("data", {}).items()]
    encoders = {name: text for found in hashes for name, text in found.get("encoders", {}).items()}
    values = {
        "studies": sorted({*runs["study"]}),
        "licence": f"{_TODO}such as MIT or CC-BY-4.0",
        "source": f"{_TODO}where the runs are, https://...",
        "citation": f"{_TODO}how to cite them",
        "runs_hash": table_hash(runs),
        "supersedes": list[str](),
        "data": {
            task: _fingerprint_of(
                {name: text for name, text in data if name.startswith(f"{task}/")}.items()
            )
            for task in sorted(_tasks(runs))
        },
        "encoders": {
            name: _fingerprint(encoders.get(name, "")) for name in sorted({*runs["encoder"]})
        },
    }
    return f"# {made}\n{tomli_w.dumps(values)}"


def _fingerprint_of(splits: Iterable[tuple[str, str]]) -> str:
    """The one hub id at a commit behind all splits of a task, else a hash of their hashes."""
    there = sorted(item for item in splits if item[1] != "missing")
    places = {_fingerprint(text) for _, text in there}
    if len(there) <= 1 or (len(places) == 1 and "@" in min(places)):
        return min(places, default=_fingerprint(""))
    return f"sha256:{hashlib.sha256(repr(there).encode()).hexdigest()}"


def _fingerprint(identity: str) -> str:
    """What a grid names data or an encoder by, without how they are cut."""
    found = identity.split(":")[0]
    told = f"sha256:{found}" if re.fullmatch("[0-9a-f]{64}", found) else found
    return told if re.match(_FINGERPRINT, told) else f"{_TODO}a hub id at a commit, or a hash"


def read_contribution(path: Path) -> Contribution:
    """Read a `study.toml`.

    Raises:
        MetaselectError: It cannot be read, is no TOML, has placeholders, or breaks rules, all
            listed.
    """
    text = read_text(path, what=f"{path}, which says what made the runs (runs publish makes one)")
    tables = tables_of(text, where=str(path))
    if open_fields := sorted(_placeholders(tables)):
        raise MetaselectError(
            f"{path}: write what only you know in place of {_TODO.strip(': ')} in "
            f"{', '.join(open_fields)}."
        )
    try:
        return Contribution.model_validate(tables)
    except ValidationError as error:
        lines = lines_of(text)
        raise refusal(str(path), (_told(item, lines) for item in error.errors())) from error


def _told(item: Any, lines: Mapping[Place, int]) -> str:
    """What pydantic found wrong with a setting, with its line."""
    place = item["loc"]
    words = setting_fault(item, list(Contribution.model_fields), _PATTERNS)
    return f"{with_line('.'.join(map(str, place)), place, lines)}: {words}"


def _placeholders(tables: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in tables.items():
        if isinstance(value, Mapping):
            yield from _placeholders(value, f"{before}{name}.")
        elif isinstance(value, str) and value.startswith(_TODO):
            yield before + name


def contribution_faults(
    told: Contribution, runs: pd.DataFrame, catalogue: Catalogue, shipped: Collection[str]
) -> list[Fault]:
    """What keeps a table from being shared with the project.

    Args:
        told: What its description says.
        runs: The table, from `check_runs`.
        catalogue: Cards.
        shipped: Names of studies that ship: they can be superseded, not changed.
    """
    found = _faults(told, runs, {*catalogue}, {*shipped})
    return [Fault(None, DESCRIPTION, value, allowed) for value, allowed in found]


def _faults(
    told: Contribution, runs: pd.DataFrame, cards: set[str], shipped: set[str]
) -> Iterator[tuple[str, str]]:
    """What stands there and what may, fault by fault."""
    studies, hashed, tasks = {*runs["study"]}, table_hash(runs), _tasks(runs)
    if studies != {*told.studies}:
        yield f"studies = {told.studies}", f"the table's, {sorted(studies)}"
    if told.runs_hash != hashed:
        yield f"runs_hash = {told.runs_hash!r}", f"the table's, {hashed!r}"
    for name in sorted(studies & shipped):
        yield f"study {name}, which ships", "a name of its own, and what it corrects in supersedes"
    for name in sorted({*told.supersedes} - shipped):
        yield f"supersedes {name}", f"studies that ship, {sorted(shipped)}"
    for name in sorted(tasks - {*told.data}):
        yield f"no [data] of {name}", "a hub id at a commit, or a hash"
    for name in sorted({*runs["encoder"]} - {*told.encoders}):
        yield f"no [encoders] of {name}", "a hub id at a commit, or a hash"
    for name in sorted(tasks - cards):
        yield f"no task card of {name}", "a card in metaselect/catalogue/cards"


def _tasks(runs: pd.DataFrame) -> set[str]:
    """Tasks behind the names of intermediates and targets."""
    names = {*runs["intermediate"], *runs["target"]} - {DIRECT, DIRECT_PLUS}
    return {part for name in names for part in name.split("+")}
