import math

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.features.base import World, compute
from metaselect.features.diversity import FEATURES, diversity_of

# The language sets of XTREME-R and their published indices: languages, families, typology,
# geography, mean pairwise syntax distance (computed apart from this package)
PUBLISHED = {
    "ar bg de el en es fr hi ru sw th tr ur vi zh": (15, 7, 0.379, 0.245, 0.346),
    "et ht id it qu sw ta th tr vi zh": (11, 10, 0.397, 1.160, 0.423),
    "en ar bn fi id ko ru sw te": (9, 7, 0.415, 0.684, 0.413),
    "ar de en es hi vi zh": (7, 4, 0.329, 0.0, 0.341),
    "de en es fr ja ko zh": (7, 4, 0.320, 0.0, 0.336),
    "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi "
    "yo zh lt pl uk wo ro": (38, 13, 0.393, 0.478, 0.349),
}


@pytest.mark.parametrize(("codes", "expected"), PUBLISHED.items())
def test_indices_are_those_published(codes, expected):
    found = diversity_of(codes.split())
    assert found.families == pytest.approx(expected[1] / expected[0])
    assert (found.typology, found.geography, found.syntax_distance) == pytest.approx(
        expected[2:], abs=0.0006
    )


def test_geography_is_the_entropy_of_macro_areas():
    # English and German in Eurasia, Swahili in Africa, Quechua in South America: 1/2, 1/4, 1/4
    expected = 0.5 * math.log(2) + 2 * 0.25 * math.log(4)
    assert diversity_of(["en", "de", "sw", "qu"]).geography == pytest.approx(expected)


def test_one_language_has_no_variety_and_no_pairs():
    english = diversity_of(["en"])
    assert (english.typology, english.families, english.geography) == (0, 1, 0)
    assert math.isnan(english.syntax_distance)


def test_a_language_in_two_scripts_or_spellings_counts_once():
    assert diversity_of(["zh", "zh-Hant", "cmn", "de"]) == diversity_of(["de", "zh"])


def test_unknown_codes_are_left_out_and_none_is_all_missing():
    assert diversity_of(["en", "zzzz", "sw"]) == diversity_of(["sw", "en"])
    nothing = diversity_of(["zzzz"])
    assert all(math.isnan(value) for value in (nothing.typology, nothing.families))


def test_geography_is_missing_where_a_macro_area_is_not_known():
    assert math.isnan(diversity_of(["en", "ary"]).geography)


def test_features_read_the_languages_of_the_targets_card():
    targets = pd.DataFrame({"target": ["tydiqa_goldp", "no such task", "squad", "sib200"]})
    values = compute(FEATURES, targets, World(catalogue=shipped_catalogue()))
    assert values.shape == (4, 4)
    assert values.iloc[0].to_numpy() == pytest.approx([0.415, 7 / 9, 0.684, 0.413], abs=0.0006)
    assert values.iloc[1].isna().all()
    assert values.iloc[2].to_numpy() == pytest.approx([0, 1, 0, np.nan], nan_ok=True)
    assert values.iloc[3].isna().tolist() == [False, False, True, False]
