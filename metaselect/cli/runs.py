"""`metaselect runs`: tables of runs in and out of the store, and their check."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from metaselect.cli import options
from metaselect.console import print_json, say

app = typer.Typer(no_args_is_help=True, help="Import, export and check tables of runs.")

DEFAULT_STORE = "sqlite:///metaselect.db"
Store = Annotated[
    str, typer.Option(help="SQLAlchemy URL: sqlite:///FILE or postgresql+psycopg://HOST/NAME.")
]
Name = Annotated[str | None, typer.Option(help="Only these runs.")]


@app.command("import")
def import_command(
    files: Annotated[list[Path], typer.Argument(help="Tables: CSV, Parquet or JSONL.")],
    store: Store = DEFAULT_STORE,
    percent: options.Percent = False,
    as_json: options.Json = False,
) -> None:
    """Check tables and put them into the store; all of them or none.

    Example: metaselect runs import lab.csv paper.parquet --store sqlite:///team.db
    """
    import pandas as pd

    from metaselect.cli.inputs import is_language
    from metaselect.errors import MetaselectError
    from metaselect.runs.exchange import read_table
    from metaselect.runs.schema import check_runs
    from metaselect.runs.store import RunsStore

    tables = []
    for file in files:
        try:
            table = check_runs(read_table(file), percent=percent, known_language=is_language)
        except MetaselectError as error:
            raise MetaselectError(f"{file}: {error}") from error
        tables.append(table)
        say(f"{file}: {len(table):,} runs checked")
    whole = pd.concat(tables, ignore_index=True)
    imported = RunsStore(store).add(whole)
    if as_json:
        print_json({"rows": imported.added, "already": imported.already, "errors": []})
    else:
        print(f"{store}: {imported.added:,} runs added, {imported.already:,} already there")


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
    from metaselect.errors import MetaselectError
    from metaselect.runs.exchange import write_runs
    from metaselect.runs.store import RunsStore

    table = RunsStore(store).read(study=study, encoder=encoder, target=target, language=language)
    if not len(table):
        raise MetaselectError(
            f"{store} has no such runs: see metaselect ls studies --store {store}"
        )
    write_runs(table, file)
    if as_json:
        print_json({"rows": len(table), "errors": []})
    else:
        print(f"{file}: {len(table):,} runs")


@app.command("validate")
def validate_command(
    file: Annotated[Path, typer.Argument(help="Table to check.")],
    percent: options.Percent = False,
    as_json: options.Json = False,
) -> None:
    """Check a table and list every fault; exit 2 if there is one.

    Example: metaselect runs validate mine.csv
    """
    from metaselect.cli.inputs import is_language
    from metaselect.runs.exchange import read_table
    from metaselect.runs.faults import RunsTableError
    from metaselect.runs.schema import check_runs

    raw = read_table(file)
    try:
        table = check_runs(raw, percent=percent, known_language=is_language)
    except RunsTableError as error:
        if not as_json:
            raise
        print_json({"rows": len(raw), "errors": [asdict(fault) for fault in error.faults]})
        raise typer.Exit(2) from error
    if as_json:
        print_json({"rows": len(table), "errors": []})
    else:
        print(f"{file}: {len(table):,} runs, no fault")
