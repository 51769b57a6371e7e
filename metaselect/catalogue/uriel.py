"""URIEL's typological vectors, read from the installed lang2vec data without importing it.

lang2vec 1.1.2 takes seconds to import and reads its archives anew on every call. Here they are
read once, without pickle, and kept in one compact file in the user's cache folder. lang2vec's
data are CC BY-SA 4.0 (Littell et al. 2017; Malaviya et al. 2017): the cache stays on the user's
machine.

Most `knn` values are imputed from related and nearby languages, not observed: see `missing_share`.
Distances are cosine distances of these vectors, which are not the distances that URIEL released.
lang2vec says that it knows 4,005 languages, but tests its mask along the wrong axis: its archives
hold 7,970, of which 5 are codes for no language.
"""

import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from metaselect.catalogue.cache import cache_folder, keep
from metaselect.errors import MetaselectError

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
VectorSet = Literal["syntax_knn", "phonology_knn", "inventory_knn", "syntax_average", "fam"]
Distance = Literal[
    "syntactic", "phonological", "inventory", "featural", "genetic", "geographic"
]  # "featural" joins the three sets before it

_SCHEMA = 1  # raise it when what the cache holds changes
_PREFIXES = {"syntax_knn": "S_", "phonology_knn": "P_", "inventory_knn": "INV_"}
_PARTS: Mapping[Distance, tuple[VectorSet, ...]] = {
    "syntactic": ("syntax_knn",),
    "phonological": ("phonology_knn",),
    "inventory": ("inventory_knn",),
    "featural": ("syntax_knn", "phonology_knn", "inventory_knn"),
    "genetic": ("fam",),
}


