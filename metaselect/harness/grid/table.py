"""The runs table of a grid, made from its stages' files: sorted, the same bytes every time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.errors import MetaselectError
from metaselect.harness.grid.known import RUN, STAGE
from metaselect.harness.grid.plan import GridPlan, Run
from metaselect.harness.grid.stages import ScoreStage, Stage, TrainStage
from metaselect.harness.grid.workfolder import KNOWN, WorkFolder
from metaselect.runs.gains import TRAIN_EXAMPLES

SOURCE = "metaselect run"


@dataclass(frozen=True, slots=True)
class Tables:
    """What a grid has measured so far.

    Attributes:
        runs: One row a score; beside the usual columns `train_examples` (that the
            intermediate was trained on, repeats counted; 0 for none), `n_examples` (that were
            scored), `english_dev`, `majority_score`, `collapsed`, `accuracy` where another metric
            counts, and `stage`, the key of the scoring that made it.
        trainings: One row a trained task: what its training says of its difficulty, and the
            folder of its curve and of the dynamics of each example.
        timings: Seconds of each language scored here and of each training, which differ every time.
    """

    runs: pd.DataFrame
    trainings: pd.DataFrame
    timings: pd.DataFrame


def collect_tables(plan: GridPlan, work: WorkFolder) -> Tables:
    """Read every finished language of every run."""
    rows: list[dict[str, Any]] = []
    times: list[dict[str, Any]] = []
    for run in plan.runs:
        stage = plan.stages[run.score_key]
        if isinstance(stage, ScoreStage):
            found = list(_run_rows(run, stage, plan, work))
            rows += [row for row, _ in found]
            times += [time for _, time in found if time["score_s"] is not None]
    order = ["study", "encoder", "adaptation", "intermediate", "target", "language", "seed"]
    trained = [row for stage in plan.stages.values() for row in _training_rows(stage, work)]
    by_label = ["encoder", "adaptation", "label", "task", "seed", "stage"]
    return Tables(_sorted(rows, order), _sorted(trained, by_label), _sorted(times, order))


def check_covers(plan: GridPlan, path: Path) -> None:
    """Refuse to replace a runs table by one that lacks some of its runs.

    Raises:
        MetaselectError: The table has runs that the plan does not make.
    """
    try:
        there = pd.read_csv(path, usecols=list(RUN), dtype=str, keep_default_na=False)
    except (FileNotFoundError, ValueError):  # none yet, or one that nobody could use
        return
    made = {tuple(str(getattr(run, name)) for name in RUN) for run in plan.runs}
    found = set(map(tuple, there[list(RUN)].itertuples(index=False)))
    if found - made:
        raise MetaselectError(
            f"{path.parent} holds {len(found - made)} runs that this grid does not make (such as "
            f"{', '.join(min(found - made))}): name another --out, or add them to the grid. "
            f"Without {path.name} there the same stages serve this grid alone."
        )


def n_of_other_settings(plan: GridPlan, path: Path) -> int:
    """Scores of a runs table that stages with other settings, data or encoders made."""
    try:
        stages = pd.read_csv(path, usecols=["stage"], dtype=str, keep_default_na=False)["stage"]
    except (FileNotFoundError, ValueError):  # none yet, or one without stages
        return 0
    return int((~stages.isin(list(plan.stages))).sum())


def _training_rows(stage: Stage, work: WorkFolder) -> Iterable[dict[str, Any]]:
    if not isinstance(stage, TrainStage) or not work.is_done(stage.key):
        return
    result = work.read(work.stage(stage.key) / "result.json")
    for task, means in result["dynamics"].items():
        yield {
            "encoder": stage.encoder.name, "adaptation": stage.teaching.adaptation,
            "label": stage.label, "task": task, "seed": stage.seed, "stage": stage.key,
            "n_steps": result["n_steps"], "n_examples": result["n_examples"],
            "final_loss": result["final_loss"], "english_dev": result["english_dev"], **means,
        }  # fmt: skip


def _run_rows(
    run: Run, stage: ScoreStage, plan: GridPlan, work: WorkFolder
) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
    english, train_s = _training(stage, work)
    examples = _train_examples(run, stage, plan, work)
    for language in stage.languages:
        path = work.language_file(stage.key, language)
        if not path.is_file():
            continue
        scored = work.read(path)
        name = {
            "study": run.study, "encoder": run.encoder, "adaptation": run.adaptation,
            "intermediate": run.intermediate, "target": run.target, "language": language,
        }  # fmt: skip
        row = {
            **name, "metric": run.metric, "score": round(scored["score"], 6), "seed": run.seed,
            "source": SOURCE, TRAIN_EXAMPLES: examples, "n_examples": scored.get("n_examples"),
            "english_dev": english,
        }  # fmt: skip
        row |= _floor_columns(scored)
        if run.metric != "accuracy" and "accuracy" in scored.get("measures", {}):
            row["accuracy"] = round(scored["measures"]["accuracy"], 6)
        row |= {column: scored[column] for column in scored.get(KNOWN, ())}
        row[STAGE] = stage.key
        time = {
            **name, "seed": run.seed, "score_s": scored.get("wall_s"), "train_s": train_s
        }  # fmt: skip
        yield row, time


def _floor_columns(scored: Mapping[str, Any]) -> dict[str, Any]:
    """What a score says of its floor; nothing where it came from a table that did not tell."""
    if "majority_score" not in scored:
        return {}
    return {
        "majority_score": round(scored["majority_score"], 6),
        "collapsed": scored["collapsed"],
    }


def _training(stage: ScoreStage, work: WorkFolder) -> tuple[float | None, float | None]:
    """The score on English that the training before a scoring ended with, and its seconds."""
    if stage.parent is None or not work.is_done(stage.parent):
        return None, None
    folder = work.stage(stage.parent)
    english, timing = work.read(folder / "result.json")["english_dev"], folder / "timing.json"
    wall_s = work.read(timing)["wall_s"] if timing.is_file() else None
    return None if english is None else round(english, 6), wall_s


def _train_examples(run: Run, stage: ScoreStage, plan: GridPlan, work: WorkFolder) -> int | None:
    """Examples that a run's intermediate was trained on; None where its training is not at hand."""
    if run.intermediate in (DIRECT, DIRECT_PLUS):
        return 0
    first, key = None, stage.parent
    while key is not None:
        first, key = key, plan.stages[key].parent if key in plan.stages else None
    if first is None or not work.is_done(first):
        return None
    return int(work.read(work.stage(first) / "result.json")["n_examples"])


def _sorted(rows: list[dict[str, Any]], order: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    return table.sort_values(order, kind="stable", ignore_index=True) if rows else table
