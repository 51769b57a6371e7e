"""Restrictions of an evaluation's record: in words, and as options of its command."""

from collections.abc import Mapping
from typing import Any, Final

_RESTRICTIONS: Final = {  # by the key that is false then; a missing key means no restriction
    "with_direct": ("the choice among intermediates alone", "--without-direct"),
    "with_same_source": ("without shared training data", "--without-same-source"),
}


def restriction_words(record: Mapping[str, Any]) -> str:
    """The restrictions in words, each after a comma; empty where there are none."""
    return "".join(f", {words}" for words, _ in _restrictions_of(record))


def restriction_options(record: Mapping[str, Any]) -> str:
    """The restrictions as command options, each after a space; empty where there are none."""
    return "".join(f" {option}" for _, option in _restrictions_of(record))


def _restrictions_of(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [entry for key, entry in _RESTRICTIONS.items() if not record.get(key, True)]
