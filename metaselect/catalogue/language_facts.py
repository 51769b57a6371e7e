"""The tables behind languages: the package's own, and what URIEL and the registry record."""

import csv
import json
import logging
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

from metaselect.catalogue.cache import cache_folder, keep

log = logging.getLogger(__name__)

_SCHEMA = 1  # raise it when what the cached table holds changes


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of one lang2vec code (ISO 639-3).

    Attributes:
        name: English name; the code itself where the registry has none.
        family: Top-level family; None for isolates and where none is recorded.
        latitude, longitude: In degrees, to 0.01, within about 0.2.
    """

    name: str
    family: str | None
    latitude: float
    longitude: float


@cache
def table_facts() -> Mapping[str, Mapping[str, str]]:
    """The package's table, languages.csv, by canonical code and without its empty cells."""
    text = Path(__file__).with_name("languages.csv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {
        row["code"]: {key: value for key, value in row.items() if value}
        for row in csv.DictReader(lines)
    }


@cache
def recorded_languages() -> Mapping[str, Recorded]:
    """Records by lang2vec code, from a small file beside the vectors' cache, or made anew.

    Raises:
        MetaselectError: There is no cache yet, and lang2vec's data files are not installed.
    """
    from importlib import metadata  # slow to import, and not needed for the fifty

    versions = f"{metadata.version('lang2vec')}-{metadata.version('language_data')}"
    path = cache_folder() / f"languages-{_SCHEMA}-{versions}.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return {code: Recorded(*row) for code, row in table.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.debug("no usable table at %s: %s", path, error)
    records = _read_records()
    text = json.dumps({code: astuple(record) for code, record in records.items()})
    keep(path, lambda temp: temp.write_text(text, encoding="utf-8"))
    return records


def display_name(code: str) -> str:
    """English name of a language; the code itself where the registry has none."""
    from langcodes import Language

    for normalize in (False, True):  # first by the code itself: kzj is Coastal Kadazan, not dtp
        name = Language.get(code, normalize=normalize).display_name()
        if not name.startswith("Unknown language"):
            return name
    return code


def _read_records() -> dict[str, Recorded]:
    from metaselect.catalogue.uriel import load_uriel

    uriel = load_uriel()
    codes = list(uriel.row_by_code)
    places = uriel.coordinates(codes).round(2).tolist()
    rows = zip(codes, uriel.families(codes), places, strict=True)
    return {code: Recorded(display_name(code), family, *place) for code, family, place in rows}
