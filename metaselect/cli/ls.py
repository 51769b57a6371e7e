"""`metaselect ls`: what is known: tasks, languages, features, studies."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from metaselect.cli import options
from metaselect.cli.console import print_json, print_table
from metaselect.wording import counted

What = Annotated[
    Literal["tasks", "languages", "features", "studies"], typer.Argument(help="What to list.")
]

_ONE = {"tasks": "task", "languages": "language", "features": "feature", "studies": "study"}


def ls_command(  # noqa: PLR0913 - a parameter an option
    what: What,
    search: Annotated[
        str | None, typer.Argument(help="Only what has this text somewhere, such as a name.")
    ] = None,
    tasks: options.Tasks = None,
    store: Annotated[
        str | None, typer.Option(help="Store of runs, for studies: a database URL.")
    ] = None,
    runs: options.Runs = None,
    percent: options.Percent = False,
    as_json: options.Json = False,
) -> None:
    """List what metaselect knows.

    Examples: metaselect ls tasks; metaselect ls languages swahili
    """
    if what == "tasks":
        columns, items = _tasks(tasks)
    elif what == "languages":
        columns, items = _languages()
    elif what == "features":
        columns, items = _features()
    else:
        columns, items = _studies(store, runs, tasks, percent)
    if search is not None:
        wanted = search.casefold()
        items = [item for item in items if any(wanted in _text(item[key]) for key in columns)]
    if as_json:
        print_json({"items": items})
        return
    rows = [["" if item[name] is None else _cell(item[name]) for name in columns] for item in items]
    print_table(counted(len(items), _ONE[what], what), [_head(name) for name in columns], rows)


def _head(name: str) -> str:
    """A column's name as people read it: a row of a table of runs is a score."""
    return "scores" if name == "n_runs" else name.removeprefix("n_")


def _text(value: Any) -> str:
    return "" if value is None else _cell(value).casefold()


def _tasks(path: Path | None) -> tuple[list[str], list[dict[str, Any]]]:
    from dataclasses import asdict

    from metaselect.catalogue.cardfiles import load_catalogue

    cards = sorted(load_catalogue(path).values(), key=lambda card: card.name)
    items = [{**asdict(card), "n_languages": len(card.languages)} for card in cards]
    return ["name", "kind", "metric", "train_size", "n_languages", "same_source"], items


def _languages() -> tuple[list[str], list[dict[str, Any]]]:
    from dataclasses import asdict

    from metaselect.catalogue.languages import shipped_languages

    items = [asdict(language) for language in shipped_languages().values()]
    return ["code", "name", "family", "script", "vectors_code", "note"], items


def _features() -> tuple[list[str], list[dict[str, Any]]]:
    from metaselect.features.registry import FEATURES

    items: list[dict[str, Any]] = [
        {
            "name": feature.name,
            "groups": list(feature.groups),
            "words": feature.words,
            "unit": feature.unit,
            "low": feature.low,
            "high": feature.high,
            "missing": feature.missing,
            "source": feature.source,
            "keys": [key for key in feature.keys if key != "held_out"],
        }
        for feature in FEATURES
    ]
    return ["name", "groups", "words", "unit", "missing"], items


def _studies(
    store: str | None, runs: Path | None, tasks: Path | None, percent: bool
) -> tuple[list[str], list[dict[str, Any]]]:
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
    from metaselect.cli.inputs import runs_from

    if store is not None:
        from metaselect.runs.store import RunsStore

        table = RunsStore(store, make=False).studies()
    else:
        rows = runs_from(runs, percent=percent, catalogue=load_catalogue(tasks))
        grouped = rows.groupby(["study", "encoder", "adaptation"], as_index=False)
        table = grouped.agg(
            n_runs=("score", "size"),
            n_intermediates=("intermediate", lambda names: len(set(names) - {DIRECT, DIRECT_PLUS})),
            n_targets=("target", "nunique"),
            n_languages=("language", "nunique"),
            n_seeds=("seed", "nunique"),
        )
    items: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in table.to_dict("records")
    ]
    return [str(name) for name in table.columns], items


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
