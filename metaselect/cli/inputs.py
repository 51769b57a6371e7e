"""What most commands read: a runs table and task cards."""

from pathlib import Path
from typing import TYPE_CHECKING

from metaselect.console import warn
from metaselect.shipped import SIMULATED, SIMULATED_WARNING, shipped_runs

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.catalogue.tasks import Catalogue


def runs_from(path: Path | None, *, percent: bool, catalogue: "Catalogue") -> "pd.DataFrame":
    """A checked runs table: the file's, or the one that ships. Warns of what should be known."""
    from metaselect.runs.exchange import read_table
    from metaselect.runs.schema import check_runs

    if path is None:
        table = shipped_runs()
    else:
        table = check_runs(read_table(path), percent=percent, known_language=is_language)
    warn(warnings_of(table, catalogue))
    return table


def is_language(code: str) -> bool:
    """Whether the catalogue knows a language code."""
    from metaselect.catalogue.languages import find_language

    return find_language(code) is not None


def warnings_of(table: "pd.DataFrame", catalogue: "Catalogue") -> list[str]:
    """What a reader of any result from these runs should know."""
    from metaselect.catalogue.tasks import DIRECT

    found = []
    if (table["source"] == SIMULATED).any():
        found.append(SIMULATED_WARNING)
    names = {*table["intermediate"], *table["target"]} - {DIRECT}
    without = sorted(name for name in names if name not in catalogue)
    if without:
        found.append(
            f"{len(without)} tasks have no card and are ranked on their runs alone: "
            f"{_few(without)}. Add cards with --tasks."
        )
    return found


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown}, ..." if len(names) > 5 else shown
