"""The command line in this process, a small runs table, and a predictor trained on it."""

import contextlib
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metaselect.cli import main
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.selector import TaskSelector

SIMULATED = "warning: simulated runs"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left: its exit code, and what stood on stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout, which is strict JSON and nothing else."""
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    @property
    def faults(self) -> list[str]:
        """Lines on stderr, without warnings and progress."""
        return [
            line
            for line in self.err.splitlines()
            if not line.startswith("warning: ") and not line.endswith(" checked")
        ]


Call = Callable[..., Done]


def call_main(*arguments: object) -> Done:
    """Run the command line; any exception but its exit is the test's failure."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "oe"]
    code: Any = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["metaselect", *map(str, arguments)])
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            try:
                main()
            except SystemExit as ended:
                code = ended.code or 0
    out, err = (stream.buffer.getvalue().decode() for stream in streams)  # type: ignore[attr-defined]
    return Done(code, out, err)


def content_of(folder: Path) -> dict[str, str]:
    """Every file and folder below a folder, with a hash of its content."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        )
        for path in sorted(folder.rglob("*"))
        if path.stat().st_size < 1 << 20
    }


@pytest.fixture(scope="session")
def call() -> Call:
    """Runs a command line in this process."""
    return call_main


@pytest.fixture(scope="session")
def runs() -> pd.DataFrame:
    """Ninety runs: three targets of three clusters, four intermediates and `direct`, two seeds."""
    table = simulated_runs(seed=0, noise=0.01)
    kept = (
        (table["encoder"] == "encoder-base")
        & table["target"].isin(["xnli", "xquad", "udpos"])
        & table["intermediate"].isin(["direct", "mnli", "squad", "qqp", "boolq"])
        & table["language"].isin(["sw", "vi", "de", "ar", "el", "fi", "yo"])
        & (table["seed"] < 2)
    )
    found = table[kept].reset_index(drop=True)
    assert len(found) == 90
    return found


@pytest.fixture(scope="session")
def runs_file(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those runs as a CSV file, not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "good.csv"
    runs.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def predictor(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A predictor folder trained on those runs, not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "predictor"
    TaskSelector(n_trials=1, n_folds=2).fit(check_runs(runs, percent=False)).save_pretrained(folder)
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the commands run in."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