@dataclass(frozen=True, slots=True, eq=False)
class Uriel:
    """The vectors of every language; a code without vectors has missing values everywhere.

    Attributes:
        row_by_code: Row of each lang2vec code (ISO 639-3).
        features: Names of the features, by set.
        arrays: Values by set, shape (n_languages, n_features); -1 in `syntax_average` is missing,
            `fam` has its bits packed. `places` are unit vectors to the languages' places.
    """

    row_by_code: Mapping[str, int]
    features: Mapping[str, tuple[str, ...]]
    arrays: Mapping[str, npt.NDArray[np.generic]]

    def vectors(self, name: VectorSet, codes: Sequence[str]) -> Floats:
        """Values of one set, shape (n_codes, n_features); NaN is missing."""
        rows, known = self._rows(codes)
        values = self._members(rows) if name == "fam" else self.arrays[name][rows]
        found = values.astype(np.float64)
        found[found < 0] = np.nan
        found[~known] = np.nan
        return found

    def distances(self, kind: Distance, codes: Sequence[str], origin: str) -> Floats:
        """Distances of languages from one language, shape (n_codes,), in [0, 1].

        Cosine distances of the `knn` vectors; `genetic` is the cosine distance of the family
        memberships (1 where no node is shared) and `geographic` the great circle over half the
        circumference. NaN where either language has no vectors, family or place.
        """
        if kind == "geographic":
            places, here = self._places(codes), self._places([origin])
            return np.asarray(np.arccos(np.clip(places @ here[0], -1.0, 1.0)) / np.pi)
        joined = [self.vectors(part, [origin, *codes]) for part in _PARTS[kind]]
        return _cosine_distances(np.concatenate(joined, axis=1))[0, 1:]

    def pairwise(self, kind: Distance, codes: Sequence[str]) -> Floats:
        """Distances between all pairs, shape (n_codes, n_codes); not for `geographic`."""
        return _cosine_distances(
            np.concatenate([self.vectors(part, codes) for part in _PARTS[kind]], axis=1)
        )

    def missing_share(self, codes: Sequence[str]) -> Floats:
        """Share of a language's 103 syntax values that no source observed, shape (n_codes,)."""
        _, known = self._rows(codes)
        shares = np.isnan(self.vectors("syntax_average", codes)).mean(axis=1)
        return np.where(known, shares, np.nan)

    def coordinates(self, codes: Sequence[str]) -> Floats:
        """Latitude and longitude in degrees, shape (n_codes, 2), within about 0.2 degrees."""
        x, y, z = self._places(codes).T
        return np.asarray(np.degrees(np.stack([np.arcsin(z), np.arctan2(y, x)], axis=1)))

    def families(self, codes: Sequence[str]) -> list[str | None]:
        """The top-level family of each language; None for isolates and where none is recorded."""
        rows, known = self._rows(codes)
        members = self._members(rows) * known[:, None]
        names = self.features["fam"]
        return [  # a family comes before its branches
            names[row.argmax()].removeprefix("F_") if row.any() else None for row in members
        ]

    def _members(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        packed = cast(npt.NDArray[np.uint8], self.arrays["fam"])
        return np.unpackbits(packed[rows], axis=1, count=len(self.features["fam"]))

    def _rows(self, codes: Sequence[str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        rows = np.array([self.row_by_code.get(code, -1) for code in codes], dtype=np.intp)
        return rows, rows >= 0

    def _places(self, codes: Sequence[str]) -> Floats:
        rows, known = self._rows(codes)
        return np.where(known[:, None], self.arrays["places"][rows].astype(np.float64), np.nan)


@cache
def load_uriel() -> Uriel:
    """The vectors, from the cache where it is whole, else from lang2vec's archives (about 1 s).

    Raises:
        MetaselectError: lang2vec's data files are not installed.
    """
    key = f"metaselect {_SCHEMA} lang2vec {metadata.version('lang2vec')}"
    path = cache_folder() / f"uriel-{_SCHEMA}-{metadata.version('lang2vec')}.npz"
    arrays = _read_cache(path, key)
    if arrays is None:
        arrays = _read_archives(_data_folder())
        keep(path, partial(_write, key=key, arrays=arrays))
    names = {name: arrays[f"{name} names"] for name in (*_PREFIXES, "fam")}
    features = {name: tuple(str(item) for item in values) for name, values in names.items()}
    codes = [str(code) for code in arrays["codes"]]
    return Uriel(
        row_by_code={code: row for row, code in enumerate(codes)},
        features={**features, "syntax_average": features["syntax_knn"]},
        arrays=arrays,
    )


def _cosine_distances(vectors: Floats) -> Floats:
    """1 - cosine of all pairs of rows; NaN where a row is missing or all zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.full_like(vectors, np.nan), where=lengths > 0)
    return np.asarray(np.clip(1.0 - units @ units.T, 0.0, 1.0))


def _data_folder() -> Path:
    try:
        files = metadata.files("lang2vec") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "feature_predictions.npz":
            return Path(str(file.locate())).parent
    raise MetaselectError(
        "lang2vec's data files are not installed: pip install --force-reinstall lang2vec."
    )


def _read_archives(folder: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays that the cache holds, languages in the order of `codes`."""
    codes, names, knn = _archive(folder / "feature_predictions.npz")
    average_codes, average_names, averages = _archive(folder / "feature_averages.npz")
    family_codes, family_names, family = _archive(folder / "family_features.npz")
    grid_codes, grid_names, grid = _archive(folder / "geocoord_features.npz")
    places, found = _places_from(grid, [str(name) for name in grid_names])
    kept = np.sort(np.intersect1d(codes, grid_codes[found]))
    arrays: dict[str, npt.NDArray[np.generic]] = {"codes": kept}
    for name, prefix in _PREFIXES.items():
        columns = np.char.startswith(names, prefix)
        arrays[f"{name} names"] = names[columns]
        arrays[name] = knn[_order(codes, kept)][:, columns].astype(np.uint8)
    columns = np.char.startswith(average_names, _PREFIXES["syntax_knn"])
    arrays["syntax_average"] = averages[_order(average_codes, kept)][:, columns]
    arrays["fam names"] = family_names
    arrays["fam"] = np.packbits(family > 0, axis=1)[_order(family_codes, kept)]
    arrays["places"] = places[_order(grid_codes, kept)].astype(np.float32)
    return arrays


def _archive(
    path: Path,
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_], npt.NDArray[np.float32]]:
    """Codes, feature names and values of one archive; it holds one source, its last axis."""
    with np.load(path, allow_pickle=False) as archive:
        return archive["langs"], archive["feats"], archive["data"][:, :, 0]


def _order(codes: npt.NDArray[np.str_], kept: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    order = np.argsort(codes)
    return np.asarray(order[np.searchsorted(codes, kept, sorter=order)])


def _places_from(distances: npt.NDArray[np.float32], names: list[str]) -> tuple[Floats, Floats]:
    """Unit vectors to the languages' places, and which of them are places at all.

    Features are distances to 299 grid points, `GC_latitude_longitude`, over half the
    circumference. The cosine of an angle is linear in the place, so least squares finds it; a
    result far from length 1 belongs to a code for no language.
    """
    degrees = np.array([name.split("_")[1:] for name in names], dtype=np.float64)
    latitude, longitude = np.radians(degrees).T
    grid = np.stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ],
        axis=1,
    )
    solved = np.linalg.lstsq(grid, np.cos(np.pi * distances.astype(np.float64)).T, rcond=None)[0].T
    lengths = np.linalg.norm(solved, axis=1)
    return solved / lengths[:, None], np.abs(lengths - 1) < 0.01


def _read_cache(path: Path, key: str) -> dict[str, npt.NDArray[np.generic]] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays if str(arrays.pop("key")) == key else None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.debug("no usable cache at %s: %s", path, error)
        return None


def _write(path: Path, *, key: str, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    with path.open("xb") as out:
        np.savez(out, allow_pickle=False, key=np.array(key), **arrays)
