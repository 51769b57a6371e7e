"""`metaselect reproduce`: the main job: train, judge, ablate, rank and report."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaselect.cli import options
from metaselect.cli.ablate import show_ablation
from metaselect.cli.console import print_json, print_table, say, warn
from metaselect.cli.describe import show_anatomy, show_definitions
from metaselect.cli.evaluate import evaluation_config, show_evaluation
from metaselect.cli.inputs import check_out, chosen_from, runs_from
from metaselect.errors import MetaselectError
from metaselect.wording import points

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.cli.records import Unfinished
    from metaselect.evaluation.question import Findings
    from metaselect.evaluation.records import EvaluationRecord
    from metaselect.features.table import Unit

_SHOWN = {
    "random": "random", "direct": "none", "size": "largest", "history": "best on average",
    "ranker": "ranker",
}  # fmt: skip
_FOLDERS = {"predictor": "predictor", "findings": "evaluation", "report": "report"}
_STOPPED = "kept from a call that was stopped"
_EARLIER = "those of an earlier call; --again makes them anew"
_SHIPPED = "the ones that ship, made by this command from the same runs; --again makes them anew"
_RETUNED = 20  # trials of a search made anew
_RANKED = ("sib200", ("af", "ta", "cy"))  # a seen target in languages near and far, one never seen


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
    again: Annotated[
        bool,
        typer.Option("--again", help="Make records anew that ship or that an earlier call made."),
    ] = False,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    executor: options.Executor = "local",
    as_json: options.Json = False,
) -> None:
    """Train, evaluate against random choice, ablate, rank and report, all from one runs table.

    Records that ship or that an earlier call made of the same runs, cards, values and settings are
    read. A call that was stopped goes on where it was when it is given again.

    Example: metaselect reproduce --out reproduced
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.cli.records import Unfinished, known_findings, made_from, save_findings
    from metaselect.evaluation.answer import answer_sentences
    from metaselect.evaluation.question import make_findings, question_key, question_parts
    from metaselect.evaluation.verdicts import verdict
    from metaselect.report.page import ReportContent, write_report
    from metaselect.report.sources import PageInputs, command_line, shell_options
    from metaselect.selector.doubts import table_doubts
    from metaselect.selector.provenance import Provenance, summarise_evaluation
    from metaselect.selector.selector import TaskSelector

    units = _protocols(protocols)
    for kind, folder in _FOLDERS.items():
        check_out(out / folder, kind=kind)
    catalogue = load_catalogue(tasks, measured)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    n_trials = _RETUNED if retune else trials
    config = evaluation_config("target", n_trials, 0.8, seed, workers, executor)
    parts = question_parts(table, catalogue, config, protocols=units)
    key = question_key(table, catalogue, config)
    made_by = {**made_from(table), "key": key}
    with Unfinished(out / "unfinished", parts, made_by) as unfinished:
        say("1/3 train")
        selector = TaskSelector(n_trials=n_trials, random_state=seed, catalogue=catalogue)
        selector.fit(table, progress=say)
        say("2/3 judge: every unit predicted from the others")
        known = known_findings(parts, record_sources(unfinished, out, again=again), key=key)
        findings = make_findings(parts, known=known, keep=unfinished.keep, progress=say)
        save_findings(out / "evaluation", findings, made_by)
        evaluations = tuple(findings.evaluations.values())
        ablations = tuple(findings.ablations.values())
        selector.provenance = Provenance(evaluations=tuple(map(summarise_evaluation, evaluations)))
        selector.save_pretrained(out / "predictor")
        say("3/3 rank and report")
        options = {"--percent": percent, "--tasks": tasks, "--measured": measured}
        given = shell_options({"--runs": runs, **options})
        inputs = PageInputs(
            runs=given,
            records=given,
            rank=shell_options({**options, "--percent": None, "--predictor": out / "predictor"}),
            page=command_line("reproduce", given, _settings(protocols, n_trials, seed, out)),
        )
        content = ReportContent(table, selector, evaluations, ablations, inputs)
        page = write_report(out / "report", content)
    said, answer = verdict(evaluations[0]), answer_sentences(findings)
    doubts = [] if runs is None else table_doubts(table, catalogue)
    if as_json:
        records = {**findings.records, "skipped": dict(findings.skipped)}
        whole = {"evaluation": evaluations[0], "findings": records}
        warn(doubts)
        print_json(
            {"report": str(page), **whole, "verdict": said, "answer": answer, "warnings": doubts}
        )
        return
    _show(findings)
    _show_ranking(selector, table)
    print(f"\nReport: {page}", said, *answer, sep="\n")
    warn(doubts)


