"""The protocol and the grid of a plan: which runs are done and which are open."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue
from metaselect.errors import MetaselectError, UnknownName
from metaselect.planning.landscape import SETTING
from metaselect.wording import counted, few


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One protocol of a runs table."""

    study: str
    encoder: str
    adaptation: str

    def of(self, table: pd.DataFrame) -> pd.Series:
        """Mask of the table's rows under this protocol."""
        return (
            (table["study"] == self.study)
            & (table["encoder"] == self.encoder)
            & (table["adaptation"] == self.adaptation)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedGrid:
    """The grid of a plan: tasks on both axes, and the cells that are done.

    Attributes:
        setting: Protocol of the grid.
        intermediates, targets: The axes, without `direct`.
        done: Cells (intermediate, target) that have runs, including `direct` ones.
        notes: Targets that were left out, with the reason.
    """

    setting: Setting
    intermediates: tuple[str, ...]
    targets: tuple[str, ...]
    done: frozenset[tuple[str, str]]
    notes: tuple[str, ...]

    @property
    def open(self) -> list[tuple[str, str]]:
        """Cells without runs; a task is never its own intermediate."""
        pairs = product(self.intermediates, self.targets)
        return [pair for pair in pairs if pair not in self.done and pair[0] != pair[1]]

    @property
    def repeatable(self) -> list[tuple[str, str]]:
        """Cells with runs, which further seeds would make surer; planned where none is open."""
        pairs = product(self.intermediates, self.targets)
        return [pair for pair in pairs if pair in self.done]


def setting_of(
    runs: pd.DataFrame, *, study: str | None, encoder: str | None, adaptation: str | None
) -> Setting:
    """The only protocol of a table that matches the given names.

    Raises:
        MetaselectError: No protocol matches, or several do.
    """
    given = {"study": study, "encoder": encoder, "adaptation": adaptation}
    rows = runs[list(SETTING)].drop_duplicates()
    for name, value in given.items():
        known = sorted(rows[name].unique())
        if value is not None and value not in known:
            raise MetaselectError(f"No runs with {name} {value!r}; there are: {few(known)}.")
        if value is not None:
            rows = rows[rows[name] == value]
    for name in SETTING:
        several = sorted(rows[name].unique())
        if len(several) > 1:
            raise MetaselectError(
                f"The table holds {len(several)} values of {name}; choose one with --{name}: "
                f"{few(several)}."
            )
    return Setting(**{name: str(rows[name].iloc[0]) for name in SETTING})


def grid_of(
    runs: pd.DataFrame,
    setting: Setting,
    catalogue: Catalogue,
    *,
    intermediates: Sequence[str] | None,
    targets: Sequence[str] | None,
) -> PlannedGrid:
    """The grid to plan: the given tasks, or else the tasks in the setting's runs.

    A target that has runs of intermediates but no `direct` runs is left out with a note, since its
    gains cannot be known.

    Raises:
        MetaselectError: A name is in neither the table nor the cards, or there is no intermediate.
    """
    own = runs[setting.of(runs)]
    done = frozenset(own[["intermediate", "target"]].itertuples(index=False, name=None))
    known = {*runs["intermediate"], *runs["target"]}
    rows = _checked(intermediates, own["intermediate"], known, catalogue)
    columns = _checked(targets, own["target"], known, catalogue)
    run_on = {target for _, target in done}
    without = sorted(name for name in columns if name in run_on and (DIRECT, name) not in done)
    if len(without) == len(columns):
        raise MetaselectError(
            f"{setting.study} has no {DIRECT!r} runs on {few(without)}, so no gain is known "
            f"there: run {DIRECT!r} on them first."
        )
    grid = PlannedGrid(
        setting=setting,
        intermediates=tuple(name for name in rows if name not in (DIRECT, DIRECT_PLUS)),
        targets=tuple(name for name in columns if name not in without),
        done=done,
        notes=(_without_direct(without),) if without else (),
    )
    if not (grid.open or grid.repeatable):
        raise MetaselectError(
            f"{setting.study} has no intermediate to run: name some with --intermediates."
        )
    return grid


def _checked(
    given: Sequence[str] | None, own: pd.Series, known: set[str], catalogue: Catalogue
) -> list[str]:
    """The given names, or else those of the setting, sorted."""
    if given is None:
        return sorted(set(own))
    for name in given:
        unknown = [part for part in name.split("+") if part not in catalogue]
        if name not in known and name not in catalogue and unknown:
            raise UnknownName("task", unknown[0], {*catalogue, *known})
    return sorted(set(given))


def _without_direct(names: list[str]) -> str:
    targets = counted(len(names), "target has", "targets have")
    left = "is" if len(names) == 1 else "are"
    return f"{targets} no {DIRECT} runs to take gains against and {left} left out: {few(names)}"
