"""Reading a grid's TOML: the file, what is wrong with it, and what a command line says over it."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from metaselect.config import BudgetPart, EncoderPart, GridConfig, TestingPart, TrainingPart
from metaselect.errors import MetaselectError
from metaselect.harness.data.sources import absolute, absolute_if_folder

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
        raise MetaselectError(f"Cannot read the grid {path}: {error}.") from error
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
