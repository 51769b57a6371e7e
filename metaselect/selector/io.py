"""A fitted selector as a folder: JSON, LightGBM text, tasks, values, a card; never a pickle."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metaselect.catalogue.cardfiles import cards_text, parse_cards, shipped_catalogue
from metaselect.catalogue.measured import measured_text, read_measured
from metaselect.catalogue.tasks import Catalogue, TaskCard
from metaselect.errors import MetaselectError
from metaselect.features.table import Unit
from metaselect.files import (
    BROKEN_JSON,
    CARD,
    MANIFEST,
    is_inside,
    read_manifest,
    sealed_folder,
    write_json,
    write_text,
)
from metaselect.ranking.persistence import predictor_from_json, predictor_to_json
from metaselect.ranking.predictor import Predictor
from metaselect.ranking.treetext import check_trees
from metaselect.selector.card import card_text
from metaselect.selector.provenance import (
    Provenance,
    TrainingSummary,
    provenance_from_json,
    provenance_to_json,
    training_from_json,
)

SCHEMA = 2
KIND = "predictor"
_FILE = "predictor.json"
_MEASURED = "measured.csv"
_CARDS = "tasks.toml"
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".npy", ".npz")


@dataclass(frozen=True, slots=True)
class StoredSelector:
    """What a folder keeps of a selector.

    Attributes:
        settings: Of the selector, by the names of its parameters.
        training: What it was fitted on.
        provenance: What its makers say of it.
        predictors: By what they generalise to.
        catalogue: Cards, and the measured values that its features were computed from.
    """

    settings: Mapping[str, Any]
    training: TrainingSummary
    provenance: Provenance
    predictors: Mapping[Unit, Predictor]
    catalogue: Catalogue


def refuse_pickles(folder: Path) -> None:
    """Refuse a folder that holds a file which can run code when it is read.

    A folder without a manifest is no predictor, may be anything (`/`, a home), and is not searched.
    """
    if not (folder / MANIFEST).is_file():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (path.suffix.lower() in _PICKLES or _starts_like_a_pickle(path)):
            raise MetaselectError(
                f"{path} looks like a pickle, which can run code when read: refused. Predictor "
                "folders hold JSON and text only."
            )


def write_selector(folder: Path, stored: StoredSelector) -> None:
    """Write a folder with a manifest; measured values go with a selector that uses them.

    Raises:
        MetaselectError: The folder is there and is no finished predictor.
    """
    made_by = {"settings": dict(stored.settings), "n_runs": stored.training.n_runs}
    with sealed_folder(folder, kind=KIND, schema=SCHEMA, made_by=made_by) as new:
        _fill(new, stored)


def read_selector(folder: Path, catalogue: Catalogue) -> StoredSelector:
    """Read a folder that `write_selector` made, with every hash checked.

    Args:
        folder: The folder.
        catalogue: Cards and measured values. The folder's own count before those that ship, since
            the predictor learnt from them; a user's cards count before the folder's.

    Raises:
        MetaselectError: Not such a folder, or one that is unfinished, changed, made by a newer
            version, or that holds a pickle.
    """
    refuse_pickles(folder)
    read_manifest(folder, kind=KIND, schema=SCHEMA)
    catalogue = _with_own_cards(folder, catalogue)
    if (folder / _MEASURED).is_file():
        values = read_measured(folder / _MEASURED).filled_from(catalogue.measured)
        catalogue = Catalogue(catalogue.values(), values)
    try:
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        _check_trees(folder, content["predictors"])
        return StoredSelector(
            settings=dict(content["settings"]),
            training=training_from_json(content["training"]),
            provenance=provenance_from_json(content["about"]),
            predictors={
                unit: predictor_from_json(entry, folder, catalogue=catalogue)
                for unit, entry in content["predictors"].items()
            },
            catalogue=catalogue,
        )
    except (OSError, *BROKEN_JSON) as error:
        raise MetaselectError(
            f"{folder} is not a predictor this version reads ({error!r}): train it again with "
            "metaselect train."
        ) from error


def _fill(folder: Path, stored: StoredSelector) -> None:
    content = {
        "settings": dict(stored.settings),
        "training": asdict(stored.training),
        "about": provenance_to_json(stored.provenance),
        "predictors": {
            unit: predictor_to_json(predictor, folder, prefix=unit)
            for unit, predictor in stored.predictors.items()
        },
    }
    write_json(folder / _FILE, content)
    cards = _own_cards(stored)
    if cards:
        write_text(folder / _CARDS, cards_text(cards))
    if "measured" in stored.settings["groups"]:
        write_text(folder / _MEASURED, measured_text(stored.catalogue.measured))
    write_text(folder / CARD, card_text(stored.training, stored.predictors, stored.provenance))


def _own_cards(stored: StoredSelector) -> list[TaskCard]:
    """The cards of tasks in the training runs that do not ship with the package."""
    catalogue, shipped = stored.catalogue, shipped_catalogue()
    names = {*stored.training.targets, *stored.training.intermediates}
    parts = sorted({part for name in names for part in catalogue.parts(name)})
    found = [card for part in parts if (card := catalogue.find(part)) is not None]
    return [card for card in found if card != shipped.find(card.name)]


def _with_own_cards(folder: Path, catalogue: Catalogue) -> Catalogue:
    """A catalogue with the folder's cards, where it has none or the shipped one of a name."""
    path, shipped = folder / _CARDS, shipped_catalogue()
    if not path.is_file():
        return catalogue
    own = parse_cards(path.read_text(encoding="utf-8"), where=str(path))
    new = [card for card in own if catalogue.find(card.name) == shipped.find(card.name)]
    return Catalogue([*catalogue.values(), *new], catalogue.measured)


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


def _starts_like_a_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"\x80"
