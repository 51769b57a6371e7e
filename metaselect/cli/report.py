"""`metaselect report`: one self-contained page of what a predictor says and how good it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaselect.cli import options
from metaselect.cli.console import print_json, say, warn
from metaselect.cli.inputs import check_out, runs_from

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.cli.records import Records


def report_command(  # noqa: PLR0913 - a parameter an option
    out: options.OutRequired,
    runs: options.Runs = None,
    predictor: Annotated[
        str | None, typer.Option(help="Predictor folder or hub id. [default: the one that ships]")
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of `evaluate --out`, or `reproduce`'s evaluation; may be repeated. "
            "[default: for what ships, its own]"
        ),
    ] = None,
    ablation: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of `ablate --out`, or `reproduce`'s evaluation; may be repeated. "
            "[default: for what ships, its own]"
        ),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also write contrasts and ladder as SVG and PDF.")
    ] = False,
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    measured: options.MeasuredTable = None,
    as_json: options.Json = False,
) -> None:
    """Write one HTML page that opens without a network: rankings, maps, evaluation, ablation.

    Example: metaselect report --runs mine.csv --predictor predictor --evaluation evaluation
    --out report
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.cli.records import read_records
    from metaselect.report.evaluations import write_figures
    from metaselect.report.page import KIND, ReportContent, seal, write_report
    from metaselect.report.sources import PageInputs, command_line, shell_options
    from metaselect.selector.selector import TaskSelector
    from metaselect.selector.shipped import shipped_evaluation, shipped_predictor

    check_out(out, kind=KIND)
    given = evaluation or (), ablation or ()
    if runs is None and predictor is None and not evaluation and not ablation:
        evaluation = ablation = [shipped_evaluation()]
    judged, ablated = (
        read_records(evaluation or (), "evaluation"),
        read_records(ablation or (), "ablation"),
    )
    evaluations = [record for item in judged for record in item.records]
    ablations = [record for item in ablated for record in item.records]
    catalogue = load_catalogue(tasks, measured)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    both: list[Records[Any]] = [*judged, *ablated]
    warn(_other_runs(both, table))
    folder = predictor or str(shipped_predictor())
    selector = TaskSelector.from_pretrained(folder, catalogue=catalogue)
    options = {"--percent": percent, "--tasks": tasks, "--measured": measured}
    inputs = PageInputs(
        runs=shell_options({"--runs": runs, **options}),
        records=shell_options({"--runs": _runs_of(both, table, runs), **options}),
        rank=shell_options({"--predictor": predictor, "--tasks": tasks, "--measured": measured}),
        page=command_line(
            "report",
            shell_options({"--runs": runs, "--predictor": predictor}),
            *(shell_options({"--evaluation": folder}) for folder in given[0]),
            *(shell_options({"--ablation": folder}) for folder in given[1]),
            shell_options({**options, "--figures": figures, "--out": out}),
        ),
    )
    content = ReportContent(table, selector, evaluations, ablations, inputs)
    say("computing gains for the page's targets and languages")
    page = write_report(out, content)
    drawn = []
    if figures:
        drawn = write_figures(out, evaluations=evaluations, ablations=ablations)
        seal(out, content)
    if as_json:
        print_json({"page": str(page), "figures": [str(path) for path in drawn]})
    else:
        print(page)


def _runs_of(found: "list[Records[Any]]", runs: "pd.DataFrame", path: Path | None) -> Path | None:
    """The path of the runs that records were made of, or a name for it where it is not known."""
    from metaselect.report.sources import UNKNOWN_RUNS
    from metaselect.runs.schema import table_hash

    hashes = {item.runs_hash for item in found}
    return path if hashes <= {table_hash(runs)} else Path(UNKNOWN_RUNS)


def _other_runs(found: "list[Records[Any]]", runs: "pd.DataFrame") -> list[str]:
    """What to know of records that were made from other runs than the page's."""
    from metaselect.runs.schema import table_hash

    others = {
        str(item.folder): None for item in found if item.runs_hash not in (None, table_hash(runs))
    }
    return [f"{folder} was made from other runs than the page's" for folder in others]
