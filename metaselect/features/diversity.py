"""How diverse the set of languages is that a target is scored in.

The indices are those of Ponti et al. (2020, XCOPA), computed on imputed vectors (`syntax_knn`) and
Glottolog's families and macro-areas. A language in two scripts counts once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.languages import Language, find_language
from metaselect.catalogue.uriel import load_uriel
from metaselect.features.base import Feature, Floats, Values, World

_PONTI = "Ponti et al. (2020, XCOPA), section 2; values from lang2vec and Glottolog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """Diversity of a set of languages; NaN where nothing is known.

    Attributes:
        typology: Mean over 103 grammatical features of the entropy of their values, in nats;
            at most ln 2. Languages without vectors are left out.
        families: Families over languages, in (0, 1]. Languages without a family are left out.
        geography: Entropy of macro-areas in nats; NaN unless every language's is known, which
            the catalogue has for the languages of XTREME-R.
        syntax_distance: Mean cosine distance of pairs of grammars; NaN for fewer than two.
    """

    typology: float
    families: float
    geography: float
    syntax_distance: float


def diversity_of(codes: Iterable[str]) -> Diversity:
    """Diversity of the languages that these codes stand for; unknown codes are left out."""
    return _diversity(tuple(sorted(set(codes))))


@cache
def _diversity(codes: tuple[str, ...]) -> Diversity:
    found = [language for language in map(find_language, codes) if language is not None]
    languages = list({language.iso3: language for language in found}.values())
    families = [language.family for language in languages if language.family is not None]
    areas = [language.macroarea for language in languages if language.macroarea is not None]
    typology, syntax_distance = _of_grammars(languages)
    return Diversity(
        typology=typology,
        families=len(set(families)) / len(families) if families else np.nan,
        geography=_entropy_of(areas) if areas and len(areas) == len(languages) else np.nan,
        syntax_distance=syntax_distance,
    )


def _of_grammars(languages: Sequence[Language]) -> tuple[float, float]:
    """Mean entropy of the grammars' values and mean distance of their pairs."""
    codes = [item.vectors_code for item in languages if item.vectors_code is not None]
    if not codes:
        return np.nan, np.nan
    uriel = load_uriel()
    ones = uriel.vectors("syntax_knn", codes).mean(axis=0)  # values are 0 or 1
    entropies = -_x_log_x(ones) - _x_log_x(1 - ones)
    pairs = uriel.pairwise("syntactic", codes)[np.triu_indices(len(codes), k=1)]
    return float(entropies.mean()), float(pairs.mean()) if pairs.size else np.nan


def _entropy_of(values: Sequence[str]) -> float:
    _, counts = np.unique(np.array(values), return_counts=True)
    return float(-_x_log_x(counts / counts.sum()).sum()) + 0.0  # no -0.0


def _x_log_x(shares: npt.NDArray[np.float64]) -> Floats:
    return shares * np.log(np.where(shares > 0, shares, 1.0))


def _of_target(read: Callable[[Diversity], float]) -> Values:
    """A feature's function: one index of the languages on the target's card."""

    def values(keys: pd.DataFrame, world: World) -> Floats:
        cards = [world.catalogue.find(name) for name in keys["target"]]
        found = [np.nan if card is None else read(diversity_of(card.languages)) for card in cards]
        return np.array(found, dtype=np.float64)

    return values


FEATURES = (
    Feature(
        name="typology_diversity",
        groups=("diversity",),
        keys=("target",),
        words="variety of grammars among the target's languages",
        unit="nats",
        low=0.0,
        high=0.6932,  # ln 2: each value held by half of the languages
        missing="no card, or no language with vectors",
        source=_PONTI,
        values=_of_target(lambda diversity: diversity.typology),
    ),
    Feature(
        name="family_diversity",
        groups=("diversity",),
        keys=("target",),
        words="language families per language of the target",
        unit="share",
        low=0.0,
        high=1.0,
        missing="no card, or no language with a known family",
        source=_PONTI,
        values=_of_target(lambda diversity: diversity.families),
    ),
    Feature(
        name="geography_diversity",
        groups=("diversity",),
        keys=("target",),
        words="spread of the target's languages over macro-areas",
        unit="nats",
        low=0.0,
        high=1.7918,  # ln 6: Glottolog has six macro-areas
        missing="no card, or a language whose macro-area is not known",
        source=_PONTI,
        values=_of_target(lambda diversity: diversity.geography),
    ),
    Feature(
        name="syntax_distance_diversity",
        groups=("diversity",),
        keys=("target",),
        words="mean grammatical distance between the target's languages",
        unit="",
        low=0.0,
        high=1.0,
        missing="no card, or fewer than two languages with vectors",
        source="mean cosine distance of lang2vec's syntax_knn vectors",
        values=_of_target(lambda diversity: diversity.syntax_distance),
    ),
)
