"""What narrows the question of an evaluation's record: in words, and as options of its command."""

from collections.abc import Mapping
from typing import Any, Final

_NARROWED: Final = {  # by the key that is false then; records without the key were not narrowed
    "with_direct": ("the choice among intermediates alone", "--without-direct"),
    "with_same_source": ("without shared training data", "--without-same-source"),
}


def narrowed(record: Mapping[str, Any]) -> str:
    """In words, to stand behind what was left out; empty for the whole question."""
    return "".join(f", {words}" for words, _ in _found(record))


def narrowing_options(record: Mapping[str, Any]) -> str:
    """As options, to stand behind others; empty for the whole question."""
    return "".join(f" {option}" for _, option in _found(record))


def _found(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [told for key, told in _NARROWED.items() if not record.get(key, True)]
