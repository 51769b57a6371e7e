"""A grid of up to a million runs through the real planner and schedule, on a simulated cluster.

    python experiments/bench/planner.py [--intermediates 1000 --targets 100 --languages 100
                                         --seeds 5 --slots 512]

Stages are named, ordered and booked by the code that runs real grids; only carrying them out is
replaced by a virtual clock. Prints seconds and peak memory of each step, and the simulated
cluster's makespan and idle share; stops with an error if a stage began before the one it builds on.
"""

import argparse
import heapq
import json
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.catalogue.tasks import DIRECT, Catalogue, TaskCard
from metaselect.harness.grid.executors import Finished
from metaselect.harness.grid.known import Known
from metaselect.harness.grid.plan import (
    Budget,
    Grid,
    GridPlan,
    plan_grid,
    stage_parents,
)
from metaselect.harness.grid.runner import Place, work_off
from metaselect.harness.grid.schedule import Schedule, pending_stages
from metaselect.harness.grid.stages import Naming, ScoreStage, Stage
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.harness.recipe import Limits, Machine, Recipe, Testing
from metaselect.harness.train.encoders import Encoder
from metaselect.harness.train.training import Workshop

TRAINING_S = {"intermediate": 600.0, "target": 300.0}  # of one GPU share, for the simulated clock
SCORING_S = 2.0  # a language
RECIPE = Recipe(
    limits=Limits(max_length=128, query_length=64, stride=64, max_answer_length=30),
    train_rows=10_000, validation_rows=200, steps=None, epochs=3.0, batch_tokens=None,
    batch_examples=32, learning_rate=3e-5, warmup=0.1, weight_decay=0.01, clip_norm=1.0,
    checkpoint="last", n_snapshots=1, temperature=0.05, lora_rank=8, lora_alpha=16,
    freeze_embeddings=False, freeze_layers=0, dropout=None,
)  # fmt: skip


class SimulatedCorpora:
    """Data of every task, named but not there."""

    folder = None

    def __init__(self, n_languages: int) -> None:
        self._languages = tuple(f"l{number}" for number in range(n_languages))

    def identity(self, card: TaskCard, split: str, language: str) -> str:
        """A name for what the rows would be."""
        return f"{card.name}/{split}/{language}"

    def test_languages(self, card: TaskCard) -> list[str]:
        """The same for every task."""
        return list(self._languages)

    def has(self, card: TaskCard, split: str, language: str) -> bool:
        """Everything is."""
        return True


class SimulatedCluster:
    """Slots with a virtual clock."""

    def __init__(self, n_slots: int) -> None:
        self.width, self.now, self.busy_s = n_slots, 0.0, 0.0
        self._running: list[tuple[float, int, Stage]] = []
        self._done: set[str] = set()
        self._count = 0

    def has_room(self) -> bool:
        """Whether a slot is free."""
        return len(self._running) < self.width

    def start(self, stage: Stage) -> None:
        """Take a slot; what the stage builds on must be done."""
        if not all(parent in self._done for parent in stage_parents(stage)):
            raise SystemExit(f"{stage.label} began before what it builds on")
        if isinstance(stage, ScoreStage):
            seconds = SCORING_S * len(stage.languages)
        else:
            seconds = TRAINING_S["target" if stage.parent else "intermediate"]
        self._count += 1
        self.busy_s += seconds
        heapq.heappush(self._running, (self.now + seconds, self._count, stage))

    def next_finished(self) -> Finished:
        """Go on to the next end."""
        self.now, _, stage = heapq.heappop(self._running)
        self._done.add(stage.key)
        return Finished(stage.key, None, {}, False, 1.0)

    def stop(self) -> None:
        """Nothing to stop."""

    def close(self) -> None:
        """Nothing to let go."""


class Ledger:
    """Counts stages; a table of a million files is not written."""

    def __init__(self, place: Place) -> None:
        self.place, self.count = place, 0

    def enter(self, stage: Stage, finished: Finished) -> None:
        """Count a stage."""
        self.count += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("intermediates", 1000), ("targets", 100), ("languages", 100),
                          ("seeds", 5), ("slots", 512)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measured(arguments, Path(folder)), indent=1))


def measured(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What planning and scheduling of the grid took."""
    (folder / "encoder").mkdir()
    (folder / "encoder" / "config.json").write_text("{}")
    encoder = Encoder(
        name="e", path=str(folder / "encoder"), revision=None, n_layers=None, random_weights=False
    )
    model, target = (load_catalogue(None)[name] for name in ("mnli", "xnli"))
    first = [replace(model, name=f"i{number}") for number in range(arguments.intermediates)]
    last = [
        replace(target, name=f"t{number}", train_task=None) for number in range(arguments.targets)
    ]
    catalogue = Catalogue([*first, *last])
    budget = Budget(
        study="simulated", intermediates={card.name: RECIPE for card in first},
        targets={card.name: RECIPE for card in last},
        testing={card.name: testing() for card in last}, preliminaries={},
    )  # fmt: skip
    grid = Grid(
        encoders=(encoder,), adaptations=("finetune",), cells=None, budgets=(budget,),
        intermediates=(DIRECT, *(card.name for card in first)),
        targets=tuple(card.name for card in last), seeds=tuple(range(arguments.seeds)),
    )  # fmt: skip
    corpora: Any = SimulatedCorpora(arguments.languages)
    machine = Machine(
        device="cpu", threads=1, inference_tokens=1, compile=False, precision="float32"
    )
    shop = Workshop(corpora, WorkFolder(folder / "work"), machine)
    found: dict[str, Any] = {}
    plan: GridPlan = timed(found, "plan_s", lambda: plan_grid(grid, Naming(corpora, catalogue)))
    found |= {"runs": len(plan.runs), "stages": len(plan.stages)}
    scorings = [stage for stage in plan.stages.values() if isinstance(stage, ScoreStage)]
    found["scores"] = sum(len(stage.languages) for stage in scorings)
    pending = timed(found, "what_is_missing_s", lambda: pending_stages(plan, shop, Known()))
    place = Place(out=folder, n_workers=1, disk_bytes=None, log_to=())
    cluster, ledger = SimulatedCluster(arguments.slots), Ledger(place)
    state = Schedule(pending)
    timed(found, "schedule_s", lambda: work_off(plan, shop, state, cluster, ledger))
    if ledger.count != len(plan.stages):
        raise SystemExit(f"{ledger.count} stages of {len(plan.stages)} ended")
    return {
        **found,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "slot_hours": round(cluster.busy_s / 3600),
        "makespan_h": round(cluster.now / 3600, 1),
        "idle_share": round(1 - cluster.busy_s / (cluster.now * arguments.slots), 4),
    }


def testing() -> Testing:
    return Testing(
        limits=RECIPE.limits, rows=None, languages=None, layer=-1, pooling="mean", margin=False,
        n_neighbours=4,
    )  # fmt: skip


def timed(found: dict[str, Any], name: str, call: Any) -> Any:
    """What a call returns; its seconds go into `found`."""
    started = time.perf_counter()
    result = call()
    found[name] = round(time.perf_counter() - started, 1)
    return result


if __name__ == "__main__":
    main()
