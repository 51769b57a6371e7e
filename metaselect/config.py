"""The grid's TOML: checked whole, with every default that a run can have.

    study = "smoke"
    data = "../../shared/pack"            # or "hub"; relative to this file
    encoders = [{name = "minilm-multi", path = "../../shared/encoder/minilm-multi"}]
    intermediates = ["direct", "mnli", "mnli+squad"]
    targets = ["xnli", "udpos"]
    seeds = [0]

    [training]                            # every stage, over the defaults of its kind of task
    train_rows = 2000
    [intermediate_training]               # what differs for intermediates
    epochs = 1
    [task_training.xquad]                 # what differs for one intermediate or target
    max_length = 256
    [task_training.xcopa]
    after = ["socialiqa"]                 # tasks that a target trains on before its own
    [testing]
    rows = 100
    [task_testing.tatoeba]
    languages = ["de", "sw"]

Several protocols in one file are `[[budgets]]`, each with a `name` and any of these tables; the
study is then called `<study>/<name>`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from metaselect.catalogue.tasks import DIRECT, Catalogue, Head
from metaselect.errors import MetaselectError
from metaselect.harness.encoders import Encoder
from metaselect.harness.grid import Budget, Grid
from metaselect.harness.recipe import (
    Adaptation,
    Checkpoint,
    Limits,
    Machine,
    Pooling,
    Recipe,
    Testing,
)
from metaselect.harness.trackers import TrackerName

HUB = "hub"

_TRAINING: Mapping[str, Any] = {
    "max_length": 128, "query_length": 96, "stride": 64, "max_answer_length": 30,
    "train_rows": None, "validation_rows": 200, "epochs": 3.0, "batch_examples": 32,
    "learning_rate": 3e-5, "warmup": 0.1, "weight_decay": 0.01, "clip_norm": 1.0,
    "checkpoint": "last", "n_snapshots": 5, "temperature": 0.05, "lora_rank": 8, "lora_alpha": 16,
}  # fmt: skip
"""XTREME's and jiant's reference settings (lengths, epochs, batch, rate, warm-up, clip)."""

_TESTING: Mapping[str, Any] = {
    "max_length": 128, "query_length": 96, "stride": 64, "max_answer_length": 30, "rows": None,
    "languages": None, "layer": -1, "pooling": "mean", "margin": False, "n_neighbours": 4,
}  # fmt: skip

_LENGTHS_BY_HEAD: Mapping[Head, Mapping[str, int]] = {
    "extractive-qa": {"max_length": 384, "stride": 128},
    "answer-retrieval": {"max_length": 256},
    "entity-retrieval": {"max_length": 64, "query_length": 64},
}
_ONE_OF = (("steps", "epochs"), ("batch_tokens", "batch_examples"))


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)


class TrainingPart(_Part):
    """Settings of training; what is left out comes from a wider table or the defaults."""

    max_length: int | None = Field(None, ge=8)
    query_length: int | None = Field(None, ge=4)
    stride: int | None = Field(None, ge=0)
    max_answer_length: int | None = Field(None, ge=1)
    train_rows: int | None = Field(None, ge=1)
    validation_rows: int | None = Field(None, ge=0)
    steps: int | None = Field(None, ge=1)
    epochs: float | None = Field(None, gt=0)
    batch_tokens: int | None = Field(None, ge=8)
    batch_examples: int | None = Field(None, ge=1)
    learning_rate: float | None = Field(None, gt=0)
    warmup: float | None = Field(None, ge=0, le=1)
    weight_decay: float | None = Field(None, ge=0)
    clip_norm: float | None = Field(None, gt=0)
    checkpoint: Checkpoint | None = None
    n_snapshots: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, gt=0)
    lora_rank: int | None = Field(None, ge=1)
    lora_alpha: int | None = Field(None, ge=1)
    after: list[str] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for first, second in _ONE_OF:
            if getattr(self, first) is not None and getattr(self, second) is not None:
                raise ValueError(f"give {first} or {second}, not both")
        return self


class TestingPart(_Part):
    """Settings of scoring; what is left out comes from a wider table or the defaults."""

    __test__: ClassVar[bool] = False  # no test class, whatever its name
    max_length: int | None = Field(None, ge=8)
    query_length: int | None = Field(None, ge=4)
    stride: int | None = Field(None, ge=0)
    max_answer_length: int | None = Field(None, ge=1)
    rows: int | None = Field(None, ge=1)
    languages: list[str] | None = Field(None, min_length=1)
    layer: int | None = None
    pooling: Pooling | None = None
    margin: bool | None = None
    n_neighbours: int | None = Field(None, ge=1)


class BudgetPart(_Part):
    """One protocol's tables."""

    name: str = Field("", pattern=r"^[\w.-]*$")
    training: TrainingPart = TrainingPart()
    intermediate_training: TrainingPart = TrainingPart()
    task_training: dict[str, TrainingPart] = {}
    testing: TestingPart = TestingPart()
    task_testing: dict[str, TestingPart] = {}


