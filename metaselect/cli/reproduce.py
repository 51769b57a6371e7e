"""`metaselect reproduce`: the main job: train, judge, ablate, rank and report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaselect.cli import options
from metaselect.cli.ablate import show_ablation
from metaselect.cli.describe import show_anatomy, show_definitions
from metaselect.cli.evaluate import evaluation_config, show_evaluation
from metaselect.cli.inputs import catalogue_from, check_out, chosen_from, runs_from
from metaselect.console import points, print_json, print_table, say

if TYPE_CHECKING:
    from metaselect.evaluation.question import Findings
    from metaselect.features.table import Unit

_SHOWN = {
    "random": "random", "direct": "none", "size": "largest", "history": "best on average",
    "ranker": "ranker",
}  # fmt: skip
_RETUNED = 20  # trials of a search made anew
_RANKED = ("xnli", ("sw", "ta", "cy"))  # a seen target in languages near and far, one never seen


def reproduce_command(  # noqa: PLR0913 - a parameter an option
    runs: options.Runs = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("reproduced"),
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    measured: options.MeasuredTable = None,
    protocols: Annotated[
        str | None, typer.Option(help="Protocols to judge under, with commas. [default: all]")
    ] = None,
    trials: options.Trials = 1,
    retune: Annotated[
        bool, typer.Option("--retune", help="Search settings anew: 20 trials in every fold.")
    ] = False,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    executor: options.Executor = "local",
    as_json: options.Json = False,
) -> None:
    """Train, evaluate against random choice, ablate, rank and report, all from one runs table.

    Example: metaselect reproduce --out reproduced
    """
    from metaselect.cli.records import FINDINGS
    from metaselect.evaluation.question import answer_sentences, evaluate_question
    from metaselect.report.page import ReportContent, write_report
    from metaselect.selector.provenance import Provenance, summarise_evaluation
    from metaselect.selector.selector import TaskSelector

    units = _protocols(protocols)
    for kind in ("predictor", "report"):
        check_out(out / kind, kind=kind)
    check_out(out / "evaluation", kind=FINDINGS)
    catalogue = catalogue_from(tasks, measured, runs=runs)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    n_trials = _RETUNED if retune else trials
    say("1/3 train")
    selector = TaskSelector(n_trials=n_trials, random_state=seed, catalogue=catalogue)
    selector.fit(table, progress=say)
    say("2/3 judge: every unit predicted from the others")
    config = evaluation_config("target", n_trials, 0.8, seed, workers, executor)
    findings = evaluate_question(table, catalogue, config, protocols=units, progress=say)
    save_findings(out / "evaluation", findings, table)
    evaluations = tuple(findings.evaluations.values())
    selector.provenance = Provenance(evaluations=tuple(map(summarise_evaluation, evaluations)))
    selector.save_pretrained(out / "predictor")
    say("3/3 rank and report")
    content = ReportContent(table, selector, evaluations, tuple(findings.ablations.values()))
    page = write_report(out / "report", content)
    answers = answer_sentences(findings)
    if as_json:
        print_json({"report": str(page), **_as_json(findings), "answer": answers})
        return
    _show(findings)
    _show_ranking(selector)
    print(f"\nReport: {page}")
    for line in answers:
        print(line)


def save_findings(out: Path, findings: "Findings", runs: Any) -> None:
    """Write every record into one folder, with a manifest that names the runs by their hash."""
    from metaselect.cli.records import FINDINGS
    from metaselect.evaluation.results import SCHEMA
    from metaselect.files import sealed_folder, write_json
    from metaselect.runs.schema import table_hash

    made_by = {"n_runs": len(runs), "runs_hash": table_hash(runs)}
    with sealed_folder(out, kind=FINDINGS, schema=SCHEMA, made_by=made_by) as folder:
        for name, record in _files(findings).items():
            write_json(folder / f"{name}.json", record)


def _files(findings: "Findings") -> dict[str, Any]:
    return {
        "anatomy": findings.anatomy,
        "definitions": findings.definitions,
        "skipped": dict(findings.skipped),
        **{f"evaluation-{name}": record for name, record in findings.evaluations.items()},
        **{f"ablation-{name}": record for name, record in findings.ablations.items()},
    }


def _as_json(findings: "Findings") -> dict[str, Any]:
    first = next(iter(findings.evaluations.values()))
    return {"evaluation": first, "findings": _files(findings)}


def _protocols(text: str | None) -> "tuple[Unit, ...]":
    from metaselect.evaluation.protocols import PROTOCOLS

    names = PROTOCOLS if text is None else chosen_from("--protocols", text, PROTOCOLS)
    return tuple(name for name in PROTOCOLS if name in names) or PROTOCOLS


def _show(findings: "Findings") -> None:
    """The first protocol in full, the others in a line each; every record is in the folder."""
    show_anatomy(findings.anatomy)
    show_definitions(findings.definitions)
    first, *others = findings.evaluations
    for part in (findings.evaluations[first], findings.ablations.get(first)):
        print()
        if part is not None:
            (show_ablation if "arms" in part else show_evaluation)(part)
    rows = [_one_line(name, findings.evaluations[name]) for name in others]
    if rows:
        print()
        heads = ["left out", *(f">{name}" for name in _SHOWN.values()), ">ranker - random"]
        print_table("The other protocols: regret@1 in points", heads, rows)
        print("-apart: without intermediates that share data with the target")
        print("-among: the choice among intermediates, `direct` is none")
    for name, reason in findings.skipped.items():
        print(f"{name}: not judged. {reason}")
    print()


def _one_line(name: str, record: dict[str, Any]) -> list[str]:
    rows = record["methods"]
    from metaselect.evaluation.results import contrast_in

    against = contrast_in(record, "ranker", "random")
    regrets = [
        points(rows[rule]["regret@1"]).lstrip("+") if rule in rows else "-" for rule in _SHOWN
    ]
    low, high = points(against["low"]), points(against["high"])
    return [name, *regrets, f"{points(against['difference'])} ({low} to {high})"]


def _show_ranking(selector: Any) -> None:
    from metaselect.cli.rank_shown import show_ranking

    target, languages = _RANKED
    if target not in selector.catalogue:
        return
    for code in languages:
        ranking = selector.rank(target=target, languages=[code], top=4)
        show_ranking(ranking, target=target, simulated=selector.simulated)
