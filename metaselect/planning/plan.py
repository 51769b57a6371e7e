"""Which runs to make next: from a runs table, a grid of tasks and a budget to a list of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError, UnknownName
from metaselect.planning.batch import Field, PlannedRun, Rule, choose_runs
from metaselect.planning.beliefs import Belief, believe, learn_spreads, seen_cells
from metaselect.planning.cells import CELL, LANGUAGE, SETTING, cell_gains
from metaselect.planning.costs import Costs
from metaselect.planning.landscape import Landscape, landscape_of
from metaselect.planning.worth import expected_regret

Codes = npt.NDArray[np.intp]

MOST_CELLS = 1200
"""Most measured cells that a belief rests on: it takes time with their number cubed. The setting's
own come first; of the rest, the first in order of name."""

_N_DRAWS = 4096  # of the expected regrets: their error is about a hundredth of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One protocol of a runs table."""

    study: str
    encoder: str
    adaptation: str

    def of(self, table: pd.DataFrame) -> pd.Series:
        """Which rows of a table are its own."""
        return (
            (table["study"] == self.study)
            & (table["encoder"] == self.encoder)
            & (table["adaptation"] == self.adaptation)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a plan is made.

    Attributes:
        budget: Hours of compute.
        n_seeds: Seeds of each run.
        rule: What a run is worth.
        seed: Of the draws behind the expected regrets.
    """

    budget: float
    n_seeds: int
    rule: Rule
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Runs to make, in order.

    Attributes:
        runs: `direct` ones stand before the run that needs them.
        hours: What they take in all.
        expected_regret_now, expected_regret_after: Mean regret over the targets of choosing by
            what is known now, and once the runs are made; as the model believes.
        n_open: Cells that could have been chosen.
        targets: Targets that are decided.
        notes: What a reader should know.
    """

    runs: tuple[PlannedRun, ...]
    hours: float
    expected_regret_now: float
    expected_regret_after: float
    n_open: int
    targets: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The grid of a plan: what is known of it and what is not yet run.

    Attributes:
        setting: Its protocol.
        intermediates, targets: Its axes, without `direct`.
        done: Cells of (intermediate, target) with runs, `direct` ones among them.
        notes: Targets left out, and why.
    """

    setting: Setting
    intermediates: tuple[str, ...]
    targets: tuple[str, ...]
    done: frozenset[tuple[str, str]]
    notes: tuple[str, ...]

    @property
    def open(self) -> list[tuple[str, str]]:
        """Cells not yet run; a task is no intermediate of itself."""
        pairs = product(self.intermediates, self.targets)
        return [pair for pair in pairs if pair not in self.done and pair[0] != pair[1]]


def setting_of(
    runs: pd.DataFrame, *, study: str | None, encoder: str | None, adaptation: str | None
) -> Setting:
    """The one protocol of a table that fits the names given.

    Raises:
        MetaselectError: None fits, or several do.
    """
    asked = {"study": study, "encoder": encoder, "adaptation": adaptation}
    rows = runs[list(SETTING)].drop_duplicates()
    for name, value in asked.items():
        known = sorted(rows[name].unique())
        if value is not None and value not in known:
            raise MetaselectError(f"No runs with {name} {value!r}; there are: {_few(known)}.")
        if value is not None:
            rows = rows[rows[name] == value]
    for name in SETTING:
        several = sorted(rows[name].unique())
        if len(several) > 1:
            raise MetaselectError(
                f"The table holds {len(several)} values of {name}; choose one with --{name}: "
                f"{_few(several)}."
            )
    return Setting(**{name: str(rows[name].iloc[0]) for name in SETTING})


def grid_of(
    runs: pd.DataFrame,
    setting: Setting,
    catalogue: Catalogue,
    *,
    intermediates: Sequence[str] | None,
    targets: Sequence[str] | None,
) -> Grid:
    """The grid to plan in: the tasks asked for, or those that the setting's runs name.

    A target with runs of intermediates but none `direct` is left out with a note: its gains stay
    unknown whatever is run.

    Raises:
        MetaselectError: A name that neither the table nor a card knows, or nothing left to run.
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
            f"{setting.study} has no {DIRECT!r} runs on {_few(without)}, so no gain is known "
            f"there: run {DIRECT!r} on them first."
        )
    grid = Grid(
        setting=setting,
        intermediates=tuple(name for name in rows if name != DIRECT),
        targets=tuple(name for name in columns if name not in without),
        done=done,
        notes=(_without_direct(without),) if without else (),
    )
    if not grid.open:
        raise MetaselectError(
            f"Nothing is left to run in {setting.study}: every intermediate was run on every "
            f"target{' that has direct runs' if without else ''}. Name more with --intermediates "
            "or --targets."
        )
    return grid


