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

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from metaselect.catalogue.tasks import DIRECT
from metaselect.catalogue.tomltext import (
    Place,
    lines_of,
    read_text,
    refusal,
    setting_fault,
    tables_of,
    with_line,
)
from metaselect.errors import MetaselectError
from metaselect.harness.data.sources import HUB, absolute, absolute_if_folder
from metaselect.harness.gridfaults import ACROSS, Remainder, across_fault, across_faults
from metaselect.harness.recipe import Adaptation, Checkpoint, Pooling, TrackerName
from metaselect.runs.values import SEED_LIMIT

ONE_OF = (("steps", "epochs"), ("batch_tokens", "batch_examples"))
"""Settings that exclude each other."""

_DEVICES = r"^(auto|cpu|cuda(:\d+)?)$"
_PRECISIONS = r"^(auto|float32|bfloat16)$"
_BUDGET_NAMES = r"^[\w.-]*$"


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
        found = [
            across_fault((second,), f"give {first} or {second}, not both")
            for first, second in ONE_OF
            if getattr(self, first) is not None and getattr(self, second) is not None
        ]
        if found:
            raise ValidationError.from_exception_data("training", found)
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

    name: str = Field("", pattern=_BUDGET_NAMES)
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
    device: str = Field("auto", pattern=_DEVICES)
    threads: int = Field(1, ge=1)
    inference_tokens: int = Field(8192, ge=8)
    compile: bool = False
    precision: str = Field("auto", pattern=_PRECISIONS)
    disk_gb: float | None = Field(None, gt=0)
    log_to: list[TrackerName] = []
    budgets: list[BudgetPart] = []
    training: TrainingPart = TrainingPart()
    intermediate_training: TrainingPart = TrainingPart()
    task_training: dict[str, TrainingPart] = {}
    testing: TestingPart = TestingPart()
    task_testing: dict[str, TestingPart] = {}

    @model_validator(mode="after")
    def _across(self) -> Self:
        if found := across_faults(self):
            raise ValidationError.from_exception_data("grid", found)
        return self


_PATTERNS = {
    _DEVICES: "auto, cpu, cuda or a GPU by its number (cuda:0)",
    _PRECISIONS: "auto, float32 or bfloat16",
    _BUDGET_NAMES: "letters, digits, '_', '-' and '.'",
}
_STAND_INS: Mapping[str, Any] = {
    "study": "grid", "encoders": [{"name": "none", "path": "none"}], "intermediates": [DIRECT],
    "targets": ["none"], "seeds": [0],
}  # fmt: skip
"""What holds the place of settings that no grid lacks, until the others have been looked at."""

_EMPTIED = {"encoders", "targets"}
"""Settings whose stand-ins are taken out at the end."""

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
    config, faults = read_sound(path)
    if config is None or faults:
        raise refusal(str(path), faults)
    return config


def read_sound(path: Path) -> tuple[GridConfig | None, list[str]]:
    """What is sound of a grid's TOML, for a check of the rest, and what is wrong with it.

    Returns:
        The grid without the faulty settings, which then need not be a whole one, or None where
        they leave open which data it takes; the faults.

    Raises:
        MetaselectError: The file cannot be read or is no TOML.
    """
    text = read_text(path, what=f"the grid {path}")
    return _sound(tables_of(text, where=str(path)), lines_of(text))


def check_config(tables: Mapping[str, Any], *, where: str) -> GridConfig:
    """A grid's settings as they stand in its TOML, checked; `where` names them in errors.

    Raises:
        MetaselectError: They break rules, all listed.
    """
    config, faults = _sound(tables, {})
    if config is None or faults:
        raise refusal(where, faults)
    return config


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


def _sound(
    tables: Mapping[str, Any], lines: Mapping[Place, int]
) -> tuple[GridConfig | None, list[str]]:
    """What is sound of a grid's tables, and the faults of the rest by all rounds of checks."""
    rest, faults = Remainder(tables), list[str]()
    while True:
        try:
            config = GridConfig.model_validate(rest.tables)
            break
        except ValidationError as error:
            found = [item for item in error.errors() if not rest.explains(item)]
            faults += [_fault({**item, "loc": rest.original(item["loc"])}, lines) for item in found]
            rest.take_out(item["loc"] for item in error.errors())
            rest.stand_in(_STAND_INS)
    if any(name in rest.lost and name not in rest.tables for name in ("data", "cells")):
        return None, faults
    return config.model_copy(update={name: [] for name in rest.stood_in & _EMPTIED}), faults


def _fault(item: Mapping[str, Any], lines: Mapping[Place, int]) -> str:
    """What is wrong with a setting, after its name and line."""
    where = ".".join(str(part) for part in item["loc"])
    inside = [_TABLES[part] for part in item["loc"][:-1] if part in _TABLES]
    told = with_line(where, item["loc"], lines)
    if item["type"] == "model_type" and item["loc"][0] == "encoders":
        return f'{told}: write {{ name = "...", path = "a folder, a URL or a hub id" }}'
    if item["type"] == "model_type":
        return f"{told}: a table of settings, [{where}], not {item['input']!r}"
    if item["type"] == ACROSS:
        return f"{told}: {item['msg']}"
    known = list((inside[-1] if inside else GridConfig).model_fields)
    return f"{told}: {setting_fault(item, known, _PATTERNS)}"
