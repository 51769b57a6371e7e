"""`metaselect train`: tune and fit a predictor on transfer runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metaselect.cli import options
from metaselect.cli.console import print_json, say
from metaselect.cli.inputs import check_out, groups_from, runs_from, say_if_replaced
from metaselect.errors import MetaselectError
from metaselect.wording import counted, points

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from metaselect.ranking.predictor import Predictor
    from metaselect.selector.provenance import Provenance

_SEARCHED = ("targets", "families of languages")
"""What the searches are for, in their order; of one family there is the first alone."""


def train_command(  # noqa: PLR0913 - a parameter an option
    out: options.OutRequired,
    runs: options.Runs = None,
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    measured: options.MeasuredTable = None,
    groups: options.Groups = None,
    trials: options.Trials = 30,
    storage: Annotated[
        str | None,
        typer.Option(help="Keep the search here, to resume it: a journal file or database URL."),
    ] = None,
    level: options.Level = 0.8,
    seed: options.Seed = 0,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of `evaluate --out`, or `reproduce`'s evaluation, for the model card; "
            "may be repeated."
        ),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the predictor, for its card: cc-by-4.0, say.")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1, help="Processes that share the search; one makes it the same every time."
        ),
    ] = 1,
    executor: options.Executor = "local",
    as_json: options.Json = False,
) -> None:
    """Tune and fit a predictor on a runs table.

    Example: metaselect train --runs mine.csv --out my-predictor
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.cli.records import saying_what_is_left
    from metaselect.selector.io import KIND
    from metaselect.selector.selector import TaskSelector

    check_out(out, kind=KIND)
    chosen = groups_from(groups)
    check_storage(storage)
    catalogue = load_catalogue(tasks, measured)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    provenance = _provenance(licence, evaluation or [], table)
    selector = TaskSelector(
        n_trials=trials, groups=chosen, level=level, random_state=seed, storage=storage,
        catalogue=catalogue,
    )  # fmt: skip

    def searching(line: str) -> None:
        n_done = len(selector.predictors_)  # it fills while the selector is fitted
        say(f"search {n_done + 1} (new {_SEARCHED[n_done]}), {line}")

    with saying_what_is_left(_left_by(storage)):
        selector.fit(table, progress=searching, workers=workers, executor=executor)
    selector.provenance = provenance
    say_if_replaced(out, kind=KIND)
    selector.save_pretrained(out)
    best = {
        unit: {
            "loss": predictor.choices[0].loss,
            "random_loss": predictor.random_loss,
            **predictor.choices[0].settings.ranker,
        }
        for unit, predictor in selector.predictors_.items()
    }
    n_trials = sum(predictor.n_trials for predictor in selector.predictors_.values())
    if as_json:
        print_json({"predictor": str(out), "trials": n_trials, "best": best, "runs": len(table)})
        return
    print(
        f"{out}: trained on {counted(len(table), 'run')}, "
        f"{settings_tried(selector.predictors_.values())}"
    )
    for unit, predictor in selector.predictors_.items():
        print(
            f"  new {unit}: mean regret at 1 and 3 on inner folds {_losses(predictor)}, "
            f"{_kept(predictor)}"
        )
    for unit, predictor in selector.predictors_.items():
        print(f"  new {unit}: {predictor.residuals.describe()}")


def _losses(predictor: "Predictor") -> str:
    """What the first choices lose on inner folds, beside random choice."""
    loss, chance = points(predictor.choices[0].loss), points(predictor.random_loss)
    verdict = "" if predictor.beats_random else ": no better, so rank advises none"
    return f"{loss.lstrip('+')} points (random choice {chance.lstrip('+')}{verdict})"


def _left_by(storage: str | None) -> str:
    """What a search leaves where it is stopped."""
    if storage is None:
        return "nothing was written"
    return f"the search is kept in {storage}; the same command goes on from there"


def settings_tried(predictors: "Collection[Predictor]") -> str:
    """How many settings were tried for each predictor; a search that was resumed may have more."""
    counts = [predictor.n_trials for predictor in predictors]
    if len(set(counts)) > 1:
        return f"{counted(sum(counts), 'setting')} for {counted(len(counts), 'predictor')}"
    whole = f" for each of {len(counts)} predictors" if len(counts) > 1 else ""
    return f"{counted(counts[0], 'setting')}{whole}"


def _kept(predictor: "Predictor") -> str:
    """Which settings the search has left."""
    from metaselect.ranking.searchspace import are_default

    n_kept = len(predictor.choices)
    if not are_default(predictor.choices[0].settings):
        return f"by {n_kept} of the settings tried"
    if predictor.n_trials == 1:
        return "by the default settings"
    return "by the default settings: no others are better beyond luck"


def _provenance(licence: str | None, folders: list[Path], runs: "pd.DataFrame") -> "Provenance":
    """What the card tells besides the training: evaluations must be of these very runs.

    Raises:
        MetaselectError: A folder is no evaluation, or one of other runs.
    """
    from metaselect.cli.records import read_records
    from metaselect.runs.schema import table_hash
    from metaselect.selector.provenance import Provenance, summarise_evaluation

    found = read_records(folders, "evaluation")
    for item in found:
        if item.runs_hash != table_hash(runs):
            raise MetaselectError(
                f"{item.folder} was made from other runs than --runs: evaluate these, or leave it "
                "out."
            )
    records = [record for item in found for record in item.records]
    return Provenance(licence=licence, evaluations=tuple(map(summarise_evaluation, records)))


def check_storage(storage: str | None) -> None:
    """Refuse a place where no search can be kept, before any work.

    Raises:
        MetaselectError: A database that cannot be used, or a file that is no journal of a search.
    """
    if storage is None:
        return
    if "://" in storage:
        from metaselect.runs.engines import check_search_storage

        check_search_storage(storage)
        return
    path = Path(storage)
    if path.is_dir():
        raise MetaselectError(f"--storage {path} is a folder; a journal file is needed.")
    if path.is_file() and not _is_journal(path):
        raise MetaselectError(
            f"--storage {path} is not the journal of a search: name a new file, or one that "
            "metaselect train has made."
        )


def _is_journal(path: Path) -> bool:
    """Whether a file is empty or starts like Optuna's journal: operations as JSON, one a line."""
    with path.open("rb") as file:
        line = file.readline(1 << 20)  # the first operation is short
    try:
        return not line or "op_code" in json.loads(line)
    except (ValueError, TypeError):
        return False
