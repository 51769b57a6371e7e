"""`metaselect train`: tune and fit a predictor on transfer runs."""

from typing import Annotated

import typer

from metaselect.cli import options
from metaselect.cli.inputs import runs_from
from metaselect.console import print_json, say


def train_command(  # noqa: PLR0913 - a parameter an option
    out: options.OutRequired,
    runs: options.Runs = None,
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    trials: options.Trials = 30,
    storage: Annotated[
        str | None,
        typer.Option(help="Keep the search here, to resume it: a journal file or database URL."),
    ] = None,
    level: options.Level = 0.8,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Tune and fit a predictor on a runs table.

    Example: metaselect train --runs mine.csv --out my-predictor
    """
    from metaselect.catalogue.tasks import load_catalogue
    from metaselect.selector import TaskSelector

    catalogue = load_catalogue(tasks)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    selector = TaskSelector(
        n_trials=trials, level=level, random_state=seed, storage=storage, catalogue=catalogue
    )
    selector.fit(table, progress=say)
    selector.save_pretrained(out)
    best = {
        unit: {"loss": predictor.choices[0].loss, **predictor.choices[0].settings.ranker}
        for unit, predictor in selector.predictors_.items()
    }
    n_trials = sum(predictor.n_trials for predictor in selector.predictors_.values())
    if as_json:
        print_json({"predictor": str(out), "trials": n_trials, "best": best, "runs": len(table)})
        return
    print(f"{out}: trained on {len(table):,} runs, {n_trials} trials")
    for unit, chosen in best.items():
        print(
            f"  new {unit}: mean regret at 1 and 3 on inner folds {chosen['loss'] * 100:.2f} points"
        )
    for unit, predictor in selector.predictors_.items():
        print(f"  new {unit}: {predictor.radius.describe()}")
