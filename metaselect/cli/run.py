"""`metaselect run`: plan, estimate, carry out and resume a grid of transfer runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaselect.cli.options import Executor, Json, Tasks
from metaselect.cluster import ExecutorName
from metaselect.errors import MissingExtra

if TYPE_CHECKING:
    from metaselect.config import GridConfig
    from metaselect.harness.session import OpenGrid

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The grid.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder of results; default results/<study>.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and its cost, do nothing.")]
Data = Annotated[
    str | None, typer.Option("--data", help="Folder of task data, or 'hub'; over the config's.")
]
EncoderPath = Annotated[
    list[str] | None,
    typer.Option("--encoder", metavar="[NAME=]PATH", help="Where an encoder is; repeatable."),
]


def run_command(  # noqa: PLR0913 - a parameter an option
    config: ConfigPath,
    out: Out = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    data: Data = None,
    encoder: EncoderPath = None,
    tasks: Tasks = None,
    executor: Executor = "local",
) -> None:
    """Fine-tune encoders along a grid of intermediate and target tasks.

    The same command again does what is missing. Exit 0: all done; 1: part failed; 130: stopped.

    Example: metaselect run grid.toml --dry-run
    """
    from metaselect.config import override, read_config

    read = override(read_config(config), data=data, encoders=encoder or [])
    grid = _open(
        read, config.resolve().parent, out or Path("results") / read.study, tasks, executor
    )
    if dry_run:
        cost = grid.preview()
        _print({**grid.counts(), **cost}, as_json, grid.describe(cost["seconds"]))
        return
    result = grid.run(lambda line: typer.echo(line, err=True))
    summary = {
        "planned": result.planned, "done": result.done, "failed": result.failed,
        "interrupted": result.interrupted, "table": str(result.table),
        "failures": dict(result.failures), **grid.counts(),
    }  # fmt: skip
    lines = [f"{result.done} of {result.planned} runs done, {result.failed} failed: {result.table}"]
    lines += [f"  {what}: {why}" for what, why in result.failures.items()]
    _print(summary, as_json, "\n".join(lines))
    if result.interrupted:
        raise typer.Exit(130)
    if result.failed:
        raise typer.Exit(1)


def _open(
    read: "GridConfig", base: Path, out: Path, tasks: Path | None, executor: ExecutorName
) -> "OpenGrid":
    """The grid with everything looked up, and its resolved settings written beside the results."""
    try:
        from metaselect.catalogue.cardfiles import load_catalogue
        from metaselect.config_defaults import resolve_grid, resolve_machine
        from metaselect.harness.corpora import Corpora
        from metaselect.harness.session import open_grid
        from metaselect.harness.transfer import Place
    except ImportError as error:
        raise MissingExtra("Running a grid", "harness") from error

    catalogue = load_catalogue(tasks)
    disk_bytes = None if read.disk_gb is None else int(read.disk_gb * 1e9)
    place = Place(
        out=out, n_workers=read.workers, disk_bytes=disk_bytes, log_to=tuple(read.log_to),
        executor=executor,
    )  # fmt: skip
    return open_grid(
        resolve_grid(read, catalogue, base=base),
        catalogue,
        Corpora.at(read.data, base=base),
        machine=resolve_machine(read),
        place=place,
    )


def _print(value: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False) if as_json else text)