class EncoderPart(_Part):
    """An encoder: a hub id or a folder relative to the config."""

    name: str = Field(min_length=1)
    path: str = Field(min_length=1)
    revision: str | None = None
    n_layers: int | None = Field(None, ge=1)
    random_weights: bool = False


class GridConfig(_Part):
    """A whole grid; defaults are this class's."""

    study: str = Field(min_length=1)
    data: str = HUB
    encoders: list[EncoderPart] = Field(min_length=1)
    adaptations: list[Adaptation] = ["finetune"]
    intermediates: list[str] = Field(min_length=1)
    targets: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    workers: int = Field(1, ge=1)
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    threads: int = Field(1, ge=1)
    inference_tokens: int = Field(8192, ge=8)
    compile: bool = False
    disk_gb: float | None = Field(None, gt=0)
    log_to: list[TrackerName] = []
    budgets: list[BudgetPart] = []
    training: TrainingPart = TrainingPart()
    intermediate_training: TrainingPart = TrainingPart()
    task_training: dict[str, TrainingPart] = {}
    testing: TestingPart = TestingPart()
    task_testing: dict[str, TestingPart] = {}

    @model_validator(mode="after")
    def _axes(self) -> Self:
        for name in ("intermediates", "targets", "seeds", "adaptations"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} names something twice")
        names = [encoder.name for encoder in self.encoders]
        if len(set(names)) != len(names):
            raise ValueError("two encoders have one name")
        budgets = [budget.name for budget in self.budgets]
        if len(set(budgets)) != len(budgets) or "" in budgets:
            raise ValueError("every budget needs a name of its own")
        if DIRECT in self.targets:
            raise ValueError(f"{DIRECT!r} is no target")
        wide = (self.training, self.intermediate_training)
        if any(part.after is not None for part in wide):
            raise ValueError("'after' belongs to a target's table, [task_training.<target>]")
        unused = {*self.task_training, *self.task_testing} - {*self.intermediates, *self.targets}
        if unused:
            raise ValueError(f"settings for {sorted(unused)}, which the grid does not name")
        return self


