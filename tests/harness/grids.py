"""Tiny grids for the harness's tests, as the command line would open them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.harness.config import GridConfig
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.defaults import resolve_grid, resolve_machine
from metaselect.harness.grid.plan import WHOLE, Part
from metaselect.harness.grid.runner import GridResult, Place
from metaselect.harness.grid.session import OpenGrid, open_grid

TRAINING = {
    "batch_examples": 8, "learning_rate": 1e-3, "steps": 4, "max_length": 32, "stride": 8,
    "validation_rows": 4,
}  # fmt: skip
TESTING = {"max_length": 32, "stride": 8}


def tiny_config(encoder: Path, data: Path | str, **changes: Any) -> GridConfig:
    """A grid of the test data with four training steps a stage; `changes` replace keys."""
    values: dict[str, Any] = {
        "study": "tiny",
        "data": str(data),
        "encoders": [{"name": "tiny", "path": str(encoder)}],
        "intermediates": ["direct", "mnli"],
        "targets": ["xnli", "udpos"],
        "seeds": [0],
        "device": "cpu",
        "precision": "float32",
        "training": TRAINING,
        "testing": TESTING,
    }
    return GridConfig.model_validate(values | changes)


def tiny_grid(
    config: GridConfig,
    out: Path,
    store: str | None = None,
    known: Sequence[Path] = (),
    part: Part = WHOLE,
) -> OpenGrid:
    """The config's grid, opened."""
    catalogue = load_catalogue(None)
    disk_bytes = None if config.disk_gb is None else int(config.disk_gb * 1e9)
    return open_grid(
        resolve_grid(config, catalogue, base=out),
        catalogue,
        Corpora.at(config.data, base=out),
        machine=resolve_machine(config),
        place=Place(
            out=out,
            n_workers=config.workers,
            disk_bytes=disk_bytes,
            log_to=tuple(config.log_to),
            store=store,
            known=tuple(known),
        ),
        part=part,
    )


def run_tiny(config: GridConfig, out: Path, lines: list[str] | None = None) -> GridResult:
    """Run the config's grid; progress lines go to `lines`."""
    report = (lambda line: None) if lines is None else lines.append
    return tiny_grid(config, out).run(report)


def toml_of(config: GridConfig) -> str:
    """The config as the TOML that the command line reads."""
    values = config.model_dump(exclude_unset=True)
    lines: list[str] = []
    tables: list[str] = []
    for key, value in values.items():
        if isinstance(value, dict):
            tables += [f"[{key}]", *(f"{name} = {_toml(item)}" for name, item in value.items())]
        else:
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)
