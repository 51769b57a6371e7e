import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.tasks import Catalogue
from metaselect.features.base import World, compute
from metaselect.features.language import (
    FEATURES,
    distances_from_english,
    imputed_share,
    word_order_match,
)

WORLD = World(catalogue=Catalogue([]))


def _values(*codes):
    return compute(FEATURES, pd.DataFrame({"language": list(codes)}), WORLD)


def test_there_are_twelve_features_of_one_group():
    assert len(FEATURES) == 12
    assert len({feature.name for feature in FEATURES}) == 12
    assert {(feature.groups, feature.keys) for feature in FEATURES} == {
        (("language",), ("language",))
    }


def test_english_is_at_no_distance_from_itself():
    values = _values("en", "eng", "en-GB")
    for name in values.columns[:6]:
        assert values[name].to_numpy() == pytest.approx([0, 0, 0], abs=1e-6)
    assert values["word_order_match"].tolist() == [1, 1, 1]
    assert values["imputed_syntax_share"].tolist() == [0, 0, 0]


def test_distances_are_those_published_for_the_fifty():
    # arithmetic on lang2vec 1.1.2 and Glottolog's places, done apart from this package
    expected = {
        "ar": (0.3556, 0.2748, 0.2680, 0.3046, 1.0, 0.2294),
        "de": (0.0975, 0.1942, 0.2372, 0.1808, 0.4557, 0.0530),
        "eu": (0.3765, 0.1472, 0.4313, 0.3870, 1.0, 0.0540),
        "ru": (0.1882, 0.1419, 0.3525, 0.2669, 0.8333, 0.1578),
        "sw": (0.5262, 0.0909, 0.2419, 0.3389, 1.0, 0.3860),
    }
    found = _values(*expected).iloc[:, :6]
    assert found.to_numpy() == pytest.approx(np.array(list(expected.values())), abs=0.00006)


def test_shares_of_imputed_grammar_are_those_published():
    # of 103 values: Azerbaijani 103 imputed, Malay 91, Quechua 89, Javanese 86
    assert imputed_share(["az", "ms", "qu", "jv"]) == pytest.approx(
        np.array([103, 91, 89, 86]) / 103
    )


def test_a_language_without_a_family_in_uriel_is_unrelated_where_we_know_better():
    # Basque is an isolate and Estonian (ekk) has no family there; Nynorsk's is not known to us
    assert distances_from_english("genetic", ["eu", "et", "nn"]) == pytest.approx(
        [1, 1, np.nan], nan_ok=True
    )


def test_word_order_of_japanese_is_less_like_english_than_that_of_french():
    french, japanese = word_order_match(["fr", "ja"])
    assert 0.5 < japanese + 0.2 < french < 1


def test_script_and_pretraining_follow_the_code():
    values = _values("tr", "sr", "yo", "zh-Hant", "hi_Latn")
    assert values["latin_script"].tolist() == [1, 0, 1, 0, 1]
    assert values["in_xlmr_pretraining"].tolist() == [1, 1, 0, 1, 1]
    # log10 of 20.9, 9.1, none, 16.6 and 0.5 GiB
    assert values["log_pretraining_gib"].to_numpy() == pytest.approx(
        [1.3201, 0.9590, np.nan, 1.2201, -0.3010], abs=0.0001, nan_ok=True
    )


def test_codes_of_no_language_are_missing_and_not_an_error():
    values = _values("zzzz", "english", "", "und", "nah")
    assert values.iloc[:4].isna().all(axis=None)
    assert values.iloc[4]["in_xlmr_pretraining"] == 0
    assert np.isnan(values.iloc[4]["syntactic_distance"])


def test_values_do_not_depend_on_the_other_rows():
    codes = ["sw", "xx", "de", "nan", "qu", "no", "mhr"]
    together, alone = _values(*codes), pd.concat([_values(code) for code in codes])
    pd.testing.assert_frame_equal(together, alone.reset_index(drop=True))
