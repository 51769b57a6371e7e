"""What the shell offers for names: tasks and languages, with commas between several."""

from pathlib import Path

import typer

Offers = list[tuple[str, str]]
"""What to write, and what it is."""


def offer_tasks(context: typer.Context, incomplete: str) -> Offers:
    """Tasks with a card, the user's own from --tasks among them."""
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.errors import MetaselectError

    path = context.params.get("tasks")
    try:
        catalogue = load_catalogue(None if path is None else Path(path))
    except MetaselectError:  # a shell shows no errors: the command will
        catalogue = load_catalogue(None)
    return _offers({card.name: card.title for card in catalogue.values()}, incomplete)


def offer_languages(incomplete: str) -> Offers:
    """The languages of the package's own table: reading all 8,000 would be felt at the prompt."""
    from metaselect.catalogue.language_facts import table_facts

    return _offers({code: row.get("name", "") for code, row in table_facts().items()}, incomplete)


def _offers(words_by_name: dict[str, str], incomplete: str) -> Offers:
    """Names that begin like the last one of a list, with the list before it."""
    before, comma, last = incomplete.rpartition(",")
    taken = set(before.split(","))
    return [
        (before + comma + name, words)
        for name, words in sorted(words_by_name.items())
        if name.startswith(last) and name not in taken
    ]
