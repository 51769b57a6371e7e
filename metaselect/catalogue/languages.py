"""Languages: canonical codes, and what is known of each language.

A canonical code is ISO 639-1 where there is one, else ISO 639-3; a script follows only where it is
not the language's usual one (`zh`, `zh-Hant`, `ar-Latn`). Regions and dialects (`bar-IT`,
`nb-x-north`) are dropped: facts are of languages. A code of the member that stands for a
macro-language in data sets (`cmn`, `swh`, `arb`) becomes the macro-language's; other members
(`arz`, `yue`, `quy`) stay themselves.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from metaselect.catalogue.language_facts import (
    display_name,
    recorded_languages,
    table_facts,
)
from metaselect.catalogue.languagetags import parse_tag, told_apart
from metaselect.catalogue.unknown_languages import UnknownLanguage, UnknownLanguages

_NO_LANGUAGE = re.compile(r"mis|mul|und|zxx|zbl|q[a-t][a-z]")
_CANONICAL = {
    **{"arb": "ar", "azj": "az", "ekk": "et", "pes": "fa", "zsm": "ms", "swh": "sw", "cmn": "zh"},
    **{"als": "sq", "ayr": "ay", "gaz": "om", "khk": "mn", "kmr": "ku", "lvs": "lv", "npi": "ne"},
    **{"ory": "or", "pbt": "ps", "plt": "mg", "uzn": "uz", "ydd": "yi", "tgl": "tl", "fil": "tl"},
}
_VECTORS = {"nb": "nor", "tw": "aka"}  # the codes nob and twi have vectors, but no family
_ARABIC_SCRIPT = ("acm", "acq", "ajp", "azb", "prs")  # langcodes falls back to Latin for these


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What is known of one language; None where it is not known.

    Attributes:
        code: Canonical code.
        iso3: ISO 639-3 code (of the macro-language, where `code` is one).
        vectors_code: Code of its lang2vec vectors; None where it has none.
        family: Top-level family, by Glottolog's names; an isolate is its own family.
        genus: Genus, by WALS.
        macroarea: Glottolog's macro-area, known for the fifty languages of XTREME-R.
        script: ISO 15924 code.
        geographic: Great-circle distance from English over half the circumference, from
            Glottolog's places; known for the fifty.
        cc100_gib: GiB of text in XLM-R's pretraining; None where there was none.
        joshi_class: Resource class, 0 (least) to 5 (Joshi et al. 2020).
        in_mbert: Whether multilingual BERT was pretrained on it.
        note: What to know before using these facts.
    """

    code: str
    iso3: str
    vectors_code: str | None
    name: str
    family: str | None
    genus: str | None
    macroarea: str | None
    script: str | None
    geographic: float | None
    cc100_gib: float | None
    joshi_class: int | None
    in_mbert: bool | None
    note: str | None

    @property
    def place(self) -> tuple[float, float] | None:
        """Latitude and longitude in degrees, within about 0.2, from URIEL."""
        recorded = recorded_languages().get(self.vectors_code) if self.vectors_code else None
        return (recorded.latitude, recorded.longitude) if recorded else None

    @property
    def in_xlmr(self) -> bool:
        """Whether XLM-R was pretrained on it."""
        return self.cc100_gib is not None


def resolve_language(code: str) -> Language:
    """The language that a code stands for: `sw`, `swh`, `zho_Hans`, `zh-TW`, `pt-BR`, ...

    Raises:
        UnknownName: No language has this code; the message names the nearest ones.

    Example:
        >>> resolve_language("zho_Hans").code, resolve_language("zh-TW").code
        ('zh', 'zh-Hant')
        >>> resolve_language("cmn").vectors_code
        'cmn'
    """
    found = find_language(code)
    if found is None:
        raise UnknownLanguage(code, shipped_languages().values())
    return found


def resolve_languages(codes: Iterable[str]) -> list[Language]:
    """The languages that codes stand for.

    Raises:
        MetaselectError: Codes that are no language's; the message names all of them.
    """
    found = {code: find_language(code) for code in codes}
    unknown = [code for code, language in found.items() if language is None]
    if len(unknown) == 1:
        resolve_language(unknown[0])
    if unknown:
        raise UnknownLanguages(unknown, shipped_languages().values())
    return [language for language in found.values() if language is not None]


@cache
def find_language(code: str) -> Language | None:
    """The language that a code stands for, or None; a dialect's is the language that it is of."""
    tag = parse_tag(code)
    if tag is None or not _is_language(base := _base_code(tag.language)):
        return None
    usual = _usual_script(base)
    script = tag.script or _script_of_region(base, tag.region, usual)
    if script is None or (base, script) == ("ko", "Kore"):
        return _describe(base, base, usual)
    return _describe(base, base if script == (usual or "Latn") else f"{base}-{script}", script)


