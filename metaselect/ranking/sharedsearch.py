"""One hyperparameter search shared by several processes, on this machine or on a Ray cluster.

The processes share Optuna's storage: each reads the trials so far, runs the next one and writes its
result. The order of trials depends on timing, so a reproducible search needs a single process.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import joblib
import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.base import Group
from metaselect.parallel import cluster, run_all
from metaselect.ranking.tuning import SearchSettings, try_settings


@contextmanager
def shared_search(
    rows: pd.DataFrame, catalogue: Catalogue, groups: Sequence[Group], search: SearchSettings
) -> Iterator[SearchSettings]:
    """Run a search in all the processes that its settings name.

    Args:
        rows: As `tuning.fit_predictor` takes them, and the next three too.
        catalogue: Task cards.
        groups: Feature groups to use.
        search: How to search, and with which processes.

    Yields:
        Settings to fit with: their storage has the trials that the processes found.

    Raises:
        MetaselectError: Fewer than two units, or no storage that all processes reach.
    """
    with _shared(search) as search:
        if search.n_trials > 1:
            _search_together(rows, catalogue, groups, search)
        yield search


@contextmanager
def _shared(search: SearchSettings) -> Iterator[SearchSettings]:
    """Search settings with a storage that all processes share: their own or a temporary one."""
    if search.workers == 1 and search.executor == "local":
        yield search
    elif search.storage is not None and search.storage.startswith("sqlite"):
        raise MetaselectError(
            "Processes that share a search lock each other out of SQLite: name a journal file as "
            "--storage, or a PostgreSQL database."
        )
    elif search.storage is not None:
        yield search
    elif search.executor == "ray":
        raise MetaselectError(
            "A search on Ray needs --storage: a PostgreSQL URL, or a journal file on a disk that "
            "all nodes share."
        )
    else:
        with tempfile.TemporaryDirectory(prefix="metaselect-") as folder:
            yield replace(search, storage=str(Path(folder) / "search.log"))


def _search_together(
    rows: pd.DataFrame, catalogue: Catalogue, groups: Sequence[Group], search: SearchSettings
) -> None:
    """Run the trials in all processes; the caller runs those that a dead process left."""
    if search.executor == "ray":
        with cluster() as ray:
            n_cores = int(ray.cluster_resources().get("CPU", 1))
            jobs = [(rows, catalogue, groups, search, number) for number in range(n_cores)]
            list(run_all(ray, try_settings, jobs))
    elif search.workers > 1:
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            joblib.Parallel(n_jobs=search.workers)(
                joblib.delayed(try_settings)(rows, catalogue, groups, search, number)
                for number in range(search.workers)
            )
