"""`metaselect plan`: which transfer runs to make next under a budget of hours."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tomli_w
import typer

from metaselect.catalogue.tasks import DIRECT
from metaselect.cli import options
from metaselect.cli.console import print_json, print_table, say, warn
from metaselect.cli.grids import ON_HUB, check_grid_file, planned_grid
from metaselect.cli.inputs import listed, runs_from
from metaselect.errors import MetaselectError
from metaselect.files import write_text
from metaselect.wording import counted, points

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.catalogue.tasks import Catalogue
    from metaselect.harness.config import GridConfig
    from metaselect.planning.costs import Costs
    from metaselect.planning.grids import PlannedGrid
    from metaselect.planning.plan import Plan

RuleName = Literal["gradient", "improvement"]

_DRAW_SEED = 0


@dataclass(frozen=True, slots=True)
class _Origin:
    """The grid that made the runs, if it was given, and the folder of its paths."""

    config: "GridConfig | None"
    base: Path


def plan_command(  # noqa: PLR0913 - a parameter an option
    budget: Annotated[float, typer.Option(help="Hours of compute for the runs, above 0.")],
    runs: options.Runs = None,
    study: Annotated[str | None, typer.Option(help="Study to go on with.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Its encoder, where it has several.")] = None,
    adaptation: Annotated[
        str | None, typer.Option(help="Its adaptation, where it has several.")
    ] = None,
    intermediates: Annotated[
        str | None, typer.Option(help="Candidates, with commas. [default: the study's]")
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="Targets to choose for, with commas. [default: the study's]")
    ] = None,
    costs: Annotated[
        Path | None,
        typer.Option(help="Results of metaselect run, whose measured times are the costs."),
    ] = None,
    hours_per_run: Annotated[
        float,
        typer.Option(
            help="Without --costs: hours of a training on the task of median size; others in "
            "proportion to their training rows, at least a twentieth."
        ),
    ] = 1.0,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Seeds of each cell, a run each. [default: --config's, else 1]"),
    ] = None,
    rule: Annotated[
        RuleName, typer.Option(help="Worth of a run: knowledge gradient or expected improvement.")
    ] = "gradient",
    config: Annotated[
        Path | None, typer.Option(help="Grid (TOML) that made the runs; --out keeps its settings.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Grid for metaselect run (TOML).")] = None,
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    as_json: options.Json = False,
) -> None:
    """Choose the runs to make next: those expected to lower regret most for their hours.

    Examples: metaselect plan --runs mine.csv --budget 24 --costs results/mine;
    metaselect plan --runs mine.csv --budget 24 --config mine.toml --out plan.toml
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.harness.config import read_config
    from metaselect.planning.grids import grid_of, setting_of
    from metaselect.planning.plan import PlanSettings, make_plan

    _check_numbers(budget, hours_per_run)
    _check_out(out, config)
    catalogue = load_catalogue(tasks)
    origin = _Origin(
        None if config is None else read_config(config),
        Path() if config is None else config.resolve().parent,
    )
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    if runs is None and study is None:
        study = str(table["study"].value_counts().idxmax())
        say(f"study {study}, the largest of those that ship (--study names another)")
    setting = setting_of(table, study=study, encoder=encoder, adaptation=adaptation)
    grid = grid_of(
        table, setting, catalogue, intermediates=_asked(intermediates), targets=_asked(targets)
    )
    price = _costs_of(grid, catalogue, costs, hours_per_run)
    numbers = _seeds(table[setting.of(table)], origin.config, seeds, again=not grid.open)
    settings = PlanSettings(
        budget=budget, n_seeds=len(numbers), rule=rule, seed=_DRAW_SEED,
        weights_kept=runs is not None,
    )  # fmt: skip
    plan = make_plan(table, grid, catalogue, price, settings)
    notes = [*plan.notes, *_cost_notes(price, shipped=runs is None)]
    if costs is None:
        notes.append(
            f"hours are a guess from training rows, at {hours_per_run:g} for a task of median size "
            "(--hours-per-run); --costs takes those of a grid"
        )
    if out is not None and plan.runs:
        notes += _write(out, plan, grid, origin, numbers) + _card_notes(plan, catalogue)
    warn(notes)
    record = _record(plan, grid, budget, numbers, notes)
    if as_json:
        print_json(record)
    else:
        _show(record, out)


def _check_numbers(budget: float, hours_per_run: float) -> None:
    for name, value in (("--budget", budget), ("--hours-per-run", hours_per_run)):
        if not 0 < value < float("inf"):
            raise MetaselectError(f"{name} is a number of hours above 0, not {value:g}.")


def _check_out(out: Path | None, config: Path | None) -> None:
    """Refuse a file for the grid before the work, not after."""
    check_grid_file(out)
    if out is None:
        return
    if config is not None and config.exists() and out.exists() and out.samefile(config):
        raise MetaselectError(f"--out {out} is the grid of --config: choose another name.")


def _asked(text: str | None) -> list[str] | None:
    """The names between commas; None where none were asked for."""
    if text is None:
        return None
    names = listed(text)
    if not names:
        raise MetaselectError("--intermediates and --targets need at least one task name.")
    return names