def matching_code(code: str, available: Iterable[str]) -> str | None:
    """The code among `available` (file or hub names) that stands for the same language.

    The same spelling wins; None where there is none. Codes that are no language's never match, nor
    do two regions or dialects of one language (`bar-IT`, `bar-DE`).
    """
    known = list(available)
    if code in known:
        return code
    wanted = resolve_language(code).code
    pairs = ((item, find_language(item)) for item in known if not told_apart(code, item))
    return next((item for item, found in pairs if found and found.code == wanted), None)


@cache
def shipped_languages() -> Mapping[str, Language]:
    """Every language that has vectors or facts, by canonical code (about 8,000)."""
    found = (find_language(code) for code in sorted({*recorded_languages(), *table_facts()}))
    return {language.code: language for language in found if language is not None}


def _describe(base: str, code: str, script: str | None) -> Language:
    facts = dict(table_facts().get(base, {}))
    if code != base:  # pretraining text in one script says nothing of another
        facts = {key: facts[key] for key in facts if key not in ("cc100_gib", "in_mbert")}
        facts.update(table_facts().get(code, {}))
    iso3 = _iso3(base)
    vectors = facts.get("vectors") or _recorded_code(_VECTORS.get(base, iso3))
    return Language(
        code=code,
        iso3=iso3,
        vectors_code=vectors,
        name=facts.get("name") or _name(base, iso3),
        family=facts.get("family") or (recorded_languages()[vectors].family if vectors else None),
        genus=facts.get("genus"),
        macroarea=facts.get("macroarea"),
        script=script,
        geographic=float(facts["geographic"]) if "geographic" in facts else None,
        cc100_gib=float(facts["cc100_gib"]) if "cc100_gib" in facts else None,
        joshi_class=int(facts["joshi_class"]) if "joshi_class" in facts else None,
        in_mbert=facts["in_mbert"] == "1" if "in_mbert" in facts else None,
        note=facts.get("note") or _note(vectors, iso3),
    )


def _recorded_code(code: str) -> str | None:
    return code if code in recorded_languages() else None


def _name(base: str, iso3: str) -> str:
    recorded = recorded_languages().get(iso3)
    return recorded.name if recorded else display_name(base)


def _note(vectors: str | None, iso3: str) -> str | None:
    if vectors is None:
        return "has no vectors"
    return (
        f"vectors of {vectors} ({recorded_languages()[vectors].name})" if vectors != iso3 else None
    )


def _base_code(code: str) -> str:
    """The canonical code of a language subtag: two letters where ISO 639-1 has it."""
    code = _CANONICAL.get(code) or _table_code().get(code, code)
    if code in table_facts():
        return code
    from langcodes import standardize_tag

    standard = _CANONICAL.get(standardize_tag(code), standardize_tag(code))
    return standard if len(standard) == 2 else code


def _is_language(base: str) -> bool:
    if base in table_facts():
        return True
    from langcodes import Language as Tag

    named = base in recorded_languages() or Tag.get(base, normalize=False).is_valid()
    return named and not _NO_LANGUAGE.fullmatch(base)


@cache
def _table_code() -> Mapping[str, str]:
    return {facts["iso3"]: code for code, facts in table_facts().items() if "iso3" in facts}


def _iso3(base: str) -> str:
    if len(base) == 3:
        return base
    if facts := table_facts().get(base):
        return facts["iso3"]
    from langcodes import Language as Tag

    return Tag.get(base, normalize=False).to_alpha3()


def _usual_script(base: str) -> str | None:
    """The script that a language is usually written in; None where nothing says."""
    if script := table_facts().get(base, {}).get("script"):
        return script
    if base in _ARABIC_SCRIPT:
        return "Arab"
    from langcodes import Language as Tag
    from langcodes.data_dicts import LIKELY_SUBTAGS

    likely = Tag.make(language=base).maximize()
    guessed = base not in LIKELY_SUBTAGS and likely.territory == "US"  # its answer to anything
    return None if guessed else likely.script


def _script_of_region(base: str, region: str | None, usual: str | None) -> str | None:
    """The script that a region implies where it differs from the usual one, as in `zh-TW`."""
    if region is None or usual is None:
        return None
    from langcodes import Language as Tag

    plain, there = (
        Tag.make(language=base, territory=place).maximize().script for place in (None, region)
    )
    return None if plain == there else there
