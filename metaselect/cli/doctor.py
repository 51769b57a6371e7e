"""`metaselect doctor`: what works here, what is missing, what is broken, and what to do."""

from dataclasses import asdict

import typer

from metaselect.cli import options
from metaselect.cli.runs import DEFAULT_STORE, Store
from metaselect.console import print_json, print_table


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
        heads = ["state", "area", "name", "found", "what to do"]
        rows = [[item.state, item.area, item.name, item.found, item.advice] for item in checks]
        n_broken = sum(item.state == "broken" for item in checks)
        print_table(f"{len(checks)} things looked at, {n_broken} broken", heads, rows)
    if not well:
        raise typer.Exit(1)
