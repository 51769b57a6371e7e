"""The grid's TOML: what may stand in it, reading it, and what is wrong with it.

    study = "smoke"
    data = "../../shared/pack"            # relative to this file; or "hub", "s3://..."
    encoders = [{name = "minilm-multi", path = "../../shared/encoder/minilm-multi"}]
    intermediates = ["direct", "mnli", "mnli+squad"]
    targets = ["xnli", "udpos"]
    seeds = [0]
    equal_steps = "mnli"                  # whose steps "direct+" adds, where it is listed
    cells = [["direct", "xnli"], ["mnli", "xnli"]]   # these alone; left out, the whole cross

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

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.errors import MetaselectError
from metaselect.harness.data.sources import HUB, absolute, absolute_if_folder
from metaselect.harness.recipe import Adaptation, Checkpoint, Pooling, TrackerName
from metaselect.runs.values import SEED_LIMIT

ONE_OF = (("steps", "epochs"), ("batch_tokens", "batch_examples"))
"""Settings that exclude each other."""


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
    freeze_embeddings: bool | None = None
    freeze_layers: int | None = Field(None, ge=0)
    dropout: float | None = Field(None, ge=0, lt=1)
    after: list[str] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for first, second in ONE_OF:
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
    """An encoder: a hub id, a URL, or a folder relative to the config."""

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
    seeds: list[Annotated[int, Field(ge=0, le=SEED_LIMIT)]] = Field(min_length=1)
    equal_steps: str | None = None
    cells: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = Field(
        None, min_length=1
    )
    workers: int = Field(1, ge=1)
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    threads: int = Field(1, ge=1)
    inference_tokens: int = Field(8192, ge=8)
    compile: bool = False
    precision: str = Field("auto", pattern=r"^(auto|float32|bfloat16)$")
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
        for name in (DIRECT, DIRECT_PLUS):
            if name in self.targets:
                raise ValueError(f"{name!r} is no target")
        self._check_control()
        self._check_cells()
        wide = (self.training, self.intermediate_training)
        if any(part.after is not None for part in wide):
            raise ValueError("'after' belongs to a target's table, [task_training.<target>]")
        unused = {*self.task_training, *self.task_testing} - {*self.intermediates, *self.targets}
        if unused:
            raise ValueError(f"settings for {sorted(unused)}, which the grid does not name")
        return self

    def _check_control(self) -> None:
        if (DIRECT_PLUS in self.intermediates) != (self.equal_steps is not None):
            raise ValueError(
                f"the control {DIRECT_PLUS!r} among the intermediates and equal_steps, the "
                "intermediate whose steps it takes besides a target's, belong together"
            )
        if self.equal_steps in (DIRECT, DIRECT_PLUS) or (
            self.equal_steps is not None and self.equal_steps not in self.intermediates
        ):
            raise ValueError(f"equal_steps = {self.equal_steps!r} is no task of intermediates")

    def _check_cells(self) -> None:
        cells = [tuple(cell) for cell in self.cells or ()]
        if len(set(cells)) != len(cells):
            raise ValueError("cells names a pair twice")
        outside = [
            list(cell)
            for cell in cells
            if cell[0] not in self.intermediates or cell[1] not in self.targets
        ]
        if outside:
            raise ValueError(f"cells outside intermediates x targets: {outside}")


_TABLES: Mapping[str, type[BaseModel]] = {
    "encoders": EncoderPart,
    "budgets": BudgetPart,
    **dict.fromkeys(("training", "intermediate_training", "task_training"), TrainingPart),
    **dict.fromkeys(("testing", "task_testing"), TestingPart),
}


def read_config(path: Path) -> GridConfig:
    """Read and check a grid's TOML.

    Raises:
        MetaselectError: The file cannot be read, is no TOML, or breaks rules, all listed.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # 5,000 digits, 1,000 brackets
        why = getattr(error, "strerror", None) or error
        raise MetaselectError(f"Cannot read the grid {path}: {why}.") from error
    return check_config(tables, where=str(path))


def check_config(tables: Mapping[str, Any], *, where: str) -> GridConfig:
    """A grid's settings as they stand in its TOML, checked; `where` names them in errors.

    Raises:
        MetaselectError: They break rules, all listed.
    """
    try:
        return GridConfig.model_validate(tables)
    except ValidationError as error:
        faults = "; ".join(_fault(item) for item in error.errors())
        raise MetaselectError(f"{where}: {faults}.") from error


def override(config: GridConfig, *, data: str | None, encoders: Sequence[str]) -> GridConfig:
    """The config with other places of data and encoders, as a command line gives them.

    Args:
        config: What the file says.
        data: Folder relative to where the command runs, a URL, or `hub`; None keeps the file's.
        encoders: `name=path`, or a path alone where there is one encoder.

    Raises:
        MetaselectError: A name that the grid does not have.
    """
    values = config.model_dump(exclude_unset=True)
    if data is not None:
        values["data"] = absolute(data)
    by_name = {part["name"]: part for part in values["encoders"]}
    for item in encoders:
        name, _, path = item.rpartition("=")
        if not name and len(by_name) == 1:
            name = next(iter(by_name))
        if name not in by_name:
            raise MetaselectError(f"--encoder {item}: say NAME=PATH with one of {list(by_name)}.")
        by_name[name]["path"] = absolute_if_folder(path)
    return GridConfig.model_validate(values)


def _fault(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    inside = [_TABLES[part] for part in item["loc"][:-1] if part in _TABLES]
    if item["type"] == "extra_forbidden":
        known = list((inside[-1] if inside else GridConfig).model_fields)
        near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return f"{where}: no such setting ({hint})"
    if item["type"] == "model_type" and item["loc"][0] == "encoders":
        return f'{where}: write {{ name = "...", path = "a folder, a URL or a hub id" }}'
    if item["type"] == "model_type":
        return f"{where}: a table of settings, [{where}], not {item['input']!r}"
    return f"{where}: {item['msg']}" if where else str(item["msg"])
