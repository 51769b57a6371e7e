"""Task cards from TOML: the package's own and a user's, every fault named at once."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaselect.catalogue.measured import parse_measured, read_measured
from metaselect.catalogue.tasks import (
    DIRECT,
    DIRECT_PLUS,
    Catalogue,
    Hub,
    Layout,
    PublishedScore,
    TaskCard,
)
from metaselect.catalogue.tomltext import (
    Place,
    lines_of,
    read_text,
    refusal,
    setting_fault,
    tables_of,
    with_line,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter


_CardFault = tuple[Place, str]
_PARTS = {"hub": Hub, "layouts": Layout, "scores": PublishedScore}
"""What stands in the fields of a card that are tables."""


@cache
def shipped_catalogue() -> Catalogue:
    """The cards that come with the package."""
    folder = resources.files("metaselect.catalogue") / "cards"
    files = sorted((item for item in folder.iterdir()), key=lambda item: item.name)
    table = resources.files("metaselect.catalogue") / "measured.csv"
    return Catalogue(
        (
            card
            for item in files
            if item.name.endswith(".toml")
            for card in parse_cards(item.read_text(encoding="utf-8"), where=item.name)
        ),
        parse_measured(table.read_text(encoding="utf-8"), where=table.name),
    )


def load_catalogue(extra: Path | None, measured: Path | None = None) -> Catalogue:
    """The shipped cards and measured values, with a user's own added; theirs win.

    Args:
        extra: A file of task cards.
        measured: A table of values that `metaselect features compute` made.

    Raises:
        MetaselectError: A file is missing or broken; every fault is named.
    """
    shipped = shipped_catalogue()
    if measured is not None:
        shipped = Catalogue(shipped.values(), shipped.measured.joined(read_measured(measured)))
    if extra is None:
        return shipped
    text = read_text(extra, what=f"task cards from {extra}")
    return Catalogue([*shipped.values(), *parse_cards(text, where=str(extra))], shipped.measured)


def parse_cards(text: str, *, where: str) -> list[TaskCard]:
    """Read the cards of one TOML text; `where` names it in errors.

    Raises:
        MetaselectError: Not TOML, or cards with unknown fields, wrong types, unknown sources or
            unsafe names, all listed.
    """
    tables = tables_of(text, where=where)
    sources = tables.pop("sources", {})
    faults: list[_CardFault] = []
    if not isinstance(sources, dict):
        faults.append((("sources",), 'a table of key = "text"'))
        sources = {}
    cards: list[TaskCard] = []
    for name, table in tables.items():
        card = _parse_card(name, table, sources, faults)
        if card is not None:
            cards.append(card)
    if faults:
        lines = lines_of(text)
        raise refusal(where, (_told(place, words, lines) for place, words in faults))
    return cards


def cards_text(cards: Iterable[TaskCard]) -> str:
    """Cards as the TOML that `parse_cards` reads; what a card leaves open is left out.

    Sources go by their keys: their texts are not kept in cards.
    """
    import tomli_w

    tables = {card.name: _written(card) for card in cards}
    keys = sorted(
        {source for table in tables.values() for source in table.get("fact_sources", {}).values()}
        | {score["source"] for table in tables.values() for score in table.get("scores", ())}
    )
    for table in tables.values():
        del table["name"]
    return tomli_w.dumps({**({"sources": {key: key for key in keys}} if keys else {}), **tables})


def _written(value: Any) -> Any:
    """A value as TOML has it: a record as a table without the fields at their defaults."""
    if is_dataclass(value):
        return {
            item.name: _written(own)
            for item in fields(value)
            if (own := getattr(value, item.name)) != _default(item)
        }
    if isinstance(value, Mapping):
        return {key: _written(entry) for key, entry in value.items()}
    return [_written(entry) for entry in value] if isinstance(value, tuple) else value


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _parse_card(
    name: str, table: Any, sources: Mapping[str, str], faults: list[_CardFault]
) -> TaskCard | None:
    from pydantic import ValidationError

    if not _is_safe(name):
        told = (
            "task names start with a letter or digit, use letters, digits, '.', '_', '-', '+' "
            f"only, have at most 100 characters, and are not {DIRECT!r} or {DIRECT_PLUS!r}"
        )
        faults.append(((name,), told))
        return None
    if not isinstance(table, dict):
        faults.append(((name,), f"a table of one task, not {table!r}"))
        return None
    if "name" in table:
        faults.append(((name, "name"), "the table's own name is the task's; take this out"))
        return None
    try:
        card = _card_reader().validate_python({"name": name, **table})
    except ValidationError as error:
        faults += [((name, *item["loc"]), _words(item)) for item in error.errors()]
        return None
    named = {*card.fact_sources.values(), *(score.source for score in card.scores)}
    lacking = sorted(named - set(sources))
    faults += [((name,), f"source {key!r} is not in [sources]; add it there") for key in lacking]
    return card


def _words(item: Any) -> str:
    """What pydantic found wrong with a card."""
    inside = [_PARTS[part] for part in item["loc"][:-1] if part in _PARTS]
    known = [entry.name for entry in fields(inside[-1] if inside else TaskCard)]
    return setting_fault(item, [name for name in known if inside or name != "name"])


def _told(place: Place, words: str, lines: Mapping[Place, int]) -> str:
    """A fault of a card with its table, its field and its line."""
    field = ".".join(map(str, place[1:]))
    return f"{with_line(f'[{place[0]}] {field}'.rstrip(), place, lines)}: {words}"


@cache
def _card_reader() -> "TypeAdapter[TaskCard]":
    from pydantic import TypeAdapter

    return TypeAdapter(TaskCard)


def _is_safe(name: str) -> bool:
    allowed = name.isascii() and all(char.isalnum() or char in "._-+" for char in name)
    reserved = name in (DIRECT, DIRECT_PLUS)
    return allowed and name[:1].isalnum() and not reserved and len(name) <= 100
