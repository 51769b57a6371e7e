"""`metaselect reproduce`: the main job: train, judge, ablate, rank and report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from metaselect.cli import options
from metaselect.cli.ablate import show_ablation
from metaselect.cli.evaluate import judging_of, save_record, show_evaluation
from metaselect.cli.inputs import check_out, runs_from
from metaselect.console import points, print_json, say

_RANKED = ("xnli", ("sw", "ta", "cy"))  # a seen target in languages near and far, one never seen


def reproduce_command(  # noqa: PLR0913 - a parameter an option
    runs: options.Runs = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("reproduced"),
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    trials: options.Trials = 10,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    as_json: options.Json = False,
) -> None:
    """Train, evaluate against random choice, ablate, rank and report, all from one runs table.

    Example: metaselect reproduce --out reproduced
    """
    from metaselect.catalogue.tasks import load_catalogue
    from metaselect.evaluation.ablation import ablate
    from metaselect.evaluation.nested import evaluate
    from metaselect.evaluation.results import ablation_record, evaluation_record
    from metaselect.report.page import ReportContent, write_report
    from metaselect.selector import TaskSelector

    for kind in ("predictor", "evaluation", "ablation", "report"):
        check_out(out / kind, kind=kind)
    catalogue = load_catalogue(tasks)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    say("1/4 train")
    selector = TaskSelector(n_trials=trials, random_state=seed, catalogue=catalogue)
    selector.fit(table, progress=say).save_pretrained(out / "predictor")
    say("2/4 evaluate: every target predicted from the others")
    judging = judging_of("target", trials, 0.8, seed, workers)
    scored = evaluate(table, catalogue, judging, ceiling=True, progress=say)
    evaluation = evaluation_record(scored, judging)
    save_record(out / "evaluation", "evaluation", evaluation, table)
    say("3/4 ablate")
    plain = judging_of("target", 1, 0.8, seed, workers)
    ablation = ablation_record(ablate(table, catalogue, plain, progress=say), plain)
    save_record(out / "ablation", "ablation", ablation, table)
    say("4/4 rank and report")
    content = ReportContent(table, selector, (evaluation,), (ablation,))
    page = write_report(out / "report", content)
    answers = answer(evaluation, ablation)
    if as_json:
        print_json({"report": str(page), "evaluation": evaluation, "answer": answers})
        return
    show_evaluation(evaluation)
    print()
    show_ablation(ablation)
    print()
    _show_ranking(selector)
    print(f"\nReport: {page}")
    for line in answers:
        print(line)


def answer(evaluation: dict[str, Any], ablation: dict[str, Any]) -> list[str]:
    """The research question's answer from two records, in three plain sentences."""
    against = {
        item["against"]: item for item in evaluation["contrasts"] if item["measure"] == "regret@1"
    }
    steps = {
        (item["method"], item["against"]): item
        for item in ablation["contrasts"]
        if item["measure"] == "regret@1"
    }
    simple = {
        name: row["regret@1"]
        for name, row in evaluation["methods"].items()
        if name not in ("ranker", "oracle", "ceiling", "random")
    }
    where = "On simulated runs" if evaluation["simulated"] else "On these runs"
    best = min(simple, key=lambda name: simple[name])
    return [
        f"{where}, the ranker changes regret@1 against random choice by "
        f"{_told(against['random'])}.",
        f"Against the best simple rule ({best}), it changes regret@1 by {_told(against[best])}.",
        "Difficulty, language and diversity features together change it by "
        f"{_told(steps['+both', 'history'])} beyond size and history.",
    ]


def _told(item: dict[str, Any]) -> str:
    return (
        f"{points(item['difference'])} points (95% interval {points(item['low'])} to "
        f"{points(item['high'])}, p {item['p']:.3f}, {item['n_clusters']} clusters)"
    )


def _show_ranking(selector: Any) -> None:
    from metaselect.cli.rank import show_ranking

    target, languages = _RANKED
    if target not in selector.catalogue:
        return
    for code in languages:
        ranking = selector.rank(target=target, languages=[code], top=4)
        show_ranking(ranking, target=target, simulated=selector.simulated)
