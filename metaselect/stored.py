"""A fitted selector as the content of a folder: JSON, LightGBM text, measured values, a card."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metaselect.about import About, about_from_json
from metaselect.card import card_text
from metaselect.catalogue.measured import measured_text, read_measured
from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.table import Unit
from metaselect.files import CARD, is_inside, write_json, write_text
from metaselect.ranking.persistence import predictor_from_json, predictor_to_json
from metaselect.ranking.predictor import Predictor
from metaselect.ranking.treetext import check_trees
from metaselect.training import Training, training_from_json

SCHEMA = 2
KIND = "predictor"
_FILE = "predictor.json"
_MEASURED = "measured.csv"
_BROKEN = (  # what JSON of another shape leads to
    *(OSError, ValueError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, RecursionError),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a folder keeps of a selector.

    Attributes:
        settings: Of the selector, by the names of its parameters.
        training: What it was fitted on.
        about: What its makers say of it.
        predictors: By what they generalise to.
        catalogue: Cards, and the measured values that its features were computed from.
    """

    settings: Mapping[str, Any]
    training: Training
    about: About
    predictors: Mapping[Unit, Predictor]
    catalogue: Catalogue


def write_stored(folder: Path, stored: Stored) -> None:
    """Fill a folder; measured values go with a selector that uses them."""
    content = {
        "settings": dict(stored.settings),
        "training": asdict(stored.training),
        "about": asdict(stored.about),
        "predictors": {
            unit: predictor_to_json(predictor, folder, prefix=unit)
            for unit, predictor in stored.predictors.items()
        },
    }
    write_json(folder / _FILE, content)
    if "measured" in stored.settings["groups"]:
        write_text(folder / _MEASURED, measured_text(stored.catalogue.measured))
    write_text(folder / CARD, card_text(stored.training, stored.predictors, stored.about))


def read_stored(folder: Path, catalogue: Catalogue) -> Stored:
    """Read a folder that `write_stored` filled.

    Args:
        folder: Its hashes are checked already.
        catalogue: Cards; its measured values count for what the folder has none of, since the
            predictor learnt from the folder's.

    Raises:
        MetaselectError: Not such a folder.
    """
    if (folder / _MEASURED).is_file():
        values = read_measured(folder / _MEASURED).filled_from(catalogue.measured)
        catalogue = Catalogue(catalogue.values(), values)
    try:
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        _check_trees(folder, content["predictors"])
        return Stored(
            settings=dict(content["settings"]),
            training=training_from_json(content["training"]),
            about=about_from_json(content["about"]) if "about" in content else About(),
            predictors={
                unit: predictor_from_json(entry, folder, catalogue=catalogue)
                for unit, entry in content["predictors"].items()
            },
            catalogue=catalogue,
        )
    except _BROKEN as error:
        raise MetaselectError(
            f"{folder} is not a predictor this version reads: {error!r}."
        ) from error


def _check_trees(folder: Path, predictors: Mapping[str, Any]) -> None:
    """Refuse trees that could end the process that reads them."""
    names = [
        str(name)
        for entry in predictors.values()
        for model in entry["models"]
        for name in model["boosters"]
    ]
    for name in filter(is_inside, names):  # the others are refused where they are read
        try:
            check_trees((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MetaselectError(
                f"{folder / name} does not hold LightGBM trees: {error}."
            ) from error