def _settings(protocols: str | None, n_trials: int, seed: int, out: Path) -> str:
    """The other options of the call, as a shell takes them."""
    from metaselect.report.sources import shell_options

    options = {"--protocols": protocols, "--trials": str(n_trials), "--seed": str(seed)}
    return shell_options({**options, "--out": out})


def record_sources(unfinished: "Unfinished", out: Path, *, again: bool) -> dict[str, list[Path]]:
    """Folders in which records may be at hand, by what is said of them."""
    from metaselect.selector.shipped import shipped_evaluation

    found = {_STOPPED: list(unfinished.places.values())}
    if not again:
        found[_EARLIER] = [out / "evaluation"]
        with suppress(MetaselectError):  # a copy of the package may come without
            found[_SHIPPED] = [shipped_evaluation()]
    return found


def _protocols(text: str | None) -> "tuple[Unit, ...]":
    from metaselect.evaluation.folds import PROTOCOLS

    names = PROTOCOLS if text is None else chosen_from("--protocols", text, PROTOCOLS)
    return tuple(name for name in PROTOCOLS if name in names) or PROTOCOLS


def _show(findings: "Findings") -> None:
    """The first protocol in full, the others in a line each; every record is in the folder."""
    show_anatomy(findings.records["anatomy"])
    show_definitions(findings.definitions)
    evaluations, ablations = findings.evaluations, findings.ablations
    first, *others = evaluations
    print()
    show_evaluation(evaluations[first])
    print()
    if first in ablations:
        show_ablation(ablations[first], findings.coverage)
    rows = [_one_line(name, evaluations[name]) for name in others]
    if rows:
        print()
        heads = ["left out", *(f">{name}" for name in _SHOWN.values()), ">ranker - random"]
        print_table("The other protocols: regret@1 in points", heads, rows)
        print("-apart: without intermediates that share data with the target")
        print("-among: the choice among intermediates, `direct` is none")
    for name, reason in findings.skipped.items():
        print(f"{name}: not judged. {reason}")
    print()


def _one_line(name: str, record: "EvaluationRecord") -> list[str]:
    rows = record["methods"]
    from metaselect.evaluation.results import contrast_in

    against = contrast_in(record, "ranker", "random")
    regrets = [
        points(rows[rule]["regret@1"]).lstrip("+") if rule in rows else "-" for rule in _SHOWN
    ]
    low, high = points(against["low"]), points(against["high"])
    return [name, *regrets, f"{points(against['difference'])} ({low} to {high})"]


def _show_ranking(selector: Any, runs: "pd.DataFrame") -> None:
    from dataclasses import replace

    from metaselect.cli.rank_shown import show_ranking
    from metaselect.selector.doubts import doubts_of

    target, languages = _RANKED
    if target not in selector.catalogue:
        return
    for code in languages:
        ranking = selector.rank(target=target, languages=[code], top=4)
        doubts = doubts_of(runs, target, ranking["intermediate"], selector.catalogue)
        doubts = replace(doubts, unproven=selector.is_unproven(target))
        show_ranking(ranking, target=target, doubts=doubts, simulated=selector.simulated)