def _costs_of(
    grid: "PlannedGrid", catalogue: "Catalogue", folder: Path | None, hours_per_run: float
) -> "Costs":
    from metaselect.planning.costs import estimated_costs, measured_costs

    names = (grid.intermediates, grid.targets, catalogue)
    if folder is None:
        return estimated_costs(*names, hours_per_run=hours_per_run)
    own = grid.setting
    return measured_costs(*names, folder=folder, encoder=own.encoder, adaptation=own.adaptation)


def _cost_notes(costs: "Costs", *, shipped: bool) -> list[str]:
    found = [] if shipped else ["weights of the trainings behind these runs are taken to be kept"]
    n_assumed = len(costs.assumed)
    if not n_assumed:
        return found
    few = ", ".join(costs.assumed[:5]) + (", ..." if n_assumed > 5 else "")
    return [*found, f"hours unknown, taken as usual, for {n_assumed} of the tasks: {few}"]


def _seeds(
    own: "pd.DataFrame", config: "GridConfig | None", asked: int | None, *, again: bool
) -> list[int]:
    """Seeds of the planned runs: first those there are, so that pairs match, then new ones.

    Runs that are made again take new ones alone, as many as asked, else one.
    """
    made = sorted(own["seed"].unique().tolist())
    if again:
        return list(range(max(made) + 1, max(made) + 1 + (asked or 1)))
    known = made if config is None else list(config.seeds)
    count = asked or (1 if config is None else len(known))
    first = max(known) + 1
    return [*known, *range(first, first + count)][:count]


def _write(
    out: Path, plan: "Plan", grid: "PlannedGrid", origin: "_Origin", seeds: list[int]
) -> list[str]:
    """Write the grid for `metaselect run`; what its user should know."""
    from metaselect.harness.config import check_config

    values = planned_grid(
        grid.setting,
        [(run.intermediate, run.target) for run in plan.runs],
        seeds=seeds,
        config=origin.config,
        base=origin.base,
        done=grid.done if grid.open else (),
    )
    check_config(values, where=f"the grid for {out}")
    write_text(out, tomli_w.dumps(values))
    if origin.config is None:
        found = [
            f"{out} has the default budgets and the hub's data: give --config, the grid that made "
            "the runs, to keep its settings"
        ]
        name = grid.setting.encoder
        if "/" not in name and name not in ON_HUB:
            found.append(
                f"{name} is not known as an encoder of the hub: write its folder, URL or hub id as "
                f"path in {out}, or give metaselect run --encoder PATH"
            )
        return found
    if set(origin.config.seeds) - set(seeds):
        return [f"{out} runs seeds {seeds} alone: its table leaves out those of other seeds"]
    return []


def _card_notes(plan: "Plan", catalogue: "Catalogue") -> list[str]:
    """Tasks that `metaselect run` cannot run as they are."""
    names = {name for run in plan.runs for name in (run.intermediate, run.target)} - {DIRECT}
    parts = {part for name in names - {*catalogue} for part in name.split("+")}
    without = sorted(parts - {*catalogue})
    return [f"metaselect run needs a card (--tasks) of {', '.join(without)}"] if without else []


def _record(
    plan: "Plan", grid: "PlannedGrid", budget: float, seeds: list[int], notes: list[str]
) -> dict[str, Any]:
    setting = grid.setting
    return {
        "study": setting.study, "encoder": setting.encoder, "adaptation": setting.adaptation,
        "budget": budget, "hours": plan.hours, "seeds": seeds,
        "expected_regret_now": plan.expected_regret_now,
        "expected_regret_after": plan.expected_regret_after,
        "n_open": plan.n_open, "targets": list(plan.targets),
        "runs": [asdict(run) for run in plan.runs], "warnings": notes,
    }  # fmt: skip


def _show(record: dict[str, Any], out: Path | None) -> None:
    now, then = (points(record[f"expected_regret_{when}"]).lstrip("+") for when in ("now", "after"))
    if not record["runs"]:
        not_written = "" if out is None else f" {out} is not written."
        print(
            f"{record['study']}: no run is expected to change a choice (expected regret {now} "
            "points); new targets or intermediates would tell more (--targets, --intermediates)."
            f"{not_written}"
        )
        return
    rows = [
        [
            str(place),
            run["intermediate"],
            run["target"],
            f"{run['hours']:.2f}",
            f"{run['expected_reduction'] * 100:.3f}",
            f"{points(run['gain'])} ± {points(run['gain_sd']).lstrip('+')}",
        ]
        for place, run in enumerate(record["runs"], start=1)
    ]
    heads = [">", "intermediate", "target", ">hours", ">regret less (points)", ">gain (points)"]
    amount = f"{counted(len(rows), 'run')} for {counted(record['n_open'], 'open cell')}"
    targets = counted(len(record["targets"]), "target")
    print_table(
        f"{record['study']}: {amount}, {record['hours']:.2f} of {record['budget']:g} hours",
        heads,
        rows,
        note=f"Expected regret of the choice, mean over {targets}: {now} points now, {then} after",
    )
    if out is not None:
        say(f"{out}: for metaselect run")
