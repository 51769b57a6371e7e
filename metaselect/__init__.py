"""metaselect: which English intermediate task to fine-tune on before a cross-lingual target.

from metaselect import TaskSelector, read_runs

selector = TaskSelector().fit(read_runs("mine.csv"))
selector.rank(target="xnli", languages=["sw", "ta"])
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaselect.runs.exchange import read_runs as read_runs
    from metaselect.selector.selector import TaskSelector as TaskSelector

__all__ = ["TaskSelector", "read_runs"]


def __getattr__(name: str) -> Any:
    """Import what users name only when they name it: the command line starts without pandas."""
    if name == "TaskSelector":
        from metaselect.selector.selector import TaskSelector

        return TaskSelector
    if name == "read_runs":
        from metaselect.runs.exchange import read_runs

        return read_runs
    raise AttributeError(f"module 'metaselect' has no attribute {name!r}")
