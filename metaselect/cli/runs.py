"""`metaselect runs`: tables of runs in and out of the store, and their check."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from metaselect.cli import options
from metaselect.cli.console import print_json, say, warn
from metaselect.errors import MetaselectError
from metaselect.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.catalogue.tasks import Catalogue
    from metaselect.runs.faults import RunsTableError

app = typer.Typer(
    no_args_is_help=True,
    help="Import, export and check tables of runs.",
    epilog="Example: metaselect runs validate mine.csv",
)

DEFAULT_STORE = "sqlite:///metaselect.db"
Store = Annotated[
    str,
    typer.Option(
        envvar="METASELECT_STORE",
        help="SQLAlchemy URL: sqlite:///FILE or postgresql+psycopg://HOST/NAME.",
    ),
]
Name = Annotated[str | None, typer.Option(help="Only these runs.")]


@app.command("import")
def import_command(
    files: Annotated[list[Path], typer.Argument(help="Tables: CSV, Parquet or JSONL.")],
    store: Store = DEFAULT_STORE,
    percent: options.Percent = False,
    as_json: options.Json = False,
) -> None:
    """Check tables and put them into the store; all of them or none. Warn of floors.

    Example: metaselect runs import lab.csv paper.parquet --store sqlite:///team.db
    """
    import pandas as pd

    from metaselect.runs.faults import RunsTableError
    from metaselect.runs.remarks import cautions, slip_notes
    from metaselect.runs.store import RunsStore

    tables, slips = [], list[str]()
    for file in files:
        table, _, faulty = _checked(file, percent)
        if faulty is not None:
            _refuse(faulty, f"{file}: ", {"rows": 0, "already": 0}, as_json)
        tables.append(table)
        slips += [f"{file}: {line}" for line in slip_notes(table, percent=percent)]
        say(f"{file}: {counted(len(table), 'run')} checked")
    whole = pd.concat(tables, ignore_index=True)
    try:
        imported = RunsStore(store).add(whole)
    except RunsTableError as error:
        _refuse(error, "", {"rows": 0, "already": 0}, as_json)
    found = [*slips, *cautions(whole)]
    warn(found)
    if as_json:
        counts = {"rows": imported.added, "already": imported.already}
        print_json({**counts, "errors": [], "warnings": found})
    else:
        print(
            f"{store}: {counted(imported.added, 'run')} added, {imported.already:,} already there"
        )


@app.command("export")
def export_command(  # noqa: PLR0913 - a parameter an option
    file: Annotated[Path, typer.Argument(help="Table to write: .csv, .csv.gz, .parquet, .jsonl.")],
    store: Store = DEFAULT_STORE,
    study: Name = None,
    encoder: Name = None,
    target: Name = None,
    language: Name = None,
    as_json: options.Json = False,
) -> None:
    """Write the store's runs, or some of them, into a table.

    Example: metaselect runs export ours.parquet --study ours
    """
    from metaselect.runs.exchange import write_runs
    from metaselect.runs.store import RunsStore

    table = RunsStore(store, make=False).read(
        study=study, encoder=encoder, target=target, language=language
    )
    if not len(table):
        raise MetaselectError(
            f"{store} has no such runs: see metaselect ls studies --store {store}"
        )
    write_runs(table, file)
    if as_json:
        print_json({"rows": len(table), "errors": []})
    else:
        print(f"{file}: {counted(len(table), 'run')}")


@app.command("validate")
def validate_command(
    file: Annotated[Path, typer.Argument(help="Table to check.")],
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Check too what a table to share needs: study.toml by it."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Check a table and list every fault; exit 2 if there is one. Warn of what it lacks.

    Example: metaselect runs validate mine.csv
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.runs.remarks import remarks, slip_notes

    catalogue = load_catalogue(tasks)
    table, rows, faulty = _checked(file, percent)
    if faulty is not None:
        _refuse(faulty, "", {"rows": rows, "warnings": []}, as_json)
    found = [*slip_notes(table, percent=percent), *remarks(table, catalogue)]
    if strict:
        found += _check_contribution(file, table, catalogue, as_json)
    warn(found)
    if as_json:
        print_json({"rows": rows, "errors": [], "warnings": found})
    else:
        print(f"{file}: {counted(rows, 'run')}, no fault")


def _check_contribution(
    file: Path, table: "pd.DataFrame", catalogue: "Catalogue", as_json: bool
) -> list[str]:
    """Refuse a table that cannot be shared as it is; say how many of its runs share data."""
    from metaselect.evaluation.folds import without_same_source
    from metaselect.files import DESCRIPTION
    from metaselect.runs.contributed import contribution_faults, read_contribution
    from metaselect.runs.faults import RunsTableError
    from metaselect.selector.shipped import shipped_runs

    told = read_contribution(file.parent / DESCRIPTION)
    faults = contribution_faults(told, table, catalogue, {*shipped_runs()["study"]})
    if faults:
        error = RunsTableError(faults, hint="")
        _refuse(error, "", {"rows": len(table), "warnings": []}, as_json)
    shared = len(table) - len(without_same_source(table, catalogue))
    return [f"{counted(shared, 'run')} of an intermediate that shares data with the target"]


def _checked(file: Path, percent: bool) -> "tuple[pd.DataFrame, int, RunsTableError | None]":
    """A file's checked table, how many rows could be read, and what is wrong with them."""
    import pandas as pd

    from metaselect.cli.inputs import is_language
    from metaselect.runs.exchange import read_table
    from metaselect.runs.faults import RunsTableError
    from metaselect.runs.schema import check_runs

    raw = pd.DataFrame()
    try:
        raw = read_table(file)
        return check_runs(raw, percent=percent, known_language=is_language), len(raw), None
    except RunsTableError as error:
        return raw, len(raw), error


def _refuse(
    error: "RunsTableError", where: str, counts: Mapping[str, int | list[str]], as_json: bool
) -> NoReturn:
    """End with exit code 2: every fault as JSON, or the first of them as text."""
    if not as_json:
        raise MetaselectError(f"{where}{error}") from error
    say(f"metaselect: {where}{str(error).splitlines()[0]}")
    print_json({**counts, "errors": [asdict(fault) for fault in error.faults]})
    raise typer.Exit(2) from error
