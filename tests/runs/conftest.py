"""Small runs tables, written as rows of what a test is about."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

Row = tuple[str, int, float]
MakeRuns = Callable[..., pd.DataFrame]


@pytest.fixture
def make_runs() -> MakeRuns:
    """Builds a table from (intermediate, seed, score) rows; other columns by keyword."""

    def build(*rows: Row, **columns: Any) -> pd.DataFrame:
        fixed = {
            **{"study": "ours", "encoder": "xlmr", "adaptation": "finetune", "target": "xnli"},
            **{"language": "sw", "metric": "accuracy", "source": "by hand"},
        }
        table = pd.DataFrame(rows, columns=["intermediate", "seed", "score"])
        return table.assign(**{**fixed, **columns})

    return build
