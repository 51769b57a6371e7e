"""Hours of compute that runs take: measured by an earlier grid, or estimated from training sizes.

A run on a target trains the target and scores it; the first run of an intermediate trains that
too, and a model that two targets share (XQuAD's and MLQA's, both trained on SQuAD) is trained once.
Weights behind runs that were given are taken to be still there; those of runs that ship are not.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError

_LEAST = 0.05  # of the usual training: loading, scoring, and tasks of a few hundred rows
_HOUR_S = 3600.0
_COUNTED = ("stage", "n_examples")

Stage = tuple[str, str]
"""A training: (intermediate, "") of an intermediate, (intermediate, model) of a target after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Hours by task, for one seed.

    Attributes:
        intermediates: To train an intermediate.
        targets: To train a target, from whatever it starts; 0 for one that is not trained.
        scorings: To score a target in all of its languages.
        models: Name of the model that a target trains: one name for targets that share it.
        assumed: Tasks whose hours are not known, which count as the usual ones.
    """

    intermediates: Mapping[str, float]
    targets: Mapping[str, float]
    scorings: Mapping[str, float]
    models: Mapping[str, str]
    assumed: tuple[str, ...]

    def bill(self, cells: Iterable[tuple[str, str]], made: set[Stage]) -> tuple[float, set[Stage]]:
        """Hours that cells of (intermediate, target) take, and the trainings that they add.

        Args:
            cells: What is to be run.
            made: Trainings that are there already.
        """
        hours, new = 0.0, set[Stage]()
        for intermediate, target in cells:
            for stage in self.stages(intermediate, target) - made - new:
                new.add(stage)
                hours += self.targets[target] if stage[1] else self.intermediates[intermediate]
            hours += self.scorings[target]
        return hours, new

    def stages(self, intermediate: str, target: str) -> set[Stage]:
        """The trainings behind a cell."""
        found = {(intermediate, self.models[target])}
        return found if intermediate == DIRECT else {(intermediate, ""), *found}


def estimated_costs(
    intermediates: Sequence[str],
    targets: Sequence[str],
    catalogue: Catalogue,
    *,
    hours_per_run: float,
) -> Costs:
    """Hours in proportion to the training rows of the cards.

    Args:
        intermediates: Names; several tasks joined by `+` add up.
        targets: Names.
        catalogue: Task cards.
        hours_per_run: Hours of a training of the usual size, the median over the tasks named;
            others take hours in proportion to their rows, and at least a twentieth of it, as
            scoring does. A task of unknown size counts as usual.
    """
    names = [name for name in intermediates if name != DIRECT]
    sizes = {name: card_rows(name, catalogue) for name in dict.fromkeys([*names, *targets])}
    known = [size for size in sizes.values() if size]
    usual = float(np.median(known)) if known else 1.0

    def hours(name: str) -> float:
        size = sizes[name]
        share = 1.0 if size is None else max(size / usual, _LEAST)
        return hours_per_run * share

    return Costs(
        intermediates={name: hours(name) for name in names},
        targets={name: hours(name) if sizes[name] != 0 else 0.0 for name in targets},
        scorings=dict.fromkeys(targets, hours_per_run * _LEAST),
        models={name: _model(name, catalogue) for name in targets},
        assumed=tuple(sorted(name for name, size in sizes.items() if size is None)),
    )


def measured_costs(
    intermediates: Sequence[str],
    targets: Sequence[str],
    catalogue: Catalogue,
    *,
    folder: Path,
    encoder: str,
    adaptation: str,
) -> Costs:
    """Hours that `metaselect run` measured: means over its seeds and starts.

    Targets by `timings.csv` (trainings set before a target's own by `after` are not in it), and
    intermediates by the stages that `trainings.csv` names. A task that was not timed takes the
    median of those that were.

    Args:
        intermediates: Names.
        targets: Names.
        catalogue: Task cards.
        folder: The grid's folder of results.
        encoder: Whose times count.
        adaptation: Whose times count.

    Raises:
        MetaselectError: No such folder, or no times of that encoder and adaptation in it.
    """
    times = _timed(folder / "timings.csv", encoder, adaptation)
    run_keys = ["intermediate", "target", "seed"]
    by_run = times.groupby(run_keys).agg(train_s=("train_s", "first"), score_s=("score_s", "sum"))
    by_target = (by_run.groupby("target").mean() / _HOUR_S).fillna(0.0)
    trained = _trained(folder, encoder, adaptation)
    untrained = {name for name in targets if card_rows(name, catalogue) == 0}
    usual = by_target[~by_target.index.isin(untrained)]["train_s"]
    usual_target = float(usual.median()) if len(usual) else float(by_target["score_s"].median())
    usual_before = float(np.median(list(trained.values()))) if trained else usual_target
    names = [name for name in intermediates if name != DIRECT]
    timed = set(by_target.index)
    return Costs(
        intermediates={name: trained.get(name, usual_before) for name in names},
        targets={
            name: 0.0 if name in untrained else float(by_target["train_s"].get(name, usual_target))
            for name in targets
        },
        scorings={
            name: float(by_target["score_s"].get(name, by_target["score_s"].median()))
            for name in targets
        },
        models={name: _model(name, catalogue) for name in targets},
        assumed=tuple(sorted((set(names) - set(trained)) | (set(targets) - timed))),
    )


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a grid trained.

    Attributes:
        examples_s: Examples a second, those of each pass counted; the median of its trainings.
        n_trainings: How many were timed.
    """

    examples_s: float
    n_trainings: int


def measured_speed(folder: Path, *, encoder: str, adaptation: str) -> Speed:
    """Speed of the trainings that `metaselect run` timed, whatever they trained.

    Args:
        folder: The grid's folder of results.
        encoder: Whose trainings count.
        adaptation: Whose trainings count.

    Raises:
        MetaselectError: No such folder, or no timed training of that encoder in it.
    """
    table = _read(folder / "trainings.csv")
    missing = [name for name in ("encoder", "adaptation", *_COUNTED) if name not in table]
    if missing:
        raise MetaselectError(
            f"{folder / 'trainings.csv'} has no column {', '.join(missing)}: is it a grid's own?"
        )
    own = table[(table["encoder"] == encoder) & (table["adaptation"] == adaptation)]
    speeds = []
    for stage, n_examples in own[list(_COUNTED)].drop_duplicates().itertuples(index=False):
        wall_s = _wall_s(folder, str(stage))
        if wall_s and n_examples > 0:
            speeds.append(float(n_examples) / wall_s)
    if not speeds:
        raise MetaselectError(
            f"{folder} has no timed training of {encoder} with {adaptation}: give --costs the "
            "results of a grid with them, or leave it out and run the plan with --dry-run."
        )
    return Speed(float(np.median(speeds)), len(speeds))


def _wall_s(folder: Path, stage: str) -> float | None:
    """Seconds that a stage took; None where it was not timed."""
    timing = folder / "work" / "stages" / stage / "timing.json"
    return float(json.loads(timing.read_text())["wall_s"]) if timing.is_file() else None


def _timed(path: Path, encoder: str, adaptation: str) -> pd.DataFrame:
    """Rows of a grid's timings of one encoder and adaptation."""
    times = _read(path)
    needed = ["encoder", "adaptation", "intermediate", "target", "seed", "train_s", "score_s"]
    missing = [name for name in needed if name not in times]
    if missing:
        raise MetaselectError(f"{path} has no column {', '.join(missing)}: is it a grid's own?")
    own = times[(times["encoder"] == encoder) & (times["adaptation"] == adaptation)]
    if own.empty:
        raise MetaselectError(
            f"{path} has no times of {encoder} with {adaptation}: give --costs the results of a "
            "grid with them, or leave it out."
        )
    return own


def _trained(folder: Path, encoder: str, adaptation: str) -> dict[str, float]:
    """Hours to train each task or mixture that a grid trained first, by its label."""
    path = folder / "trainings.csv"
    if not path.is_file():
        return {}
    table = _read(path)
    own = table[(table["encoder"] == encoder) & (table["adaptation"] == adaptation)]
    seconds: dict[str, list[float]] = {}
    for label, stage in own[["label", "stage"]].drop_duplicates().itertuples(index=False):
        wall_s = None if "→" in label else _wall_s(folder, str(stage))
        if wall_s is not None:
            seconds.setdefault(label, []).append(wall_s)
    return {label: float(np.mean(values)) / _HOUR_S for label, values in seconds.items()}


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, UnicodeDecodeError, ValueError) as error:
        published = path.with_name(f"{path.name}.gz").is_file()
        why = f"{path.parent} is published, without times" if published else f"Cannot read {path}"
        raise MetaselectError(
            f"{why}: --costs takes the folder of results of `metaselect run`."
        ) from error


def card_rows(name: str, catalogue: Catalogue) -> int | None:
    """Training rows of a task, or of several joined by `+`; None where a card does not tell."""
    cards = map(catalogue.find, catalogue.parts(name))
    sizes = [None if card is None else card.train_size for card in cards]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _model(name: str, catalogue: Catalogue) -> str:
    """One name for targets with one head and one training task."""
    card = catalogue.find(name)
    return name if card is None else f"{card.train_task or name} ({card.head})"
