"""Does planning save runs? A finished table is revealed run by run, in the order of each policy.

    python experiments/plan_replay.py taskweb.csv [--study S] [--seeds 1] [--repeats 30]

At first only the `direct` scores are known. A policy then names cells (intermediate, target) one
after the other and sees the gain of each, from a random choice of `--seeds` of its seeds (0: all
of them). After each run every target's intermediate is chosen, by the expected gain that the model
of `metaselect plan` has of what was revealed, or by the best gain observed; the same chooser
serves all policies, so that they differ in what they ask alone. Regret is what the choice loses
against the best cell or `direct` by the mean over all seeds, a mean over targets. Gains are means
over the languages of a target.

Policies: `gradient` (knowledge gradient) and `improvement` (expected improvement), one run at a
time and every run at one cost; `random`; `rows` (one intermediate on all targets after another,
largest training data first); `columns` (one target after another, all intermediates).

Runs needed: the first number of runs from which on the mean regret over repeats stays at or below
`--aim`. Intervals resample the repeats (95%, 2,000 times). Prints one JSON object a study.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.planning.acquisition import expected_improvement, knowledge_gradient
from metaselect.planning.landscape import CELL, SETTING, Landscape, cell_gains, landscape_of
from metaselect.planning.posterior import (
    MeasuredCells,
    Posterior,
    learn_spreads,
    measured_cells,
    posterior_of,
    prior_spreads,
)
from metaselect.runs.exchange import read_runs
from metaselect.seeding import derive_seed

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

ACQUIRED = {"gradient": knowledge_gradient, "improvement": expected_improvement}
CHOOSERS = ("expected", "observed")
LEARN_AT = (*range(1, 10, 4), *range(10, 40, 5), *range(40, 120, 20), *range(120, 2000, 60))
N_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class World:
    """One finished grid.

    Attributes:
        runs: Its rows.
        land: Its cells.
        truth: Gain of each cell over all seeds.
        queries: Cells of each target.
        sizes: Training rows of each cell's intermediate; 0 where unknown.
    """

    runs: pd.DataFrame
    land: Landscape
    truth: Floats
    queries: list[Codes]
    sizes: Floats


def main() -> None:
    """Replay every study of a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("--study", help="this study alone")
    parser.add_argument("--tasks", type=Path, help="your own task cards")
    parser.add_argument("--seeds", type=int, default=1, help="seeds of a run; 0: all there are")
    parser.add_argument("--repeats", type=int, default=30, help="choices of seeds and orders")
    parser.add_argument("--most", type=int, default=160, help="runs to reveal at most")
    parser.add_argument("--aim", type=float, default=0.02, help="regret to reach, a fraction")
    parser.add_argument(
        "--policies",
        default="gradient,improvement,rows,columns",
        help="beside random, which ratios are taken against",
    )
    asked = parser.parse_args()
    catalogue = load_catalogue(asked.tasks)
    table = read_runs(asked.runs)
    for names, runs in table.groupby(list(SETTING), observed=True, sort=True):
        if asked.study in (None, names[0]):
            print(json.dumps(replay(runs.reset_index(drop=True), catalogue, asked)), flush=True)


def replay(runs: pd.DataFrame, catalogue: Catalogue, asked: argparse.Namespace) -> dict[str, Any]:
    """Curves and runs needed of every policy on one finished grid."""
    world = _world(runs, catalogue)
    curves: dict[str, Floats] = {}
    start = time.perf_counter()
    for policy in dict.fromkeys(["random", *asked.policies.split(",")]):
        differ = asked.seeds > 0 or policy == "random"  # else every repeat is the same
        made = [_curve(world, policy, n, asked) for n in range(asked.repeats if differ else 1)]
        curves[policy] = np.array(made if differ else made * asked.repeats)
    record: dict[str, Any] = {
        "study": str(runs["study"].iloc[0]), "n_cells": len(world.truth),
        "n_targets": len(world.queries), "seeds": asked.seeds, "aim": asked.aim,
        "repeats": asked.repeats, "seconds": round(time.perf_counter() - start),
    }  # fmt: skip
    for place, chooser in enumerate(CHOOSERS):
        by_policy = {name: curve[:, :, place] for name, curve in curves.items()}
        record[chooser] = {
            name: _summary(curve, by_policy["random"], asked.aim)
            for name, curve in by_policy.items()
        }
    return record


def _world(runs: pd.DataFrame, catalogue: Catalogue) -> World:
    cells = cell_gains(runs)
    land = landscape_of(cells, catalogue)
    queries = [np.flatnonzero(land.query == code) for code in range(land.n_queries)]
    cards = [catalogue.find(name) for name in cells["intermediate"]]
    sizes = np.array([0 if card is None else card.train_size or 0 for card in cards], dtype=float)
    return World(runs, land, cells["gain"].to_numpy(), queries, sizes)


