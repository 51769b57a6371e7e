"""A grid with its plan and its place: what the command line and a notebook both call."""

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from metaselect.catalogue.tasks import Catalogue
from metaselect.files import library_versions, write_json
from metaselect.harness.config import GridConfig
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.defaults import (
    bfloat16_unit,
    resolve_grid,
    resolve_machine,
    told_precision,
    unknown_tasks,
    without_tasks,
)
from metaselect.harness.grid.checks import check_grid, grid_warnings
from metaselect.harness.grid.diskroom import DiskNeed, disk_need
from metaselect.harness.grid.known import Known, read_known
from metaselect.harness.grid.plan import WHOLE, Grid, GridPlan, Part, plan_grid
from metaselect.harness.grid.probe import Estimate, estimate
from metaselect.harness.grid.runner import GridResult, Place, run_grid
from metaselect.harness.grid.schedule import pending_stages
from metaselect.harness.grid.stages import STAGE_SCHEMA, Naming, Stage, TrainStage
from metaselect.harness.grid.table import check_covers, n_of_other_settings
from metaselect.harness.grid.workfolder import PROBE, WorkFolder
from metaselect.harness.recipe import Machine, as_json
from metaselect.harness.train.training import Workshop
from metaselect.wording import counted, few, short_time

_VERSIONED = ("torch", "transformers", "tokenizers", "datasets")
_SHOWN = 40  # stages of a plan printed for people


@dataclass(frozen=True, slots=True)
class OpenGrid:
    """A planned grid.

    Attributes:
        grid: The axes, resolved.
        plan: Its stages.
        shop: Data, work folder, machine.
        place: Where results go.
        hashes: What the data and the encoders are, by name.
        known: What runs tables have of the plan already.
    """

    grid: Grid
    plan: GridPlan
    shop: Workshop
    place: Place
    hashes: Mapping[str, Mapping[str, str]]
    known: Known

    @property
    def warnings(self) -> list[str]:
        """What the grid lacks without being wrong."""
        return grid_warnings(self.grid)

    @property
    def precision(self) -> str:
        """What it computes in and why, for people."""
        return told_precision(self.shop.machine, bfloat16_unit())

    @property
    def has_tables(self) -> bool:
        """Whether any runs table was looked at for what is known."""
        return bool(_known_places(self.place))

    def counts(self) -> dict[str, int]:
        """Stages in the plan and of those the ones still to do."""
        return {
            "trainings": self.plan.n_trainings,
            "scorings": self.plan.n_scorings,
            "pending": len(self._pending),
        }

    @property
    def _missing(self) -> list[Stage]:
        return pending_stages(self.plan, self.shop, self.known)

    @property
    def _pending(self) -> list[Stage]:
        return [stage for stage in self._missing if self.plan.is_now(stage.key)]

    def preview(self, report: Callable[[str], None]) -> dict[str, Any]:
        """Seconds and disk that the rest takes by a probe, and what it is; nothing is trained for
        good.

        A stage's name holds its encoder, data and settings, so that what a dry run timed on the
        same machine still holds.

        Args:
            report: Takes a line before each training that is probed, or one that none need be.
        """
        pending = self._pending
        found = self._estimate(pending, report)
        stages = [
            {"key": stage.key, "label": stage.label, "seed": self.plan.seed_of(stage),
             "seconds": round(found.seconds[stage.key], 1)}
            for stage in pending
        ]  # fmt: skip
        seconds = round(found.total_s(self.place.n_workers), 1)
        return {
            "planned": len(self.plan.runs_now), "seconds": seconds, "stages": stages,
            "targets": self.plan.languages_now(), "disk": self._disk_need(found),
        }  # fmt: skip

    def _disk_need(self, found: Estimate) -> DiskNeed:
        missing = self._missing
        return disk_need(
            [stage for stage in missing if self.plan.is_now(stage.key)],
            [stage for stage in missing if not self.plan.is_now(stage.key)],
            there=self.shop.work.weights_sizes(),
            sizes=found.weights_bytes,
            n_workers=self.place.n_workers,
            disk_bytes=self.place.disk_bytes,
        )

    def _estimate(self, pending: list[Stage], report: Callable[[str], None]) -> Estimate:
        """Times of an earlier dry run on this machine where they cover all, else a probe's."""
        machine = {**as_json(self.shop.machine), **hardware(self.shop.machine.device)}
        timed, sizes = self.shop.work.probed_s(on=machine), self.shop.work.probed_bytes()
        trained = {stage.key for stage in pending if isinstance(stage, TrainStage)}
        if pending and timed.keys() >= {stage.key for stage in pending} and trained <= sizes.keys():
            place = self.shop.work.root / PROBE
            report(f"probe: times are an earlier dry run's; delete {place} to measure again")
            seconds = {stage.key: timed[stage.key] for stage in pending}
            return Estimate(seconds, {key: sizes[key] for key in trained})
        found = estimate(pending, self.shop, report)
        told = {**timed, **found.seconds}, {**sizes, **found.weights_bytes}
        self.shop.work.keep_probe(*told, on=machine)
        return found

    def describe(self, seconds: float, disk: DiskNeed) -> str:
        """The plan for people."""
        parts = (self.plan.n_trainings, "training"), (self.plan.n_scorings, "scoring")
        stages = " and ".join(counted(*part) for part in parts)
        lines = [f"{counted(len(self.plan.runs_now), 'run')}: {stages}", "targets:"]
        languages = self.plan.languages_now()
        width = max(map(len, languages), default=0)
        for name, codes in languages.items():
            lines.append(f"  {name:<{width}}  {counted(len(codes), 'language')}: {few(codes)}")
        pending = self._pending
        lines.append("stages:" if pending else "all of them are done")
        for stage in pending[:_SHOWN]:
            kind = "train" if isinstance(stage, TrainStage) else "score"
            seed = self.plan.seed_of(stage)
            told = stage.label if seed is None else f"{stage.label}, seed {seed}"
            lines.append(f"  {stage.key}  {kind}  {told}")
        if len(pending) > _SHOWN:
            lines.append(f"  ... and {len(pending) - _SHOWN} more (all of them with --json)")
        if pending:
            n_workers = counted(self.place.n_workers, "worker")
            lines += [f"about {short_time(seconds)} with {n_workers}", str(disk)]
        return "\n".join(lines)

    def run(
        self, report: Callable[[str], None], watch: Callable[[str], None] | None = None
    ) -> GridResult:
        """Do what is missing.

        Args:
            report: Takes a line as each stage ends.
            watch: Takes lines about the stages under way, every minute; None does without.

        Raises:
            MetaselectError: The results folder has runs that are not this grid's.
        """
        table = self.place.out / "runs.csv"
        check_covers(self.plan, table)
        if n_other := n_of_other_settings(self.plan, table):
            report(
                f"{table} held {counted(n_other, 'score')} of other settings, which leave it now; "
                "their stages are kept, so that the grid as it was brings them back. Another --out "
                "keeps both tables."
            )
        self.place.out.mkdir(parents=True, exist_ok=True)
        settings = as_json(self.grid)
        text = json.dumps(settings, sort_keys=True)
        versions = {name: metadata.version(name) for name in _VERSIONED}
        write_json(
            self.place.out / "grid.json",
            {
                "grid": settings,
                "planned_scores": self.plan.scores_by_target(),
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "stage_schema": STAGE_SCHEMA,
                "hashes": {name: dict(found) for name, found in self.hashes.items()},
                "machine": as_json(self.shop.machine),
                "hardware": hardware(self.shop.machine.device),
                "versions": {**library_versions(), **versions},
            },
        )
        return run_grid(
            self.plan, self.shop, self.place, known=self.known, report=report, watch=watch
        )


