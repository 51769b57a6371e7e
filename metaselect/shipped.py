"""What comes with the package: runs to learn from, and a predictor trained on them.

Until collected runs ship, both are of a small simulated study whose best ranking is known; every
output that rests on them says so.
"""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from metaselect.errors import MetaselectError

if TYPE_CHECKING:
    import pandas as pd

SIMULATED_WARNING = (
    "simulated runs: nothing here was measured. Give your own with --runs (see the README)."
)
_NOISE = 0.01  # standard deviation over seeds, in score
_SEED = 0


def shipped_runs() -> "pd.DataFrame":
    """The runs that ship: today the simulated study."""
    from metaselect.runs.simulated import simulated_runs

    return simulated_runs(seed=_SEED, noise=_NOISE)


def shipped_predictor() -> Path:
    """Folder of the predictor that ships: inside the package, or `artifacts/` of a checkout.

    Raises:
        MetaselectError: Neither is there.
    """
    package = Path(str(resources.files("metaselect")))
    for folder in (package / "artifacts" / "predictor", package.parent / "artifacts" / "predictor"):
        if (folder / "manifest.json").is_file():
            return folder
    raise MetaselectError("No predictor ships with this copy: make one with metaselect train.")
