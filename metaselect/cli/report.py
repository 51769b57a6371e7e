"""`metaselect report`: one self-contained page of what a predictor says and how good it is."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from metaselect.cli import options
from metaselect.cli.inputs import runs_from
from metaselect.console import print_json, say


def report_command(  # noqa: PLR0913 - a parameter an option
    out: options.OutRequired,
    runs: options.Runs = None,
    predictor: Annotated[
        str | None, typer.Option(help="Predictor folder or hub id. [default: the one that ships]")
    ] = None,
    evaluation: Annotated[
        list[Path] | None, typer.Option(help="Folder of `evaluate --out`; may be repeated.")
    ] = None,
    ablation: Annotated[
        list[Path] | None, typer.Option(help="Folder of `ablate --out`; may be repeated.")
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
    from metaselect.report.figures import write_figures
    from metaselect.report.page import ReportContent, seal, write_report
    from metaselect.selector import TaskSelector
    from metaselect.shipped import shipped_predictor

    evaluations = [_record(folder, "evaluation") for folder in evaluation or ()]
    ablations = [_record(folder, "ablation") for folder in ablation or ()]
    catalogue = load_catalogue(tasks, measured)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    folder = predictor or str(shipped_predictor())
    selector = TaskSelector.from_pretrained(folder, catalogue=catalogue)
    content = ReportContent(table, selector, evaluations, ablations)
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


def _record(folder: Path, kind: str) -> dict[str, Any]:
    """The record in a folder that `evaluate` or `ablate` made, its hash checked."""
    from metaselect.errors import MetaselectError
    from metaselect.evaluation.results import SCHEMA
    from metaselect.files import read_manifest

    manifest = read_manifest(folder, kind=kind, schema=SCHEMA)
    name = f"{kind}.json"
    if name not in manifest.hashes:
        raise MetaselectError(f"{folder} holds no {name}: make it again with --out.")
    record: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return record