def open_config(
    config: GridConfig,
    catalogue: Catalogue,
    *,
    base: Path,
    place: Place,
    part: Part = WHOLE,
) -> OpenGrid:
    """Plan the grid of a config; tasks without a card are told with all other faults.

    Args:
        config: The settings.
        catalogue: Cards of tasks.
        base: The config's folder, which its paths are relative to.
        place: Where results go.
        part: What is to be made now.

    Raises:
        MetaselectError: As `open_grid`, or tasks without a card.
    """
    corpora = Corpora.at(config.data, base=base)
    unknown = unknown_tasks(config, catalogue)
    rest = resolve_grid(without_tasks(config, unknown), catalogue, base=base)
    if unknown:
        told = [str(error) for error in unknown.values()]
        told += Naming(corpora, catalogue).encoder_faults(rest.encoders)
        check_grid(rest, catalogue, corpora, WorkFolder(place.out / "work"), part, also=told)
    machine = resolve_machine(config)
    return open_grid(rest, catalogue, corpora, machine=machine, place=place, part=part)


def open_grid(
    grid: Grid,
    catalogue: Catalogue,
    corpora: Corpora,
    *,
    machine: Machine,
    place: Place,
    part: Part = WHOLE,
) -> OpenGrid:
    """Plan a grid, or the part of it that is to be made now; nothing is trained yet.

    Raises:
        MetaselectError: A part without runs; data that are not there or that the cards do not
            allow and encoders that are not there, all of them; a known table that cannot be read.
    """
    work = WorkFolder(place.out / "work")
    naming = Naming(corpora, catalogue)
    lacking = naming.encoder_faults(grid.encoders)
    check_grid(grid, catalogue, corpora, work, part, also=lacking)
    plan = plan_grid(grid, naming, part)
    shop = Workshop(corpora, work, machine)
    known = read_known(_known_places(place), plan)
    return OpenGrid(grid, plan, shop, place, naming.hashes(), known)


def _known_places(place: Place) -> list[Path]:
    """Tables that were named, and the folder's own where its work folder is gone."""
    lost = not (place.out / "work" / "stages").is_dir() and (place.out / "runs.csv").is_file()
    return [*place.known, *([place.out] if lost else [])]


def hardware(device: str) -> dict[str, str | int]:
    """What carries a grid out: processor, cores at hand, and the GPU if it runs on one."""
    import torch

    words = [platform.machine(), torch.backends.cpu.get_cpu_capability()]
    if bfloat16_unit() == "AMX":
        words.append("AMX")
    found: dict[str, str | int] = {
        "processor": ", ".join(words),
        "cores": os.cpu_count() or 1,
    }
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.get_device_name(device)
    return found
