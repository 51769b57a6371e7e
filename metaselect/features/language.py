"""One language: its distance from English, its typology, its script, its pretraining data.

Within a query these are constant, since every candidate is English: alone they cannot reorder
candidates, only through products with features of tasks.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from metaselect.catalogue.languages import Language, find_language
from metaselect.catalogue.uriel import Distance, load_uriel
from metaselect.features.base import Feature, Floats, Values, World

_URIEL = "URIEL's knn vectors (Littell et al. 2017) as lang2vec installs them, mostly imputed"
_MISSING = "unknown language code, or a language without vectors"
_ENGLISH = "eng"


def distances_from_english(kind: Distance, codes: list[str]) -> Floats:
    """Distances of languages from English, shape (n_codes,), in [0, 1]; NaN is missing.

    As `Uriel.distances`, but places are Glottolog's where the catalogue has them, and languages of
    another known family than English's are at genetic distance 1 also where URIEL records none.
    """
    languages = [find_language(code) for code in codes]
    found = load_uriel().distances(kind, [_vectors_code(item) for item in languages], _ENGLISH)
    if kind == "geographic":
        known = _numbers(languages, lambda item: item.geographic)
        return np.where(np.isnan(known), found, known)
    if kind == "genetic":
        unrelated = _numbers(languages, _is_unrelated) == 1.0
        return np.where(np.isnan(found) & unrelated, 1.0, found)
    return found


def imputed_share(codes: list[str]) -> Floats:
    """Share of the 103 syntax values that are imputed, not observed, shape (n_codes,)."""
    return load_uriel().missing_share([_vectors_code(find_language(code)) for code in codes])


def word_order_match(codes: list[str]) -> Floats:
    """Share of word-order values that equal English's, shape (n_codes,), in [0, 1].

    Values of the `syntax_knn` features that say what stands before or after what.
    """
    uriel = load_uriel()
    vectors_codes = [_vectors_code(find_language(code)) for code in codes]
    vectors = uriel.vectors("syntax_knn", [_ENGLISH, *vectors_codes])
    order = ["_BEFORE_" in name or "_AFTER_" in name for name in uriel.features["syntax_knn"]]
    matches = (vectors[1:, order] == vectors[0, order]).mean(axis=1)
    return np.where(np.isnan(vectors[1:]).any(axis=1), np.nan, matches)


def _numbers(languages: list[Language | None], read: Callable[[Language], float | None]) -> Floats:
    """One number of each language; NaN for unknown ones and where there is none."""
    values = [None if item is None else read(item) for item in languages]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _vectors_code(language: Language | None) -> str:
    return "" if language is None or language.vectors_code is None else language.vectors_code


def _is_unrelated(language: Language) -> float | None:
    return None if language.family is None else float(language.family != "Indo-European")


def _log_gib(language: Language) -> float | None:
    return math.log10(language.cc100_gib) if language.cc100_gib else None


def _is_latin(language: Language) -> float | None:
    return None if language.script is None else float(language.script == "Latn")


def _of_codes(function: Callable[[list[str]], Floats]) -> Values:
    """A feature's function from one over language codes."""

    def values(keys: pd.DataFrame, world: World) -> Floats:
        return function([str(code) for code in keys["language"]])

    return values


def _of_languages(read: Callable[[Language], float | None]) -> Values:
    """A feature's function: one number of each language."""
    return _of_codes(lambda codes: _numbers([find_language(code) for code in codes], read))


def _distance(kind: Distance, words: str, source: str = f"cosine of {_URIEL}") -> Feature:
    return Feature(
        name=f"{kind}_distance",
        groups=("language",),
        keys=("language",),
        words=f"{words} distance from English",
        unit="",
        low=0.0,
        high=1.0,
        missing=_MISSING,
        source=source,
        values=_of_codes(lambda codes: distances_from_english(kind, codes)),
    )


FEATURES = (
    _distance("syntactic", "grammatical"),
    _distance("phonological", "phonological"),
    _distance("inventory", "sound inventory"),
    _distance("featural", "typological"),
    _distance(
        "genetic", "family tree", "cosine of URIEL's family memberships; Glottolog's families"
    ),
    _distance("geographic", "great-circle", "Glottolog's places, else places solved from URIEL's"),
    Feature(
        name="imputed_syntax_share",
        groups=("language",),
        keys=("language",),
        words="grammar values of the language that are imputed",
        unit="share",
        low=0.0,
        high=1.0,
        missing=_MISSING,
        source="URIEL's syntax averages (Littell et al. 2017): values that no source observed",
        values=_of_codes(imputed_share),
    ),
    Feature(
        name="word_order_match",
        groups=("language",),
        keys=("language",),
        words="word order like English",
        unit="share",
        low=0.0,
        high=1.0,
        missing=_MISSING,
        source=_URIEL,
        values=_of_codes(word_order_match),
    ),
    Feature(
        name="latin_script",
        groups=("language",),
        keys=("language",),
        words="Latin script, as English",
        otherwise="another script than English",
        unit="0 or 1",
        low=0.0,
        high=1.0,
        missing="unknown language code or script",
        source="ISO 15924 by hand for the languages of XTREME-R, else CLDR's likely subtags",
        values=_of_languages(_is_latin),
    ),
    Feature(
        name="log_pretraining_gib",
        groups=("language",),
        keys=("language",),
        words="XLM-R pretraining text of the language",
        unit="log10 GiB",
        low=-2.0,
        high=4.0,
        missing="not in XLM-R's pretraining, or unknown language code",
        source="CC-100 sizes (Conneau et al. 2020, appendix table 6)",
        values=_of_languages(_log_gib),
    ),
    Feature(
        name="in_xlmr_pretraining",
        groups=("language",),
        keys=("language",),
        words="XLM-R has seen the language",
        otherwise="XLM-R has not seen the language",
        unit="0 or 1",
        low=0.0,
        high=1.0,
        missing="unknown language code",
        source="CC-100 languages (Conneau et al. 2020, appendix table 6)",
        values=_of_languages(lambda language: float(language.in_xlmr)),
    ),
    Feature(
        name="joshi_class",
        groups=("language",),
        keys=("language",),
        words="resource class of the language",
        unit="class",
        low=0.0,
        high=5.0,
        missing="not one of XTREME-R's fifty languages",
        source="Joshi et al. 2020, as in MaLA-LM/LangResourceAtlas",
        values=_of_languages(lambda language: language.joshi_class),
    ),
)
