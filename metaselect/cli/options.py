"""Options that mean the same in every command, and the names that the shell offers for them."""

from pathlib import Path
from typing import Annotated

import typer

from metaselect.parallel import ExecutorName

Offers = list[tuple[str, str]]
"""What to write, and what it is."""

Runs = Annotated[
    Path | None,
    typer.Option(help="Runs table: CSV, Parquet or JSONL. [default: the runs that ship]"),
]
Percent = Annotated[bool, typer.Option("--percent", help="Scores are percent, 71.3 for 0.713.")]
Tasks = Annotated[Path | None, typer.Option(help="Your own task cards (TOML).")]
MeasuredTable = Annotated[
    Path | None,
    typer.Option("--measured", help="Your own values of `metaselect features compute`."),
]
Groups = Annotated[
    str | None,
    typer.Option(
        help="Feature groups in use, with commas; `measured` is off unless named. "
        "[default: size,difficulty,language,diversity,affinity,history]"
    ),
]
WithoutSameSource = Annotated[
    bool,
    typer.Option(
        "--without-same-source",
        help="Leave out runs whose intermediate shares data with the target.",
    ),
]
WithoutDirect = Annotated[
    bool,
    typer.Option(
        "--without-direct", help="Judge the choice among intermediates: which one, if one is used?"
    ),
]
Out = Annotated[Path | None, typer.Option(help="Folder for the results, with a manifest.")]
OutRequired = Annotated[Path, typer.Option(help="Folder for the results, with a manifest.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Trials = Annotated[int, typer.Option(min=1, help="Settings to try; 1 takes the defaults.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of folds, search and trees.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes. [default: the cores at hand]")]
Executor = Annotated[
    ExecutorName,
    typer.Option(help="local, or ray: the cluster at RAY_ADDRESS or that this machine is part of."),
]
Level = Annotated[
    float, typer.Option(min=0.01, max=0.999, help="Coverage asked of the gains' intervals.")
]


def offer_tasks(context: typer.Context, incomplete: str) -> Offers:
    """Tasks with a card, the user's own from --tasks among them."""
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.errors import MetaselectError

    path = context.params.get("tasks")
    try:
        catalogue = load_catalogue(None if path is None else Path(path))
    except MetaselectError:  # a shell shows no errors: the command will
        catalogue = load_catalogue(None)
    return _offers({card.name: card.title for card in catalogue.values()}, incomplete)


def offer_languages(incomplete: str) -> Offers:
    """The languages of the package's own table: reading all 8,000 would be felt at the prompt."""
    from metaselect.catalogue.language_facts import table_facts

    return _offers({code: row.get("name", "") for code, row in table_facts().items()}, incomplete)


def _offers(words_by_name: dict[str, str], incomplete: str) -> Offers:
    """Names that begin like the last one of a list, with the list before it."""
    before, comma, last = incomplete.rpartition(",")
    taken = set(before.split(","))
    return [
        (before + comma + name, words)
        for name, words in sorted(words_by_name.items())
        if name.startswith(last) and name not in taken
    ]
