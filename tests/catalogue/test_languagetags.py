"""Tags of languages, their regions and dialects."""

import pytest

from metaselect.catalogue.languages import find_language, matching_code, resolve_language
from metaselect.catalogue.languagetags import LanguageTag, parse_tag, told_apart, varieties


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("nb-x-north", LanguageTag("nb", variety=("x-north",))),
        ("zh-Hant", LanguageTag("zh", script="Hant")),
        ("hi_latn", LanguageTag("hi", script="Latn")),
        ("bar-IT", LanguageTag("bar", region="IT")),
        ("es-419", LanguageTag("es", region="419")),
        ("ca-valencia", LanguageTag("ca", variety=("valencia",))),
        ("de-CH-1996-x-bern", LanguageTag("de", region="CH", variety=("1996", "x-bern"))),
        ("zh-yue", LanguageTag("yue")),
    ],
)
def test_tags_have_the_parts_of_bcp_47(code: str, parts: LanguageTag) -> None:
    assert parse_tag(code) == parts


@pytest.mark.parametrize("code", ["", "zhxx", "x-private", "i-klingon", "de-#", "German, spoken"])
def test_what_has_another_form_is_no_tag(code: str) -> None:
    assert parse_tag(code) is None
    assert find_language(code) is None


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        ("nb-x-north", "nb"), ("de-x-ba", "de"), ("bar-x-muc", "bar"), ("bar-IT", "bar"),
        ("hi-Latn-x-mixed", "hi-Latn"), ("zh-Hant-HK", "zh-Hant"), ("zh-TW-x-old", "zh-Hant"),
    ],
)  # fmt: skip
def test_a_dialect_s_language_is_the_one_that_it_is_of(code: str, canonical: str) -> None:
    assert resolve_language(code).code == canonical


def test_regions_and_dialects_of_one_language_are_told_apart() -> None:
    assert told_apart("bar-x-muc", "bar")
    assert told_apart("bar-x-muc", "bar-x-st")
    assert told_apart("bar-IT", "bar-DE")
    assert not told_apart("pt", "pt-BR")
    assert not told_apart("zh-TW", "zh_Hant")


def test_a_file_of_another_dialect_never_matches() -> None:
    assert matching_code("bar", ["bar-x-st", "bar-x-muc"]) is None
    assert matching_code("bar-x-st", ["bar", "bar-x-muc"]) is None
    assert matching_code("bar-DE", ["bar-IT", "bar_DE"]) == "bar_DE"
    assert matching_code("pt", ["pt-BR"]) == "pt-BR"


def test_varieties_are_the_codes_that_name_a_region_or_dialect() -> None:
    codes = ["nb-x-north", "de", "zh-Hant", "bar-IT", "bar-IT"]
    assert varieties(codes) == ["bar-IT", "nb-x-north"]
