"""A simulated study, prepared once, and a cheap search over it."""

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.tasks import Catalogue
from metaselect.features.table import prepare
from metaselect.runs.gains import query_gains
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return shipped_catalogue()


@pytest.fixture(scope="session")
def simulated_rows(catalogue: Catalogue) -> pd.DataFrame:
    """Prepared gains of one simulated encoder in five targets: 24 queries of 13 candidates."""
    runs = check_runs(simulated_runs(seed=0, noise=0.005), percent=False)
    kept = runs[runs["study"].eq("simulated/encoder-base")]
    kept = kept[kept["target"].isin(["xnli", "pawsx", "xquad", "udpos", "tatoeba"])]
    return prepare(query_gains(kept.reset_index(drop=True)), catalogue, unit="target")
