"""What ships with the package: the second study's runs, its evaluation, and a predictor."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from metaselect.errors import MetaselectError
from metaselect.files import MANIFEST, read_manifest

if TYPE_CHECKING:
    import pandas as pd

RUNS_KIND = "runs"
RUNS_TABLE = "runs.csv.gz"


def shipped_runs() -> "pd.DataFrame":
    """The zero-shot transfer runs of the second study.

    Raises:
        MetaselectError: They are not there, or a file has changed.
    """
    from metaselect.runs.exchange import read_runs

    folder = _shipped("runs", "No runs ship with this copy: give your own with --runs.")
    read_manifest(folder, kind=RUNS_KIND, schema=1)
    return read_runs(folder / RUNS_TABLE)


def shipped_predictor() -> Path:
    """Folder of the predictor that ships.

    Raises:
        MetaselectError: It is not there.
    """
    return _shipped(
        "predictor", "No predictor ships with this copy: make one with metaselect train."
    )


def shipped_evaluation() -> Path:
    """Folder of the records that `metaselect reproduce` makes of those runs.

    Raises:
        MetaselectError: It is not there.
    """
    return _shipped("evaluation", "No evaluation ships with this copy: give one with --evaluation.")


def _shipped(name: str, missing: str) -> Path:
    """A folder of `artifacts/`.

    Raises:
        MetaselectError: It is not there.
    """
    for folder in _places(name):
        if (folder / MANIFEST).is_file():
            return folder
    raise MetaselectError(missing)


def _places(name: str) -> tuple[Path, Path]:
    """Possible places of a part of `artifacts/`: inside the package, or in a checkout."""
    package = Path(str(resources.files("metaselect")))
    return package / "artifacts" / name, package.parent / "artifacts" / name
