"""Runs that a lab shares: the table, and beside it `study.toml`, which says what made them.

studies = ["ours"]                  # every name in the table's column study
licence = "MIT"
source = "https://github.com/lab/runs/tree/4d5b1d3"
citation = "Doe et al. 2026"
runs_hash = "9f86d081884c7d65..."   # of the table: a changed table is another contribution
supersedes = []                     # studies that these runs correct

[data]                              # by task: a hub id at a commit, or a hash of its files
xnli = "facebook/xnli@b8dd5d7"

[encoders]                          # by encoder: the same
xlm-roberta-base = "FacebookAI/xlm-roberta-base@e73636d"
"""

import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue
from metaselect.errors import MetaselectError
from metaselect.runs.faults import Fault
from metaselect.runs.schema import table_hash

DESCRIPTION = "study.toml"

Fingerprint = Annotated[
    str, Field(pattern=r"^(\S+@[0-9a-f]{7,40}|(sha256|blake2b):[0-9a-f]{32,})$")
]
"""A hub id or address at a commit, or a hash."""


class Contribution(BaseModel):
    """What `study.toml` says of a table of runs."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)

    studies: list[str] = Field(min_length=1)
    licence: str = Field(min_length=2)
    source: str = Field(pattern=r"^https?://\S+$")
    citation: str = Field(min_length=4)
    runs_hash: str
    supersedes: list[str] = []
    data: dict[str, Fingerprint]
    encoders: dict[str, Fingerprint]


def read_contribution(path: Path) -> Contribution:
    """Read a `study.toml`.

    Raises:
        MetaselectError: It cannot be read, is no TOML, or breaks rules, all listed.
    """
    try:
        return Contribution.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MetaselectError(
            f"Cannot read {path}, which says what made the runs: {error}."
        ) from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise MetaselectError(f"{path}: {'; '.join(faults)}.") from error


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
