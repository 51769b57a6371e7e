"""What is said of codes that are no language's: the nearest languages, by name or by code."""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from metaselect.errors import MetaselectError, UnknownName

if TYPE_CHECKING:
    from metaselect.catalogue.languages import Language

_WHERE = "`metaselect ls languages WORD` lists them."
_ALIKE = 0.8  # of a name, by difflib: fewer than one letter in five is wrong


class UnknownLanguage(UnknownName):
    """A code that is no language's, with the nearest by their names, else by their codes."""

    def __init__(self, code: str, languages: "Iterable[Language]") -> None:
        super().__init__("language", code, ())
        known = _with_names(languages)
        named = _nearest_by_name(code, known)
        near = ", ".join(map(_words, named or _nearest_by_code(code, known)))
        first = "Languages go by codes, not" if named else "Unknown language"
        asked = f" Did you mean {near}?" if near else ""
        self.args = (f"{first} {code!r}.{asked} {_WHERE}",)


class UnknownLanguages(MetaselectError):
    """Several codes that are no language's, each with the language of nearly that name."""

    def __init__(self, codes: "Iterable[str]", languages: "Iterable[Language]") -> None:
        known = _with_names(languages)
        told = []
        for code in codes:
            named = _nearest_by_name(code, known)
            told.append(f"{code} → {_words(named[0])}" if named else f"{code} (unknown)")
        super().__init__(f"Languages go by codes: {', '.join(told)}. {_WHERE}")


def _with_names(languages: "Iterable[Language]") -> "list[Language]":
    """Languages with a name of their own; a few go by their code alone."""
    return [item for item in languages if item.name not in (item.code, item.iso3)]


def _words(language: "Language") -> str:
    return f"{language.code} ({language.name})"


def _nearest_by_name(word: str, languages: "list[Language]") -> "list[Language]":
    by_name = {item.name.lower(): item for item in reversed(languages)}
    near = difflib.get_close_matches(word.lower(), by_name, n=3, cutoff=_ALIKE)
    return [by_name[name] for name in near]


def _nearest_by_code(code: str, languages: "list[Language]") -> "list[Language]":
    by_code = {item.code: item for item in languages}
    return [by_code[name] for name in difflib.get_close_matches(code.lower(), by_code, n=3)]
