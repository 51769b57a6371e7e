"""Which runs to make next: from a grid of tasks and a budget to a list of runs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError
from metaselect.planning.acquisition import expected_regret
from metaselect.planning.batch import RULES, PlannedRun, PlanProblem, Rule, choose_runs
from metaselect.planning.costs import Costs
from metaselect.planning.grids import PlannedGrid
from metaselect.planning.landscape import (
    CELL,
    LANGUAGE,
    SETTING,
    Landscape,
    cell_gains,
    landscape_of,
)
from metaselect.planning.posterior import Posterior, learn_spreads, measured_cells, posterior_of

MOST_CELLS = 1200
"""Maximum number of measured cells in a posterior, which takes time cubic in it. The setting's own
cells come first, then the others in order of name."""

_VISIBLE = 5e-6  # half a thousandth of a point of regret: less is told as 0.000

_N_DRAWS = 4096  # of the expected regrets: their error is about a hundredth of them


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """How a plan is made.

    Attributes:
        budget: Hours of compute.
        n_seeds: Seeds of each run.
        rule: Acquisition function.
        seed: Seed of the draws for the expected regrets.
        weights_kept: Whether the trainings behind the runs are there to be built on; weights of
            runs that others made are not.
    """

    budget: float
    n_seeds: int
    rule: Rule
    seed: int
    weights_kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Runs to make, in order.

    Attributes:
        runs: Planned runs; `direct` runs precede the run that needs them. None where no run, at any
            budget, is expected to lower the regret by what is shown of it.
        hours: Total hours of the runs.
        expected_regret_now, expected_regret_after: Mean regret over targets under the posterior,
            for choices made now and after the runs.
        n_open: Cells that could have been chosen.
        targets: Targets to choose intermediates for.
        notes: Warnings for the reader.
    """

    runs: tuple[PlannedRun, ...]
    hours: float
    expected_regret_now: float
    expected_regret_after: float
    n_open: int
    targets: tuple[str, ...]
    notes: tuple[str, ...]


def make_plan(
    runs: pd.DataFrame,
    grid: PlannedGrid,
    catalogue: Catalogue,
    costs: Costs,
    settings: PlanSettings,
) -> Plan:
    """The runs that are expected to lower regret most for their hours, under a budget.

    Args:
        runs: A table from `check_runs`; runs under other protocols inform the posterior too.
        grid: What may be run.
        catalogue: Task cards.
        costs: Hours of the grid's tasks.
        settings: Budget, seeds, rule.

    Raises:
        MetaselectError: No gain is known, or the budget does not pay for a run.
    """
    land, posterior, notes = _posterior(runs, grid, catalogue)
    problem = _problem(grid, land, costs, weights_kept=settings.weights_kept)
    chosen, after = choose_runs(
        problem,
        posterior,
        costs,
        budget=settings.budget,
        n_seeds=settings.n_seeds,
        rule=settings.rule,
    )
    if all(run.expected_reduction < _VISIBLE for run in chosen):
        _check_budget(problem, posterior, costs, settings)
        chosen, after = [], posterior
    now, then = expected_regret(
        posterior, after, queries=problem.queries, n_draws=_N_DRAWS, seed=settings.seed
    )
    return Plan(
        runs=tuple(chosen),
        hours=sum(run.hours for run in chosen),
        expected_regret_now=now,
        expected_regret_after=then,
        n_open=len(problem.open),
        targets=grid.targets,
        notes=(*grid.notes, *notes),
    )


def _posterior(
    runs: pd.DataFrame, grid: PlannedGrid, catalogue: Catalogue
) -> tuple[Landscape, Posterior, list[str]]:
    """Measured cells (the grid's own first), open cells, and the posterior of their gains."""
    gains = cell_gains(runs)
    own = grid.setting.of(gains)
    kept = pd.concat([gains[own], gains[~own]])[:MOST_CELLS].reset_index(drop=True)
    open_cells = pd.DataFrame(grid.open, columns=["intermediate", "target"])
    setting = {name: getattr(grid.setting, name) for name in SETTING}
    names = [*CELL, "language"]
    blank = open_cells.assign(**setting, language=LANGUAGE)[names]
    land = landscape_of(pd.concat([kept[names], blank], ignore_index=True), catalogue)
    measured = measured_cells(kept, np.arange(len(kept)))
    notes = []
    if len(gains) > len(kept):
        notes.append(f"{len(gains) - len(kept)} measured cells of other studies are not used")
    if kept["own_se"].isna().any():
        notes.append(
            "no seed repeats, so half of what nothing explains counts as noise: a second seed of "
            "a few runs would tell"
        )
    if not grid.open:
        notes.append(
            "every intermediate was run on every target: further seeds are all there is to plan"
        )
    return land, posterior_of(land, measured, learn_spreads(land, measured)), notes


def _problem(
    grid: PlannedGrid, land: Landscape, costs: Costs, *, weights_kept: bool
) -> PlanProblem:
    own = grid.setting.of(land.cells).to_numpy(dtype=bool)
    allowed = own & land.cells["intermediate"].isin(grid.intermediates).to_numpy(dtype=bool)
    queries = [
        np.flatnonzero(allowed & (land.cells["target"] == target).to_numpy(dtype=bool))
        for target in grid.targets
    ]
    queries = [query for query in queries if len(query)]
    if not grid.open:  # another seed trains everything anew, `direct` first
        measured = np.concatenate(queries)
        return PlanProblem(land, measured, queries, frozenset(grid.targets), frozenset())
    made = {stage for cell in grid.done if cell[1] in costs.models for stage in costs.stages(*cell)}
    made |= {(intermediate, "") for intermediate, _ in grid.done}
    return PlanProblem(
        land=land,
        open=np.arange(len(land.cells) - len(grid.open), len(land.cells)),
        queries=queries,
        undirected=frozenset(name for name in grid.targets if (DIRECT, name) not in grid.done),
        made=frozenset(made if weights_kept else ()),
    )


def _check_budget(
    problem: PlanProblem, posterior: Posterior, costs: Costs, settings: PlanSettings
) -> None:
    """Refuse a budget without a worthy run where a larger one would have one, or pays for none."""
    cells = problem.land.cells.iloc[problem.open][["intermediate", "target"]]
    open_cells = cells.itertuples(index=False, name=None)
    bills = [costs.bill([cell], set(problem.made))[0] for cell in open_cells]
    least = min(bills) * settings.n_seeds
    if least > settings.budget:
        hours = f"{settings.budget:g} hours"
        raise MetaselectError(
            f"A budget of {hours} pays for no run: the cheapest takes {least:.3g}."
        )
    worth = RULES[settings.rule](
        posterior, problem.open, queries=problem.queries, n_seeds=settings.n_seeds
    )
    if worth.max() / len(problem.queries) >= _VISIBLE:
        raise MetaselectError(
            "No run within the budget is expected to change a choice: plan a larger one."
        )
