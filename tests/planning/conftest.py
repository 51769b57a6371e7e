"""Small made-up studies, and posteriors of a few cells written down by hand."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from metaselect.planning.posterior import Posterior
from metaselect.runs.schema import check_runs

MakeRuns = Callable[..., pd.DataFrame]


@pytest.fixture
def make_runs() -> MakeRuns:
    """Runs of one study from scores by (intermediate, target), one for each seed."""

    def made(
        scores: Mapping[tuple[str, str], list[float]], *, study: str = "s", language: str = "en"
    ) -> pd.DataFrame:
        rows = [
            {
                "study": study, "encoder": "e", "adaptation": "finetune", "intermediate": before,
                "target": target, "language": language, "metric": "accuracy", "score": score,
                "seed": seed, "source": "made up",
            }
            for (before, target), values in scores.items()
            for seed, score in enumerate(values)
        ]  # fmt: skip
        return check_runs(pd.DataFrame(rows), percent=False)

    return made


@pytest.fixture
def random_posterior() -> Callable[[int], Posterior]:
    """A posterior about some cells with any covariance."""

    def made(n_cells: int) -> Posterior:
        draw = np.random.default_rng(n_cells)
        root = draw.normal(size=(n_cells, n_cells)) * 0.02
        mean = draw.normal(size=n_cells) * 0.02
        return Posterior(mean, root @ root.T, draw.uniform(1e-5, 1e-4, size=n_cells))

    return made
