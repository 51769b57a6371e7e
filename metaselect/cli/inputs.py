"""What most commands are given: a runs table, task cards, and a folder for results."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from metaselect.cli.console import say, warn
from metaselect.errors import MetaselectError, UnknownChoice
from metaselect.files import folder_kind
from metaselect.selector.shipped import shipped_runs
from metaselect.wording import counted, few

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from metaselect.catalogue.tasks import Catalogue
    from metaselect.features.base import Group

_SIMULATED_RUNS = (
    "simulated runs: nothing here was measured. Give your own with --runs (see the README)."
)


def runs_from(path: Path | None, *, percent: bool, catalogue: "Catalogue") -> "pd.DataFrame":
    """A checked runs table: the file's, or the one that ships. Warns of what should be known.

    Scores that look like slips are told of a file alone: those that ship have been looked at.

    Raises:
        MetaselectError: The table is refused, or percent without a file.
    """
    from metaselect.runs.exchange import read_table
    from metaselect.runs.remarks import slip_notes
    from metaselect.runs.schema import check_runs

    if path is None and percent:
        raise MetaselectError("--percent is of your own table: name it with --runs.")
    if path is None:
        table, slips = shipped_runs(), []
    else:
        table = check_runs(read_table(path), percent=percent, known_language=is_language)
        slips = slip_notes(table, percent=percent)
    warn([*slips, *warnings_of(table, catalogue)])
    return table


def is_language(code: str) -> bool:
    """Whether the catalogue knows a language code."""
    from metaselect.catalogue.languages import find_language

    return find_language(code) is not None


def warnings_of(table: "pd.DataFrame", catalogue: "Catalogue") -> list[str]:
    """What a reader of any result from these runs should know."""
    from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
    from metaselect.runs.remarks import variety_notes, with_nearest
    from metaselect.runs.simulated import is_simulated

    found = [_SIMULATED_RUNS] if is_simulated(table) else []
    names = {*table["intermediate"], *table["target"]} - {DIRECT, DIRECT_PLUS}
    without = sorted(name for name in names if name not in catalogue)
    if without:
        tasks = counted(len(without), "task has no card and is", "tasks have no card and are")
        told = few([with_nearest(name, catalogue) for name in without])
        found.append(f"{tasks} ranked on runs alone: {told}. Add cards with --tasks.")
    return found + variety_notes(table["language"].unique())


def listed(text: str) -> list[str]:
    """The names between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def chosen_from(option: str, text: str, allowed: "Collection[str]") -> list[str]:
    """The names between commas, each one of those allowed.

    Raises:
        UnknownChoice: A name that is not.
    """
    for name in listed(text):
        if name not in allowed:
            raise UnknownChoice(option, name, allowed)
    return listed(text)


def groups_from(text: str | None) -> "tuple[Group, ...]":
    """Feature groups named between commas; the usual ones where none are.

    Raises:
        UnknownChoice: A name that is no group.
    """
    from metaselect.features.base import DEFAULT_GROUPS, GROUPS
    from metaselect.features.registry import features_of

    if text is None:
        return DEFAULT_GROUPS
    names = chosen_from("--groups", text, GROUPS)
    chosen = tuple(group for group in GROUPS if group in names)
    if not features_of(chosen):
        raise MetaselectError(
            f"--groups {text} leaves no feature: a measured feature needs the group of what it "
            "says too (difficulty, affinity or language)."
        )
    return chosen


def check_out(out: Path | None, *, kind: str) -> None:
    """Refuse a folder for results before the work that fills it, not after.

    Raises:
        MetaselectError: It has no name of its own, cannot be made, or holds anything but a
            finished folder of this kind, which a new one may replace.
    """
    if out is None:
        return
    if out.name in ("", ".."):
        raise MetaselectError(f"--out {out} is no new folder: give it a name of its own.")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise MetaselectError(f"--out {out} cannot be made in {above}: choose another folder.")
    empty = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    if not empty and folder_kind(out) != kind:
        raise MetaselectError(
            f"{out} is there already and is not a finished {kind} folder: choose another --out, "
            "or remove it."
        )


def say_if_replaced(out: Path, *, kind: str) -> None:
    """Say that a finished folder of this kind is there and is replaced."""
    if folder_kind(out) == kind:
        say(f"{out}: the {kind} that was there is replaced")
