import subprocess
import sys

import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.languages import (
    find_language,
    matching_code,
    resolve_language,
    resolve_languages,
    shipped_languages,
)
from metaselect.catalogue.languagetags import varieties
from metaselect.errors import MetaselectError, UnknownName


@pytest.mark.parametrize(
    ("code", "canonical", "vectors"),
    [
        ("en", "en", "eng"),
        ("eng", "en", "eng"),
        ("eng_Latn", "en", "eng"),
        ("ZH", "zh", "cmn"),
        ("cmn", "zh", "cmn"),
        ("zho_Hans", "zh", "cmn"),
        ("zh-Hant", "zh-Hant", "cmn"),
        ("zh-TW", "zh-Hant", "cmn"),
        ("swh", "sw", "swh"),
        ("swa", "sw", "swh"),
        ("pt-BR", "pt", "por"),
        ("nan", "nan", "nan"),
        ("no", "no", "nor"),
        ("nob", "nb", "nor"),
        ("arb_Latn", "ar-Latn", "arb"),
        ("ary_Arab", "ary", "ary"),
        ("prs_Arab", "prs", "prs"),
        ("fil", "tl", "tgl"),
        ("kor_Hang", "ko", "kor"),
        ("lus_Latn", "lus", "lus"),
        ("lvs", "lv", "lav"),
        ("quy", "quy", "quy"),
        ("qu", "qu", "quy"),
        ("nah", "nah", None),
    ],
)
def test_a_code_in_any_spelling_resolves(code, canonical, vectors):
    language = resolve_language(code)
    assert (language.code, language.vectors_code) == (canonical, vectors)


def test_min_nan_and_norwegian_are_languages():
    assert resolve_language("nan").name == "Min Nan Chinese"
    assert resolve_language("no").name == "Norwegian"


def test_a_language_says_whose_vectors_it_has():
    assert "vectors of cmn (Mandarin)" in (resolve_language("zh").note or "")
    assert resolve_language("nb").note is not None
    assert resolve_language("de").note is None


def test_facts_of_swahili_are_those_of_the_table():
    swahili = resolve_language("sw")
    assert (swahili.name, swahili.family, swahili.genus) == ("Swahili", "Atlantic-Congo", "Bantu")
    assert (swahili.macroarea, swahili.script, swahili.joshi_class) == ("Africa", "Latn", 2)
    assert (swahili.cc100_gib, swahili.in_xlmr, swahili.in_mbert) == (1.6, True, True)
    latitude, longitude = swahili.place or (0.0, 0.0)
    assert latitude == pytest.approx(-8.2, abs=0.3)  # URIEL puts it into Tanzania
    assert longitude == pytest.approx(37.6, abs=0.3)


def test_pretraining_is_of_one_script():
    # CC-100: 46.9 GiB simplified and 16.6 traditional Chinese; romanised Hindi 0.5, no Arabic
    assert resolve_language("zh").cc100_gib == pytest.approx(46.9 + 16.6)
    assert resolve_language("zh-Hant").cc100_gib == pytest.approx(16.6)
    assert resolve_language("hi-Latn").cc100_gib == pytest.approx(0.5)
    assert not resolve_language("ar-Latn").in_xlmr


def test_xlmr_has_not_seen_four_of_the_fifty():
    fifty = [item for item in shipped_languages().values() if item.macroarea is not None]
    assert len([item for item in fifty if "-" not in item.code]) == 50
    assert {item.code for item in fifty if not item.in_xlmr} == {"ht", "qu", "wo", "yo"}


def test_haitian_keeps_its_open_questions():
    note = resolve_language("ht").note or ""
    assert "ambiguous" in note
    assert "creole" in note


def test_every_language_with_vectors_is_shipped_once():
    languages = shipped_languages()
    assert 7_900 < len(languages) < 8_000
    assert all(language.code == code for code, language in languages.items())
    assert not {"und", "mis", "mul", "zxx"} & set(languages)
    assert len({language.name for language in languages.values()}) > 7_800


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("swahili", r"Did you mean sw \(Swahili\)"),
        ("Yoruba", r"Did you mean yo \(Yoruba\)"),
        ("zhxx", r"Unknown language 'zhxx'\. Did you mean zh \(Chinese\)\? `metaselect ls "),
        ("zz", r"'zz'\. Did you mean (?!tzz).*\? `metaselect ls languages WORD`"),
        ("", "Unknown language ''"),
        ("qaa", "Unknown language 'qaa'"),
    ],
)
def test_an_unknown_code_is_refused_with_the_nearest(code, hint):
    with pytest.raises(UnknownName, match=hint):
        resolve_language(code)
    assert find_language(code) is None


def test_all_unknown_codes_are_told_at_once_with_the_codes_of_names():
    with pytest.raises(MetaselectError, match=r"Swahili → sw \(Swahili\), .*zzzz \(unk") as found:
        resolve_languages(["Swahili", "de", "Tamil", "Quechua", "zzzz"])
    assert "Tamil → ta (Tamil), Quechua → qu (Quechua)" in str(found.value)
    assert "\n" not in str(found.value)
    assert [language.code for language in resolve_languages(["swh", "ta"])] == ["sw", "ta"]


def test_file_codes_match_the_cards_codes():
    assert matching_code("af", ["ara", "afr"]) == "afr"
    assert matching_code("ar-Latn", ["arb_Arab", "arb_Latn"]) == "arb_Latn"
    assert matching_code("ar", ["arb_Latn", "arb_Arab"]) == "arb_Arab"
    assert matching_code("zh", ["zh-Hant", "cmn"]) == "cmn"
    assert matching_code("cjk", ["cjk_Latn"]) == "cjk_Latn"
    assert matching_code("de", ["readme", "en"]) is None


def test_codes_on_cards_are_canonical_and_hub_codes_stand_for_them():
    cards = shipped_catalogue().values()
    codes = [(card, code) for card in cards for code in card.languages]
    assert len(codes) > 500
    for card, code in codes:
        canonical = resolve_language(code).code
        assert canonical == code or (varieties([code]) and code.startswith(canonical)), card.name
    named = {"udpos", "tydiqa_goldp"}  # these go by English names on the hub
    mapped = [
        (code, hub_code)
        for card in cards
        if card.hub is not None and card.name not in named
        for code, hub_code in card.hub.languages.items()
    ]
    assert len(mapped) > 250
    for code, hub_code in mapped:
        assert resolve_language(hub_code).code == code


def test_the_fifty_need_neither_numpy_nor_a_registry():
    program = (
        "import sys; from metaselect.catalogue.languages import resolve_language; "
        "assert resolve_language('swh').code == 'sw'; "
        "print([name for name in ('numpy', 'langcodes', 'lang2vec') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
