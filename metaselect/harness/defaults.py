"""A grid's settings filled in: defaults by kind of task, and narrow tables over wide ones."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue, Head
from metaselect.errors import MetaselectError, UnknownName
from metaselect.harness.config import ONE_OF, BudgetPart, GridConfig, TestingPart, TrainingPart
from metaselect.harness.data.sources import absolute_if_folder
from metaselect.harness.grid.plan import Budget, Grid
from metaselect.harness.recipe import (
    BATCH_EXAMPLES,
    EPOCHS,
    Limits,
    Machine,
    Precision,
    Recipe,
    Testing,
)
from metaselect.harness.train.encoders import Encoder

_TRAINING: Mapping[str, Any] = {
    "max_length": 128, "query_length": 96, "stride": 64, "max_answer_length": 30,
    "train_rows": None, "validation_rows": 200, "epochs": EPOCHS,
    "batch_examples": BATCH_EXAMPLES,
    "learning_rate": 3e-5, "warmup": 0.1, "weight_decay": 0.01, "clip_norm": 1.0,
    "checkpoint": "last", "n_snapshots": 5, "temperature": 0.05, "lora_rank": 8, "lora_alpha": 16,
    "freeze_embeddings": False, "freeze_layers": 0, "dropout": None,
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

_NO_TASK = (DIRECT, DIRECT_PLUS)


def resolve_grid(config: GridConfig, catalogue: Catalogue, *, base: Path) -> Grid:
    """The grid as plain values, with every default filled in; `base` is the config's folder.

    Raises:
        MetaselectError: Tasks without a card, each on a line.
    """
    unknown = unknown_tasks(config, catalogue)
    if len(unknown) == 1:
        raise next(iter(unknown.values()))
    if unknown:
        raise MetaselectError("\n  ".join(["Unknown tasks:", *map(str, unknown.values())]))
    encoders = tuple(
        Encoder(name=part.name, path=absolute_if_folder(part.path, base), revision=part.revision,
                n_layers=part.n_layers, random_weights=part.random_weights)
        for part in config.encoders
    )  # fmt: skip
    return Grid(
        encoders=encoders,
        adaptations=tuple(config.adaptations),
        intermediates=tuple(config.intermediates),
        targets=tuple(config.targets),
        seeds=tuple(config.seeds),
        cells=None if config.cells is None else tuple((pair[0], pair[1]) for pair in config.cells),
        budgets=tuple(_budgets(config, catalogue)),
    )


def unknown_tasks(config: GridConfig, catalogue: Catalogue) -> dict[str, UnknownName]:
    """The tasks of a grid that have no card, each with what to say of it."""
    tables = [config.task_training, *(part.task_training for part in config.budgets)]
    before = [name for table in tables for part in table.values() for name in part.after or ()]
    return {
        part: UnknownName("task", part, catalogue)
        for name in (*config.intermediates, *config.targets, *before)
        for part in ([name] if name in catalogue else name.split("+"))
        if name not in _NO_TASK and part not in catalogue
    }


def without_tasks(config: GridConfig, unknown: Collection[str]) -> GridConfig:
    """The grid without some of its tasks, for a check of the rest: it need not be a whole one."""

    def has(name: str) -> bool:
        return name not in unknown and not {*name.split("+")} & {*unknown}

    def kept(part: GridConfig | BudgetPart) -> dict[str, Any]:
        training = {
            name: settings
            if all(map(has, settings.after or ()))
            else settings.model_copy(update={"after": None})
            for name, settings in part.task_training.items()
        }
        return {"task_training": training}

    steps = config.equal_steps
    return config.model_copy(
        update={
            **kept(config),
            "intermediates": [name for name in config.intermediates if has(name)],
            "targets": [name for name in config.targets if has(name)],
            "equal_steps": steps if steps is not None and has(steps) else None,
            "budgets": [part.model_copy(update=kept(part)) for part in config.budgets],
        }
    )


def resolve_machine(config: GridConfig) -> Machine:
    """Where to run; `auto` is the GPU if there is one.

    Precision `auto` is bfloat16 on a GPU and on a CPU with instructions for it (AMX or AVX-512),
    where it doubles the speed or more; on any other CPU it is three times slower than float32.
    """
    import torch

    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    precision: Precision = "float32"
    fast = device != "cpu" or bfloat16_unit() is not None
    if config.precision == "bfloat16" or (config.precision == "auto" and fast):
        precision = "bfloat16"
    return Machine(
        device=device, threads=config.threads, inference_tokens=config.inference_tokens,
        compile=config.compile, precision=precision,
    )  # fmt: skip


def bfloat16_unit() -> str | None:
    """The CPU's instructions for products of bfloat16 matrices: AMX, AVX-512 or none."""
    import torch

    found = torch.cpu.get_capabilities()
    names = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512"}
    return next((name for flag, name in names.items() if found.get(flag)), None)


def told_precision(machine: Machine, unit: str | None) -> str:
    """The precision of a machine and why, for people.

    Args:
        machine: As resolved.
        unit: The CPU's, of `bfloat16_unit`.
    """
    if machine.device != "cpu":
        return f"{machine.precision} (GPU)"
    if machine.precision == "bfloat16":
        return f"bfloat16 ({unit or 'slow: the processor has no bfloat16 unit'})"
    if unit is None:
        return "float32: the processor has no bfloat16 unit"
    return f'float32, as asked; precision = "auto" takes bfloat16 ({unit}) here'


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
            name: recipe(name, intermediate=True)
            for name in config.intermediates
            if name not in _NO_TASK
        },
        equal_steps=config.equal_steps,
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
    found = [_LENGTHS_BY_HEAD.get(catalogue[part].head, {}) for part in catalogue.parts(name)]
    return max(found, key=lambda lengths: lengths.get("max_length", 0))


def _given(part: TrainingPart | TestingPart) -> Mapping[str, Any]:
    return part.model_dump(exclude_none=True)


def _merged(*tables: Mapping[str, Any]) -> dict[str, Any]:
    """Later tables win; one of two alternatives drops the other."""
    out: dict[str, Any] = {}
    for table in tables:
        for pair in ONE_OF:
            if any(name in table for name in pair):
                out |= dict.fromkeys(pair)
        out |= table
    return out


def _recipe(values: Mapping[str, Any]) -> Recipe:
    limits, others = _limits_and_others(values)
    return Recipe(limits=limits, **others)


def _testing(values: Mapping[str, Any]) -> Testing:
    limits, others = _limits_and_others(values)
    languages = others["languages"]
    named = None if languages is None else tuple(languages)
    return Testing(limits=limits, **{**others, "languages": named})


def _limits_and_others(values: Mapping[str, Any]) -> tuple[Limits, dict[str, Any]]:
    limits = Limits(**{name: values[name] for name in Limits.__slots__})
    return limits, {name: value for name, value in values.items() if name not in Limits.__slots__}