def read_config(path: Path) -> GridConfig:
    """Read and check a grid's TOML.

    Raises:
        MetaselectError: The file cannot be read, is no TOML, or breaks rules, all listed.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MetaselectError(f"Cannot read the grid {path}: {error}.") from error
    try:
        return GridConfig.model_validate(tables)
    except ValidationError as error:
        faults = "; ".join(_fault(item) for item in error.errors())
        raise MetaselectError(f"{path}: {faults}.") from error


def _fault(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    return f"{where}: {item['msg']}" if where else str(item["msg"])


def override(config: GridConfig, *, data: str | None, encoders: Sequence[str]) -> GridConfig:
    """The config with other places of data and encoders, as a command line gives them.

    Args:
        config: What the file says.
        data: Folder relative to where the command runs, or `hub`; None keeps the file's.
        encoders: `name=path`, or a path alone where there is one encoder.

    Raises:
        MetaselectError: A name that the grid does not have.
    """
    values = config.model_dump(exclude_unset=True)
    if data is not None:
        values["data"] = data if data == HUB else str(Path(data).resolve())
    by_name = {part["name"]: part for part in values["encoders"]}
    for item in encoders:
        name, _, path = item.rpartition("=")
        if not name and len(by_name) == 1:
            name = next(iter(by_name))
        if name not in by_name:
            raise MetaselectError(f"--encoder {item}: say NAME=PATH with one of {list(by_name)}.")
        by_name[name]["path"] = str(Path(path).resolve()) if Path(path).is_dir() else path
    return GridConfig.model_validate(values)


def resolve_grid(config: GridConfig, catalogue: Catalogue, *, base: Path) -> Grid:
    """The grid as plain values, with every default filled in; `base` is the config's folder.

    Raises:
        UnknownName: A task without a card.
    """
    encoders = tuple(
        Encoder(name=part.name, path=_path(part.path, base), revision=part.revision,
                n_layers=part.n_layers, random_weights=part.random_weights)
        for part in config.encoders
    )  # fmt: skip
    return Grid(
        encoders=encoders,
        adaptations=tuple(config.adaptations),
        intermediates=tuple(config.intermediates),
        targets=tuple(config.targets),
        seeds=tuple(config.seeds),
        budgets=tuple(_budgets(config, catalogue)),
    )


def data_folder(config: GridConfig, *, base: Path) -> Path | None:
    """The folder of the data, or None for the hub."""
    return None if config.data == HUB else base / config.data


def resolve_machine(config: GridConfig) -> Machine:
    """Where to run; `auto` is the GPU if there is one."""
    import torch

    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Machine(
        device=device, threads=config.threads, inference_tokens=config.inference_tokens,
        compile=config.compile,
    )  # fmt: skip


def _path(path: str, base: Path) -> str:
    folder = base / path
    return str(folder.resolve()) if folder.is_dir() else path


def _budgets(config: GridConfig, catalogue: Catalogue) -> list[Budget]:
    wide = BudgetPart(
        training=config.training, intermediate_training=config.intermediate_training,
        task_training=config.task_training, testing=config.testing,
        task_testing=config.task_testing,
    )  # fmt: skip
    return [_budget(config, wide, part, catalogue) for part in config.budgets or [BudgetPart()]]


def _budget(config: GridConfig, wide: BudgetPart, part: BudgetPart, catalogue: Catalogue) -> Budget:
    def recipe(name: str, *, intermediate: bool) -> Recipe:
        parts = [wide.training, part.training]
        if intermediate:
            parts += [wide.intermediate_training, part.intermediate_training]
        parts += [tables[name] for tables in (wide.task_training, part.task_training)
                  if name in tables]  # fmt: skip
        values = _merged(_TRAINING, _head_lengths(name, catalogue), *map(_given, parts))
        values.pop("after", None)
        return _recipe(values)

    def testing(name: str) -> Testing:
        parts = [wide.testing, part.testing]
        parts += [tables[name] for tables in (wide.task_testing, part.task_testing)
                  if name in tables]  # fmt: skip
        return _testing(_merged(_TESTING, _head_lengths(name, catalogue), *map(_given, parts)))

    return Budget(
        study=f"{config.study}/{part.name}" if part.name else config.study,
        intermediates={
            name: recipe(name, intermediate=True) for name in config.intermediates if name != DIRECT
        },
        targets={name: recipe(name, intermediate=False) for name in config.targets},
        testing={name: testing(name) for name in config.targets},
        preliminaries={
            name: tuple(settings.after)
            for tables in (wide.task_training, part.task_training)
            for name, settings in tables.items()
            if settings.after is not None and name in config.targets
        },
    )


def _head_lengths(name: str, catalogue: Catalogue) -> Mapping[str, Any]:
    """Lengths of the longest kind of task among those that a name joins."""
    names = [name] if name in catalogue else name.split("+")
    found = [_LENGTHS_BY_HEAD.get(catalogue[part].head, {}) for part in names]
    return max(found, key=lambda lengths: lengths.get("max_length", 0))


def _given(part: TrainingPart | TestingPart) -> Mapping[str, Any]:
    return part.model_dump(exclude_none=True)


def _merged(*tables: Mapping[str, Any]) -> dict[str, Any]:
    """Later tables win; one of two alternatives drops the other."""
    out: dict[str, Any] = {}
    for table in tables:
        for pair in _ONE_OF:
            if any(name in table for name in pair):
                out |= dict.fromkeys(pair)
        out |= table
    return out


def _limits(values: dict[str, Any]) -> Limits:
    return Limits(**{name: values.pop(name) for name in Limits.__slots__})


def _recipe(values: dict[str, Any]) -> Recipe:
    return Recipe(limits=_limits(values), **values)


def _testing(values: dict[str, Any]) -> Testing:
    limits = _limits(values)
    languages = values.pop("languages")
    return Testing(
        limits=limits, languages=None if languages is None else tuple(languages), **values
    )
