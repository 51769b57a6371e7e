"""`metaselect runs publish`: results of grids as one folder to share, with its manifest."""

import gzip
import json
import re
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaselect.cli import options
from metaselect.cli.console import print_json, say
from metaselect.cli.inputs import check_out
from metaselect.errors import MetaselectError, first_line
from metaselect.selector.shipped import RUNS_KIND, RUNS_TABLE
from metaselect.wording import counted

if TYPE_CHECKING:
    import pandas as pd

_TRAININGS = "trainings.csv.gz"
_FAILURES = "failures.json"
_KEPT = ("sha256", "stage_schema", "hashes", "machine", "hardware", "versions")


def publish_command(
    grids: Annotated[list[Path], typer.Argument(help="Folders of `metaselect run --out`.")],
    out: options.OutRequired,
    card: Annotated[
        Path | None, typer.Option(help="Data card (Markdown) to go with the table.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Put the scores of grids into a folder, with their settings; no texts, no weights.

    A study.toml says what made them, with TODO where only you know; one that is there is kept.

    At any time: of a grid under way what is done, and how much that is. `run --known` goes on from
    such a folder.

    Example: metaselect runs publish results/study-2 --out artifacts/runs
    """
    import pandas as pd

    from metaselect.files import CARD, DESCRIPTION, sealed_folder, write_bytes, write_text
    from metaselect.runs.exchange import read_runs, write_runs
    from metaselect.runs.schema import check_runs, table_hash

    check_out(out, kind=RUNS_KIND)
    text = None if card is None else _text(card)
    found = [(_settings(folder), read_runs(_runs_of(folder))) for folder in grids]
    runs = check_runs(pd.concat([table for _, table in found], ignore_index=True), percent=False)
    trainings = pd.concat([_trainings(folder) for folder in grids], ignore_index=True)
    states = [
        _state(folder, settings, table)
        for folder, (settings, table) in zip(grids, found, strict=True)
    ]
    made_by = {
        "n_runs": len(runs),
        "runs_hash": table_hash(runs),
        "grids": [
            {
                **_told(settings),
                "n_runs": len(table),
                "wall_s": _seconds(folder),
                **({} if state is None else asdict(state)),
            }
            for folder, (settings, table), state in zip(grids, found, states, strict=True)
        ],
    }
    hashes = [settings.get("hashes", {}) for settings, _ in found]
    description, to_do = _description(out, runs, hashes, made=_made(grids, len(runs)))
    with sealed_folder(out, kind=RUNS_KIND, schema=1, made_by=made_by) as folder:
        write_bytes(folder / DESCRIPTION, description)
        write_runs(runs, folder / RUNS_TABLE)
        packed = gzip.compress(trainings.to_csv(index=False).encode(), mtime=0)
        write_bytes(folder / _TRAININGS, packed)
        if text is not None:
            write_text(folder / CARD, text)
    for line in to_do:
        say(line)
    if as_json:
        told = [None if state is None else asdict(state) for state in states]
        print_json({"rows": len(runs), "out": str(out), "grids": told, "errors": []})
        return
    print(f"{out}: {counted(len(runs), 'score')} of {counted(len(grids), 'grid')}")
    for folder, state in zip(grids, states, strict=True):
        if state is not None:
            print(f"  {folder}: {state}")


def _description(
    out: Path, runs: "pd.DataFrame", hashes: list[dict[str, Any]], *, made: str
) -> tuple[bytes, list[str]]:
    """What `study.toml` will hold, as it is where there is one, and what is left to its author."""
    from metaselect.files import DESCRIPTION
    from metaselect.runs.contributed import description_text
    from metaselect.runs.schema import table_hash

    path, hashed = out / DESCRIPTION, table_hash(runs)
    if not path.is_file():
        told = f"{path}: to share the runs, write what only you know in place of TODO"
        return description_text(runs, hashes, made=made).encode(), [told]
    kept = path.read_bytes()
    renewed = re.sub(rb'(?m)^(runs_hash = )"[0-9a-f]*"', rb'\1"' + hashed.encode() + b'"', kept)
    told = f"{path} is kept as it was but for the table's runs_hash"
    return renewed, [] if renewed == kept else [told]


def _made(grids: list[Path], n_runs: int) -> str:
    """When and from what a table was made, in a line."""
    last = date.fromtimestamp(max(_runs_of(folder).stat().st_mtime for folder in grids))
    whole = f"{counted(n_runs, 'score')} of {counted(len(grids), 'grid')}"
    return f"metaselect runs publish, {date.today()}: {whole}, the last of {last}."


@dataclass(frozen=True, slots=True)
class _State:
    """How far a grid is.

    Attributes:
        n_planned_scores: Rows that its table has in the end.
        n_scores: Rows that it has.
        complete_targets: Targets with every planned score.
        incomplete_targets: The others.
        n_failed_stages: Trainings and scorings that failed, or need one that did.
    """

    n_planned_scores: int
    n_scores: int
    complete_targets: list[str]
    incomplete_targets: list[str]
    n_failed_stages: int

    def __str__(self) -> str:
        failed = f"{counted(self.n_failed_stages, 'stage')} failed"
        if not self.incomplete_targets:
            return f"complete, {counted(self.n_scores, 'score')}; {failed}"
        n_targets = len(self.complete_targets) + len(self.incomplete_targets)
        complete = ", ".join(self.complete_targets) or "none"
        return (
            f"incomplete: {self.n_scores:,} of {self.n_planned_scores:,} planned scores; complete "
            f"targets: {complete} ({len(self.complete_targets)} of {n_targets}); {failed}"
        )


def _state(folder: Path, settings: dict[str, Any], runs: "pd.DataFrame") -> _State | None:
    """How far a grid is, by its own files; None where it was made before they told."""
    planned = settings.get("planned_scores")
    if planned is None:
        return None
    counts = runs["target"].value_counts()
    incomplete = [name for name, n_scores in planned.items() if counts.get(name, 0) < n_scores]
    try:
        failures = json.loads((folder / _FAILURES).read_text(encoding="utf-8"))
    except FileNotFoundError:  # written with the first table
        failures = {}
    except (OSError, ValueError) as error:
        raise MetaselectError(f"Cannot read {folder / _FAILURES}: {error}. Remove it.") from error
    return _State(
        n_planned_scores=sum(planned.values()),
        n_scores=len(runs),
        complete_targets=[name for name in planned if name not in incomplete],
        incomplete_targets=incomplete,
        n_failed_stages=len(failures),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise MetaselectError(f"Cannot read the card {path}: {why}.") from error


def _runs_of(folder: Path) -> Path:
    path = folder / "runs.csv"
    if not path.is_file():
        raise MetaselectError(f"{folder} has no score yet: publish it once it has one.")
    return path


def _settings(folder: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads((folder / "grid.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or first_line(error)
        raise MetaselectError(
            f"{folder} holds no results of metaselect run: grid.json: {why}."
        ) from error
    return settings


def _told(settings: dict[str, Any]) -> dict[str, Any]:
    """What of a grid's settings is to be known: places on one computer are not."""
    grid = json.loads(json.dumps(settings["grid"]))
    for encoder in grid["encoders"]:
        encoder["path"] = Path(encoder["path"]).name
    return {"grid": grid, **{name: settings[name] for name in _KEPT if name in settings}}


def _trainings(folder: Path) -> "pd.DataFrame":
    import pandas as pd

    path = folder / "trainings.csv"
    if not path.is_file():  # nothing was trained
        return pd.DataFrame({"stage": []})
    return pd.read_csv(path, dtype=str, keep_default_na=False)  # numbers stay exact


def _seconds(folder: Path) -> float:
    """Wall seconds of the grid's own stages, one after another; known ones took none."""
    trained = [
        folder / "work" / "stages" / str(key) / "timing.json"
        for key in _trainings(folder)["stage"].unique()
    ]
    times = [
        json.loads(path.read_text(encoding="utf-8"))["wall_s"] for path in trained if path.is_file()
    ]
    return round(sum(map(float, times)) + _scoring_seconds(folder / "timings.csv"), 1)


def _scoring_seconds(path: Path) -> float:
    import pandas as pd

    if not path.is_file():  # all was known
        return 0.0
    scores = pd.read_csv(path)
    untrained = scores["train_s"].isna()  # scored once for all seeds
    once = scores[untrained].drop_duplicates(["study", "encoder", "target", "language"])
    return float(scores.loc[~untrained, "score_s"].sum() + once["score_s"].sum())
