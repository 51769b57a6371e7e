"""What text may stand in a runs table: names of studies, tasks and languages.

Names are shown to people and stand in files: no control characters, nothing that looks like
another name, and no task name that could be a path.
"""

import re
from collections.abc import Callable
from typing import Final

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS

KnownLanguage = Callable[[str], bool]

MAX_LENGTH: Final = 200
"""Longer names are text that slipped into the wrong column."""

_LANGUAGE = re.compile(  # language, script, region, variants, private parts, in their usual case
    r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?(-([a-z\d]{5,8}|\d[a-z\d]{3}))*"
    r"(-x(-[a-z\d]{1,8})+)?",
    re.ASCII,
)


def broken_rule(value: str, *, column: str, known_language: KnownLanguage | None) -> str | None:
    """The rule that a text breaks, or None.

    Args:
        value: Not empty.
        column: Which column of the runs table it stands in.
        known_language: Whether a code names a language; None checks its form alone.

    Example:
        >>> broken_rule("Direct", column="intermediate", known_language=None)
        "a task name, or 'direct' for none"
        >>> broken_rule("nan", column="language", known_language=None) is None
        True
    """
    if column == "source":
        return None if value.isprintable() else "printable characters"
    if not value.isprintable() or value != value.strip() or len(value) > MAX_LENGTH:
        return f"up to {MAX_LENGTH} printable characters with no blanks around them"
    if column == "language":
        return _language_rule(value, known_language)
    if column in ("intermediate", "target"):
        return _task_rule(value, column)
    return None


def _language_rule(value: str, known_language: KnownLanguage | None) -> str | None:
    if not _LANGUAGE.fullmatch(value):
        return "a BCP-47 or ISO 639 code such as en, nan, no, zh-Hant, pt-BR, nb-x-north"
    if known_language is not None and not known_language(value):
        return "a code of a known language (`metaselect ls languages`)"
    return None


def _task_rule(value: str, column: str) -> str | None:
    if "/" in value or "\\" in value or value.startswith("."):
        return "a task name without path separators or a leading dot"
    reserved = value.lower() in (DIRECT, DIRECT_PLUS)
    if reserved and column == "target":
        return f"a task name, never {value.lower()!r}"
    if reserved and value != value.lower():
        return f"a task name, or {value.lower()!r} for none"
    return None
