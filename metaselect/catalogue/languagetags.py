"""The parts of a language tag, as BCP 47 has them: `zh-Hant`, `bar-IT`, `nb-x-north`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

_PLAIN = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class LanguageTag:
    """A tag's parts; what it does not have is None or empty.

    Attributes:
        language: ISO 639 code as written, in lower case (`nb`, `swh`).
        script: ISO 15924 code (`Hant`).
        region: ISO 3166 or UN M.49 code, in upper case (`IT`, `419`).
        variety: Variants and private parts, which name a dialect or a spelling (`x-north`, `1996`).
    """

    language: str
    script: str | None = None
    region: str | None = None
    variety: tuple[str, ...] = ()


@cache
def parse_tag(code: str) -> LanguageTag | None:
    """The parts of a code; None where it has not the form of a tag of a language.

    Example:
        >>> parse_tag("bar-x-muc")
        LanguageTag(language='bar', script=None, region=None, variety=('x-muc',))
        >>> parse_tag("zho_Hans").script
        'Hans'
    """
    found = _PLAIN.fullmatch(code.strip())  # nearly all codes, and langcodes is slow to import
    if found is not None:
        language, script, region = found.groups()
        return LanguageTag(language.lower(), script and script.title(), region and region.upper())
    from langcodes.tag_parser import LanguageTagError
    from langcodes.tag_parser import parse_tag as read

    try:
        subtags: list[tuple[str, str]] = read(code.strip())  # type: ignore[no-untyped-call]
    except LanguageTagError:
        return None
    first = dict(reversed(subtags))
    language = str(first.get("extlang") or first.get("language")).lower()
    if _LANGUAGE.fullmatch(language) is None:
        return None
    variety = tuple(text.lower() for kind, text in subtags if kind in ("variant", "private"))
    return LanguageTag(language, first.get("script"), first.get("territory"), variety)


def told_apart(code: str, other: str) -> bool:
    """Whether two codes of one language name different varieties of it.

    They do where their dialects differ, or where both name a region and the regions differ.

    Example:
        >>> told_apart("bar-IT", "bar-DE"), told_apart("pt", "pt-BR"), told_apart("nb", "nb-x-west")
        (True, False, True)
    """
    first, second = parse_tag(code), parse_tag(other)
    if first is None or second is None:
        return code != other
    regions = {first.region, second.region} - {None}
    return first.variety != second.variety or len(regions) > 1


def varieties(codes: Iterable[str]) -> list[str]:
    """The codes that name a region or a dialect, sorted, each once."""
    tags = {code: parse_tag(code) for code in codes}
    return sorted(code for code, tag in tags.items() if tag and (tag.region or tag.variety))
