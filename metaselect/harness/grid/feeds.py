"""A store that a grid's runs go to while they are made."""

import pandas as pd

from metaselect.errors import MetaselectError


class StoreFeed:
    """Brings a grid's runs to a store again and again; what is there already stays as it is.

    While the store is away runs wait in the results folder, and the next feed brings them: a grid
    never stops for its store.

    Args:
        url: As `RunsStore` takes it.

    Raises:
        MetaselectError: The store cannot be used at the start.
    """

    def __init__(self, url: str) -> None:
        from metaselect.runs.store import RunsStore

        self._store = RunsStore(url)
        self.fault: str | None = None
        """Why the last feed failed; None where it did not."""

    def feed(self, runs: pd.DataFrame) -> None:
        """Bring what the store lacks of a runs table, or keep the fault."""
        try:
            self._store.add(runs)
        except MetaselectError as error:
            self.fault = " ".join(str(error).split("\n")[:2])
        else:
            self.fault = None
