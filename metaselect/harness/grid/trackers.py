"""Learning curves to TensorBoard or MLflow, through their own libraries, where asked for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from metaselect.errors import MissingExtra
from metaselect.harness.grid.stages import Stage, TrainStage
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.harness.recipe import TrackerName
from metaselect.harness.train.dynamics import load_dynamics


class Tracker(Protocol):
    """Takes curves and final values of finished stages."""

    def log(self, name: str, curve: Sequence[float], values: Mapping[str, float]) -> None:
        """Keep one stage."""


class TensorBoardTracker:
    """One event folder a stage."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtra("Logging to TensorBoard", "tracking") from error
        self._writer_of = SummaryWriter
        self._folder = folder

    def log(self, name: str, curve: Sequence[float], values: Mapping[str, float]) -> None:
        """Write the loss of every step and the final values."""
        writer = self._writer_of(str(self._folder / name))
        for step, loss in enumerate(curve, start=1):
            writer.add_scalar("loss", loss, step)
        for key, value in values.items():
            writer.add_scalar(key, value, len(curve))
        writer.close()


class MlflowTracker:
    """One MLflow run a stage, at MLflow's own tracking address or in a local folder."""

    def __init__(self, folder: Path, study: str) -> None:
        try:
            import mlflow  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError as error:
            raise MissingExtra("Logging to MLflow", "tracking") from error
        self._mlflow = mlflow
        if not mlflow.is_tracking_uri_set():
            mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        mlflow.set_experiment(study)

    def log(self, name: str, curve: Sequence[float], values: Mapping[str, float]) -> None:
        """Write the loss of every step and the final values."""
        with self._mlflow.start_run(run_name=name):
            for step, loss in enumerate(curve, start=1):
                self._mlflow.log_metric("loss", loss, step=step)
            self._mlflow.log_metrics(dict(values))


def open_trackers(names: Sequence[TrackerName], folder: Path, study: str) -> list[Tracker]:
    """Trackers by name; none is imported unless it is named.

    Raises:
        MissingExtra: Its library is not installed.
    """
    made: list[Tracker] = []
    for name in names:
        if name == "tensorboard":
            made.append(TensorBoardTracker(folder / "tensorboard"))
        else:
            made.append(MlflowTracker(folder, study))
    return made


def log_stage(trackers: Sequence[Tracker], stage: Stage, work: WorkFolder) -> None:
    """Hand a finished stage's curve and scores to every tracker."""
    if not trackers:
        return
    curve: list[float] = []
    values: dict[str, float] = {}
    if isinstance(stage, TrainStage):
        _, losses = load_dynamics(work.stage(stage.key) / f"dynamics.{stage.cards[0].name}.npz")
        curve = losses.tolist()
        english = work.read(work.stage(stage.key) / "result.json")["english_dev"]
        values = {} if english is None else {"english_dev": english}
    else:
        for language in stage.languages:
            path = work.language_file(stage.key, language)
            if path.is_file():
                values[f"{stage.card.name}.{language}"] = work.read(path)["score"]
    for tracker in trackers:
        tracker.log(f"{stage.label.replace('→', '_').replace(' ', '_')}-{stage.key}", curve, values)
