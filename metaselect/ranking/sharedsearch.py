"""One search of settings by several processes, of this machine or of a Ray cluster.

They share Optuna's storage: each asks it for what has been tried, tries the next settings and
leaves the result there. Which settings come next then depends on who is faster: a search that must
be the same every time has one process.
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
from metaselect.ranking.tuning import Plan, try_settings


@contextmanager
def searched_together(
    rows: pd.DataFrame, catalogue: Catalogue, groups: Sequence[Group], plan: Plan
) -> Iterator[Plan]:
    """Have all the processes that a plan names do its search.

    Args:
        rows: As `tuning.fit_predictor` takes them, and the next three too.
        catalogue: Task cards.
        groups: Feature groups to use.
        plan: Who searches, and how much.

    Yields:
        The plan to fit with: its storage has what they found.

    Raises:
        MetaselectError: Fewer than two units, or no storage that all processes reach.
    """
    with _shared(plan) as plan:
        if plan.n_trials > 1:
            _search_together(rows, catalogue, groups, plan)
        yield plan


@contextmanager
def _shared(plan: Plan) -> Iterator[Plan]:
    """The plan with a storage that its processes can share: its own, or one for the time being."""
    if plan.workers == 1 and plan.executor == "local":
        yield plan
    elif plan.storage is not None and plan.storage.startswith("sqlite"):
        raise MetaselectError(
            "Processes that share a search lock each other out of SQLite: name a journal file as "
            "--storage, or a PostgreSQL database."
        )
    elif plan.storage is not None:
        yield plan
    elif plan.executor == "ray":
        raise MetaselectError(
            "A search on Ray needs --storage: a PostgreSQL URL, or a journal file on a disk that "
            "all nodes share."
        )
    else:
        with tempfile.TemporaryDirectory(prefix="metaselect-") as folder:
            yield replace(plan, storage=str(Path(folder) / "search.log"))


def _search_together(
    rows: pd.DataFrame, catalogue: Catalogue, groups: Sequence[Group], plan: Plan
) -> None:
    """Try the plan's settings; what a process that died has left is for the caller to try."""
    if plan.executor == "ray":
        with cluster() as ray:
            n_cores = int(ray.cluster_resources().get("CPU", 1))
            jobs = [(rows, catalogue, groups, plan, number) for number in range(n_cores)]
            list(run_all(ray, try_settings, jobs))
    elif plan.workers > 1:
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            joblib.Parallel(n_jobs=plan.workers)(
                joblib.delayed(try_settings)(rows, catalogue, groups, plan, number)
                for number in range(plan.workers)
            )
