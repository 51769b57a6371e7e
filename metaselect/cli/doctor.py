"""`metaselect doctor`: what works here, what is missing, what is broken, and what to do."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from metaselect.cli import options
from metaselect.cli.console import print_json, print_table
from metaselect.cli.runs import DEFAULT_STORE, Store
from metaselect.wording import counted

if TYPE_CHECKING:
    from metaselect.cli.diagnosis import Check

_BELOW = "see below"


def doctor_command(store: Store = DEFAULT_STORE, as_json: options.Json = False) -> None:
    """Check Python, libraries, GPU, caches, store, shipped predictor, hub and disk.

    Exit 0: nothing is broken (parts may be missing); 1: something is.

    Example: metaselect doctor --json
    """
    from metaselect.cli.diagnosis import diagnose, healthy

    checks = diagnose(store=store)
    well = healthy(checks)
    if as_json:
        print_json({"healthy": well, "findings": [asdict(check) for check in checks]})
    else:
        show_checks(checks)
    if not well:
        raise typer.Exit(1)


def show_checks(checks: Sequence["Check"]) -> None:
    """A table; commands stand under it, each on one line that can be copied."""
    heads = ["state", "area", "name", "found", "what to do"]
    rows = [
        [item.state, item.area, item.name, item.found, _BELOW if item.is_command else item.advice]
        for item in checks
    ]
    n_broken = sum(item.state == "broken" for item in checks)
    print_table(f"{counted(len(checks), 'thing')} looked at, {n_broken} broken", heads, rows)
    names_by_command: dict[str, list[str]] = {}
    for item in checks:
        if item.is_command:
            names_by_command.setdefault(item.advice, []).append(item.name)
    for command, names in names_by_command.items():
        print(f"For {', '.join(names)}, in a clone:\n  {command}")