def _curve(world: World, policy: str, repeat: int, asked: argparse.Namespace) -> Floats:
    """Mean regret after 0, 1, ... runs by each chooser, shape (n_runs + 1, 2)."""
    draw = np.random.default_rng(derive_seed(0, "replay", str(repeat)))
    gains = _revealed_gains(world, asked.seeds, draw)
    order = _fixed_order(world, policy, draw)
    places: list[int] = []
    spreads = prior_spreads(len(world.land.kernels), world.land.n_queries)
    regrets = []
    while True:
        measured = measured_cells(gains.iloc[places], np.array(places, dtype=np.intp))
        if len(places) in LEARN_AT:
            spreads = learn_spreads(world.land, measured, start=spreads)
        posterior = posterior_of(world.land, measured, spreads)
        regrets.append([_regret(world, posterior.mean), _regret(world, _observed(world, measured))])
        if len(places) == min(asked.most, len(world.truth)):
            return np.array(regrets)
        places.append(_next(world, policy, posterior, places, order, asked.seeds or 1))


def _revealed_gains(world: World, n_seeds: int, draw: np.random.Generator) -> pd.DataFrame:
    """Gains of all cells from a few of their seeds each; a policy sees those it has asked for."""
    runs = world.runs
    if not n_seeds:
        return cell_gains(runs)
    names = [*CELL, "seed"]
    cell_seeds = runs[names].drop_duplicates().reset_index(drop=True)
    cell_seeds["order"] = draw.random(len(cell_seeds))
    place = cell_seeds.groupby(list(CELL), observed=True)["order"].rank()
    kept = cell_seeds[(place <= n_seeds) | (cell_seeds["intermediate"] == DIRECT)]
    gains = cell_gains(runs.merge(kept[names], on=names))
    keys = pd.MultiIndex.from_frame(gains[list(CELL)])
    wanted = pd.MultiIndex.from_frame(world.land.cells[list(CELL)])
    return gains.iloc[keys.get_indexer(wanted)].reset_index(drop=True)


def _fixed_order(world: World, policy: str, draw: np.random.Generator) -> list[int]:
    """Every cell in the order of a policy that does not look; none for one that does."""
    cells, largest = world.land.cells, -world.sizes
    by_row = [cells["target"], cells["intermediate"], largest]
    by_column = [largest, cells["intermediate"], cells["target"]]
    orders: dict[str, Callable[[], npt.NDArray[Any]]] = {
        "random": lambda: draw.permutation(len(cells)),
        "rows": lambda: np.lexsort([np.asarray(key) for key in by_row]),
        "columns": lambda: np.lexsort([np.asarray(key) for key in by_column]),
    }
    return list(orders[policy]()) if policy in orders else []


def _next(
    world: World,
    policy: str,
    posterior: Posterior,
    places: list[int],
    order: list[int],
    n_seeds: int,
) -> int:
    if order:
        return int(order[len(places)])
    left = np.setdiff1d(np.arange(len(world.truth)), places)
    worth = ACQUIRED[policy](posterior, left, queries=world.queries, n_seeds=n_seeds)
    return int(left[worth.argmax()])


def _observed(world: World, measured: MeasuredCells) -> Floats:
    gains = np.full(len(world.truth), -np.inf)
    gains[measured.places] = measured.gains
    return gains


def _regret(world: World, gains: Floats) -> float:
    """Mean over targets of the best true gain minus that of the choice; `direct` has gain 0."""
    lost = []
    for query in world.queries:
        best = query[gains[query].argmax()]
        chosen = world.truth[best] if gains[best] > 0 else 0.0
        lost.append(max(float(world.truth[query].max()), 0.0) - chosen)
    return float(np.mean(lost))


def _summary(curves: Floats, random: Floats, aim: float) -> dict[str, Any]:
    """Runs needed, their ratio to random's, and the mean regret along the way."""
    needed = runs_needed(curves.mean(axis=0), aim)
    at_random = _finite(runs_needed(random.mean(axis=0), aim), random)
    draw = np.random.default_rng(0)
    ratios, counts = [], []
    for _ in range(N_RESAMPLES):
        kept = draw.integers(len(curves), size=len(curves))
        counts.append(runs_needed(curves[kept].mean(axis=0), aim))
        ratios.append(counts[-1] / _finite(runs_needed(random[kept].mean(axis=0), aim), random))
    return {
        "runs": _plain(needed), "runs_interval": list(_interval(counts)),
        "ratio": _plain(needed / at_random),
        "ratio_interval": list(_interval(ratios)),
        "area": round(float(curves.mean()), 5),
        "curve": {str(n): round(float(curves.mean(axis=0)[n]), 4) for n in _shown(curves.shape[1])},
    }  # fmt: skip


def runs_needed(curve: Floats, aim: float) -> float:
    """First number of runs from which on the regret stays within the aim; infinite if never."""
    above = np.flatnonzero(curve > aim)
    if not len(above):
        return 0.0
    return float(above[-1] + 1) if above[-1] + 1 < len(curve) else float("inf")


def _finite(needed: float, random: Floats) -> float:
    """Runs that random order needs, for ratios: at most those revealed, so that ratios are high."""
    return min(max(needed, 1.0), float(random.shape[1]))


def _shown(length: int) -> Iterator[int]:
    yield from (n for n in (0, 5, 10, 20, 30, 40, 60, 80, 100, 120, 160, 200, 300) if n < length)


def _interval(values: list[float]) -> tuple[float | None, float | None]:
    finite = [1e9 if not np.isfinite(value) else value for value in values]
    low, high = np.quantile(finite, [0.025, 0.975], method="nearest")
    return _plain(low), _plain(high)


def _plain(value: float) -> float | None:
    """A number for JSON: None where the aim was not reached."""
    return round(float(value), 3) if value < 1e8 else None


if __name__ == "__main__":
    main()
