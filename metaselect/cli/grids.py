"""The grid of a plan, as the TOML that `metaselect run` takes."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaselect.catalogue.tasks import DIRECT
from metaselect.errors import MetaselectError

if TYPE_CHECKING:
    from metaselect.harness.config import GridConfig
    from metaselect.planning.grids import Setting


Cell = tuple[str, str]
ON_HUB = {
    "xlm-roberta-base": "FacebookAI", "xlm-roberta-large": "FacebookAI",
    "bert-base-multilingual-cased": "google-bert", "multilingual-e5-small": "intfloat",
    "multilingual-e5-base": "intfloat", "multilingual-e5-large": "intfloat",
}  # fmt: skip
"""Owners of encoders that anyone can fetch; the first stands in where none has that name."""


def check_grid_file(out: Path | None) -> None:
    """Refuse a file for a grid before the work that fills it, not after.

    Raises:
        MetaselectError: Its name does not end in .toml, or it is a folder.
    """
    if out is not None and (out.suffix != ".toml" or out.is_dir()):
        raise MetaselectError(f"--out {out} is no file for a grid: its name must end in .toml.")


def planned_grid(
    setting: "Setting",
    cells: Sequence[Cell],
    *,
    seeds: Sequence[int],
    config: "GridConfig | None",
    base: Path,
    done: Collection[Cell],
) -> dict[str, Any]:
    """Settings of a grid of the planned cells.

    Args:
        setting: Its protocol.
        cells: Intermediate and target of each run.
        seeds: Of each run.
        config: The grid that made the runs: its settings are kept, and of its cells those that
            are done, so that `metaselect run` goes on in its folder of results. None starts a
            grid with the default settings.
        base: The config's folder, which its paths are relative to.
        done: Cells with runs.

    Raises:
        MetaselectError: The config has no such study, encoder or adaptation.
    """
    if config is None:
        values: dict[str, Any] = {"study": setting.study, "data": "hub"}
        name = setting.encoder
        values["encoders"] = [{"name": name, "path": f"{ON_HUB[name]}/{name}" if name in ON_HUB
                               else name}]  # fmt: skip
        kept: list[Cell] = []
    else:
        values = _settings_of(config, setting, base)
        grown = ({*config.intermediates}, {*config.targets})
        kept = sorted(cell for cell in done if cell[0] in grown[0] and cell[1] in grown[1])
    every = [*kept, *cells]
    return {
        **values,
        "adaptations": [setting.adaptation],
        "intermediates": _grown(values.get("intermediates", [DIRECT]), every, 0),
        "targets": _grown(values.get("targets", []), every, 1),
        "seeds": list(seeds),
        "cells": [list(cell) for cell in every],
    }


def _settings_of(config: "GridConfig", setting: "Setting", base: Path) -> dict[str, Any]:
    """What a config says of one protocol, its folders by whole paths."""
    from metaselect.harness.data.sources import HUB, absolute, absolute_if_folder

    values = config.model_dump(exclude_unset=True)
    names = {f"{config.study}/{part.name}": part.name for part in config.budgets} or {
        config.study: ""
    }
    encoders = [part for part in values["encoders"] if part["name"] == setting.encoder]
    if setting.study not in names or not encoders or setting.adaptation not in config.adaptations:
        raise MetaselectError(
            f"The grid of --config makes no runs of {setting.study} with {setting.encoder} and "
            f"{setting.adaptation}: give the grid that made them, or another --study."
        )
    for part in encoders:
        part["path"] = absolute_if_folder(part["path"], base)
    if config.data != HUB:
        values["data"] = absolute(config.data, base)
    if config.budgets:
        values["budgets"] = [
            part for part in values["budgets"] if part["name"] == names[setting.study]
        ]
    return {**values, "encoders": encoders}


def _grown(names: Sequence[str], cells: Sequence[Cell], place: int) -> list[str]:
    """Names of an axis, with those that cells add."""
    return list(dict.fromkeys([*names, *(cell[place] for cell in cells)]))
