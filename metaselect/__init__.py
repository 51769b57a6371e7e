"""metaselect: which English intermediate task to fine-tune on before a cross-lingual target.

from metaselect import TaskSelector, read_runs

selector = TaskSelector().fit(read_runs("mine.csv"))
selector.rank(target="xnli", languages=["sw", "ta"])

`evaluate` and `ablate` judge a way of choosing on a runs table; `metrics` holds the measures.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaselect.evaluation.ablation import ablate as ablate
    from metaselect.evaluation.nested import evaluate as evaluate
    from metaselect.ranking import metrics as metrics
    from metaselect.runs.exchange import read_runs as read_runs
    from metaselect.selector.selector import TaskSelector as TaskSelector

__all__ = ["TaskSelector", "ablate", "evaluate", "metrics", "read_runs"]

_MODULES = {
    "TaskSelector": "metaselect.selector.selector",
    "ablate": "metaselect.evaluation.ablation",
    "evaluate": "metaselect.evaluation.nested",
    "metrics": "metaselect.ranking.metrics",
    "read_runs": "metaselect.runs.exchange",
}


def __getattr__(name: str) -> Any:
    """Import what users name only when they name it: the command line starts without pandas."""
    if name == "__version__":
        return metadata.version("metaselect")
    if name not in _MODULES:
        raise AttributeError(f"module 'metaselect' has no attribute {name!r}")
    module = import_module(_MODULES[name])
    return module if name == "metrics" else getattr(module, name)
