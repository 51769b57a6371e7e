"""Greedy choice of a batch of runs under a budget, by acquisition value per hour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from metaselect.catalogue.tasks import DIRECT
from metaselect.planning.acquisition import expected_improvement, knowledge_gradient
from metaselect.planning.costs import Costs, Stage
from metaselect.planning.landscape import Landscape
from metaselect.planning.posterior import Posterior

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

Rule = Literal["gradient", "improvement"]
RULES: dict[Rule, Callable[..., Floats]] = {
    "gradient": knowledge_gradient,
    "improvement": expected_improvement,
}

_NOTHING = 1e-12  # a worth below rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One run to make.

    Attributes:
        intermediate, target: The cell.
        hours: What it takes after the runs before it, over all seeds.
        expected_reduction: Expected fall of the mean regret over the plan's targets by the time
            of the run; for expected improvement, of the gain on its target over their number;
            0 for `direct`, which other runs need to be gains at all.
        gain: Expected gain before the run.
        gain_sd: How uncertain that is.
    """

    intermediate: str
    target: str
    hours: float
    expected_reduction: float
    gain: float
    gain_sd: float


@dataclass(frozen=True, slots=True)
class PlanProblem:
    """Cells that may be run, and the queries to decide.

    Attributes:
        land: All cells.
        open: Cells that may be run.
        queries: Cells of each target to choose for.
        undirected: Targets without `direct` runs, which the first run on them adds.
        made: Trainings that exist already.
    """

    land: Landscape
    open: Codes
    queries: Sequence[Codes]
    undirected: frozenset[str]
    made: frozenset[Stage]


def choose_runs(
    problem: PlanProblem,
    posterior: Posterior,
    costs: Costs,
    *,
    budget: float,
    n_seeds: int,
    rule: Rule,
) -> tuple[list[PlannedRun], Posterior]:
    """Choose runs greedily by acquisition value per hour, within the budget.

    Each run is assumed to have its expected result before the next is chosen (the Kriging believer
    of Ginsbourger et al. 2010). A run without value is never chosen.

    Args:
        problem: Cells that may be run, and the queries to decide.
        posterior: Of all cells.
        costs: Hours.
        budget: Total hours.
        n_seeds: Seeds of each run.
        rule: Acquisition function.

    Returns:
        The runs in order, and the posterior after them.
    """
    made, undirected = set(problem.made), set(problem.undirected)
    cells = list(problem.land.cells[["intermediate", "target"]].itertuples(index=False, name=None))
    left, chosen = [int(place) for place in problem.open], list[PlannedRun]()
    while left:
        bills = [costs.bill(_needed(cells[place], undirected), made)[0] for place in left]
        hours = np.array(bills) * n_seeds
        worth = RULES[rule](
            posterior, np.array(left, dtype=np.intp), queries=problem.queries, n_seeds=n_seeds
        ) / len(problem.queries)
        allowed = (hours <= budget) & (worth > _NOTHING)
        if not allowed.any():
            break
        best = int(np.argmax(np.where(allowed, worth / np.maximum(hours, _NOTHING), -np.inf)))
        place = left.pop(best)
        for cell in _needed(cells[place], undirected):
            price, new = costs.bill([cell], made)
            made |= new
            of_cell = float(worth[best]) if cell[0] != DIRECT else 0.0
            chosen.append(_planned(cell, posterior, place, price * n_seeds, of_cell))
        undirected.discard(cells[place][1])
        budget -= float(hours[best])
        posterior = posterior.after(place, n_seeds=n_seeds)
    return chosen, posterior


def _needed(cell: tuple[str, str], undirected: set[str]) -> list[tuple[str, str]]:
    """A cell, after the `direct` runs of its target where there are none."""
    return [(DIRECT, cell[1]), cell] if cell[1] in undirected else [cell]


def _planned(
    cell: tuple[str, str], posterior: Posterior, place: int, hours: float, worth: float
) -> PlannedRun:
    direct = cell[0] == DIRECT
    return PlannedRun(
        intermediate=cell[0],
        target=cell[1],
        hours=hours,
        expected_reduction=worth,
        gain=0.0 if direct else float(posterior.mean[place]),
        gain_sd=0.0 if direct else float(np.sqrt(max(posterior.covariance[place, place], 0.0))),
    )
