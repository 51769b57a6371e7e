"""`metaselect run`: plan, estimate, carry out and resume a grid of transfer runs."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from metaselect.cli.console import say, warn
from metaselect.cli.inputs import chosen_from, listed
from metaselect.cli.options import Executor, Json, Tasks
from metaselect.errors import MetaselectError, MissingExtra
from metaselect.wording import counted

if TYPE_CHECKING:
    from metaselect.harness.config import GridConfig
    from metaselect.harness.grid.runner import GridResult
    from metaselect.harness.grid.session import OpenGrid

Value = TypeVar("Value", str, int)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The grid.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder of results; default results/<study>.")
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print the plan and its cost; train nothing. Its checks and timings are kept in the "
        "folder of results.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option("--data", help="Folder or URL of task data, or 'hub'; over the config's."),
]
EncoderPath = Annotated[
    list[str] | None,
    typer.Option("--encoder", metavar="[NAME=]PATH", help="Where an encoder is; repeatable."),
]
KnownTables = Annotated[
    list[Path] | None,
    typer.Option(
        "--known",
        metavar="TABLE",
        help="Runs table, or folder of `run` or `runs publish`, whose scores count as done where "
        "the same stage made them; repeatable.",
    ),
]
Intermediates = Annotated[
    str | None,
    typer.Option("--intermediates", help="Only these of the grid's, between commas."),
]
Targets = Annotated[
    str | None,
    typer.Option(
        "--targets",
        help="Only these of the grid's, between commas; in this order where layers are frozen.",
    ),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", help="Only these of the grid's, between commas.")
]
Store = Annotated[
    str | None,
    typer.Option(
        help="Store that scores go to as they are made, besides --out: sqlite:///FILE or "
        "postgresql+psycopg://HOST/NAME."
    ),
]


def run_command(  # noqa: PLR0913 - a parameter an option
    config: ConfigPath,
    out: Out = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    data: Data = None,
    encoder: EncoderPath = None,
    tasks: Tasks = None,
    intermediates: Intermediates = None,
    targets: Targets = None,
    seeds: Seeds = None,
    executor: Executor = "local",
    store: Store = None,
    known: KnownTables = None,
) -> None:
    """Fine-tune encoders along a grid of intermediate and target tasks.

    The same command again does what is missing. Exit 0: all done; 1: part failed, or scores wait
    for the store; 130: stopped.

    Example: metaselect run grid.toml --intermediates direct,mnli --seeds 0 --dry-run
    """
    from metaselect.harness.config import override, read_sound

    if store is not None:
        from metaselect.runs.engines import check_url

        check_url(store)
    sound, faults = read_sound(config)
    if sound is None or faults:
        asked = (intermediates, targets)
        _refuse(config, sound, faults, tasks=tasks, out=out, data=data, encoder=encoder, part=asked)
    read = override(sound, data=data, encoders=encoder or [])
    some_intermediates = _some("--intermediates", intermediates, read.intermediates)
    some_targets = _some("--targets", targets, read.targets)
    some_seeds = _some("--seeds", seeds, read.seeds)
    try:
        from metaselect.catalogue.cardfiles import load_catalogue
        from metaselect.harness.grid.plan import Part
        from metaselect.harness.grid.runner import Place
        from metaselect.harness.grid.session import open_config
    except ImportError as error:
        raise MissingExtra("Running a grid", "harness") from error
    place = Place(
        out=out or Path("results") / read.study,
        n_workers=read.workers,
        disk_bytes=None if read.disk_gb is None else int(read.disk_gb * 1e9),
        log_to=tuple(read.log_to),
        executor=executor,
        store=store,
        known=tuple(known or ()),
    )
    catalogue, base = load_catalogue(tasks), config.resolve().parent
    part = Part(intermediates=some_intermediates, targets=some_targets, seeds=some_seeds)
    grid = open_config(read, catalogue, base=base, place=place, part=part)
    warn(grid.warnings)
    if grid.has_tables:
        say(str(grid.known))
    say(f"precision: {grid.precision}")
    if dry_run:
        cost = grid.preview(say)
        disk = cost["disk"]
        _print(
            {**grid.counts(), **cost, "disk": disk.as_json(), "known": grid.known.counts()},
            as_json,
            grid.describe(cost["seconds"], disk),
        )
        return
    _tell(grid, grid.run(say, None if sys.stderr.isatty() else say), as_json)


def _refuse(  # noqa: PLR0913 - a parameter an option
    config: Path, sound: "GridConfig | None", faults: list[str], *, tasks: Path | None,
    out: Path | None, data: str | None, encoder: list[str] | None,
    part: tuple[str | None, str | None],
) -> NoReturn:  # fmt: skip
    """Tell the faults of a grid's settings, and beside them what the data of the rest lack."""
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.catalogue.tomltext import refusal
    from metaselect.harness.data.sources import absolute

    try:
        from metaselect.harness.grid.checks import check_rest
        from metaselect.harness.grid.plan import Part

        catalogue = load_catalogue(tasks)
    except ImportError:  # the data cannot be looked at
        raise refusal(str(config), faults) from None
    except MetaselectError as error:
        raise refusal(str(config), [*faults, str(error)]) from error
    if sound is not None:
        changes: dict[str, Any] = {} if data is None else {"data": absolute(data)}
        changes |= {"encoders": []} if encoder else {}  # which ones are elsewhere may be open
        some = [None if text is None else listed(text) for text in part]
        check_rest(
            sound.model_copy(update=changes), [f"{config}: {fault}" for fault in faults], catalogue,
            base=config.resolve().parent, out=out or Path("results") / sound.study,
            part=Part(intermediates=some[0], targets=some[1]),
        )  # fmt: skip
    raise refusal(str(config), faults)


def _some(option: str, text: str | None, axis: Sequence[Value]) -> list[Value] | None:
    """What an option names of a grid's axis; None where it is not given."""
    if text is None:
        return None
    by_name = {str(value): value for value in axis}
    return [by_name[name] for name in chosen_from(option, text, by_name)]


def _tell(grid: "OpenGrid", result: "GridResult", as_json: bool) -> None:
    """Print what came of a grid, and end with the exit code of the failed or the stopped."""
    summary = {
        "planned": result.planned, "done": result.done, "failed": result.failed,
        "interrupted": result.interrupted, "table": str(result.table),
        "failures": dict(result.failures), "store_fault": result.store_fault, **grid.counts(),
        "known": grid.known.counts(), "warnings": grid.warnings,
    }  # fmt: skip
    planned = counted(result.planned, "run")
    lines = [f"{result.done} of {planned} done, {result.failed} failed: {result.table}"]
    lines += [f"  {what}: {why}" for what, why in result.failures.items()]
    if result.store_fault is not None:
        lines.append(f"Scores wait for the store: {result.store_fault} Run the same command again.")
    _print(summary, as_json, "\n".join(lines))
    if result.interrupted:
        raise typer.Exit(130)
    if result.failed or result.store_fault is not None:
        raise typer.Exit(1)


def _print(value: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False) if as_json else text)
