"""Options that mean the same in every command."""

from pathlib import Path
from typing import Annotated

import typer

from metaselect.parallel import ExecutorName

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