def make_plan(
    runs: pd.DataFrame, grid: Grid, catalogue: Catalogue, costs: Costs, terms: Terms
) -> Plan:
    """The runs that are expected to lower regret most for their hours, under a budget.

    Args:
        runs: A table from `check_runs`; runs under other protocols inform the beliefs too.
        grid: What may be run.
        catalogue: Task cards.
        costs: Hours of the grid's tasks.
        terms: Budget, seeds, rule.

    Raises:
        MetaselectError: No gain is known, or the budget does not pay for a run.
    """
    land, belief, notes = _believed(runs, grid, catalogue)
    field = _field(grid, land, costs)
    chosen, after = choose_runs(
        field, belief, costs, budget=terms.budget, n_seeds=terms.n_seeds, rule=terms.rule
    )
    if not chosen:
        raise MetaselectError(_nothing_chosen(field, costs, terms))
    now, then = expected_regret(
        belief, after, queries=field.queries, n_draws=_N_DRAWS, seed=terms.seed
    )
    return Plan(
        runs=tuple(chosen),
        hours=sum(run.hours for run in chosen),
        expected_regret_now=now,
        expected_regret_after=then,
        n_open=len(field.open),
        targets=grid.targets,
        notes=(*grid.notes, *notes),
    )


def _believed(
    runs: pd.DataFrame, grid: Grid, catalogue: Catalogue
) -> tuple[Landscape, Belief, list[str]]:
    """Measured cells, the grid's own first, and open ones; and what is believed of them."""
    gains = cell_gains(runs)
    own = grid.setting.of(gains)
    kept = pd.concat([gains[own], gains[~own]])[:MOST_CELLS].reset_index(drop=True)
    open_cells = pd.DataFrame(grid.open, columns=["intermediate", "target"])
    setting = {name: getattr(grid.setting, name) for name in SETTING}
    names = [*CELL, "language"]
    blank = open_cells.assign(**setting, language=LANGUAGE)[names]
    land = landscape_of(pd.concat([kept[names], blank], ignore_index=True), catalogue)
    seen = seen_cells(kept, np.arange(len(kept)))
    notes = []
    if len(gains) > len(kept):
        notes.append(f"{len(gains) - len(kept)} measured cells of other studies are not used")
    if kept["own_se"].isna().any():
        notes.append(
            "no seed repeats, so half of what nothing explains counts as noise: a second seed of "
            "a few runs would tell"
        )
    return land, believe(land, seen, learn_spreads(land, seen)), notes


def _field(grid: Grid, land: Landscape, costs: Costs) -> Field:
    own = grid.setting.of(land.cells).to_numpy(dtype=bool)
    allowed = own & land.cells["intermediate"].isin(grid.intermediates).to_numpy(dtype=bool)
    queries = [
        np.flatnonzero(allowed & (land.cells["target"] == target).to_numpy(dtype=bool))
        for target in grid.targets
    ]
    made = {stage for cell in grid.done if cell[1] in costs.models for stage in costs.stages(*cell)}
    made |= {(intermediate, "") for intermediate, _ in grid.done}
    return Field(
        land=land,
        open=np.arange(len(land.cells) - len(grid.open), len(land.cells)),
        queries=[query for query in queries if len(query)],
        undirected=frozenset(name for name in grid.targets if (DIRECT, name) not in grid.done),
        made=frozenset(made),
    )


def _nothing_chosen(field: Field, costs: Costs, terms: Terms) -> str:
    cells = field.land.cells.iloc[field.open][["intermediate", "target"]]
    open_cells = cells.itertuples(index=False, name=None)
    bills = [costs.bill([cell], set(field.made))[0] for cell in open_cells]
    least = min(bills) * terms.n_seeds
    if least > terms.budget:
        return (
            f"A budget of {terms.budget:g} hours pays for no run: the cheapest takes {least:.3g}."
        )
    return "No run within the budget is expected to change a choice: plan a larger one."


def _checked(
    asked: Sequence[str] | None, own: pd.Series, known: set[str], catalogue: Catalogue
) -> list[str]:
    """Names asked for, else those of the setting, in order of name."""
    if asked is None:
        return sorted(set(own))
    for name in asked:
        unknown = [part for part in name.split("+") if part not in catalogue]
        if name not in known and name not in catalogue and unknown:
            raise UnknownName("task", unknown[0], {*catalogue, *known})
    return sorted(set(asked))


def _without_direct(names: list[str]) -> str:
    few = "1 target has" if len(names) == 1 else f"{len(names)} targets have"
    return f"{few} no {DIRECT} runs to take gains against and is left out: {_few(names)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
