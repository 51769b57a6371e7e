"""TaskSelector and what it tells: rankings, their reasons and warnings, its folder and its card.

from metaselect.selector import TaskSelector
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaselect.selector.selector import TaskSelector as TaskSelector

__all__ = ["TaskSelector"]


def __getattr__(name: str) -> Any:
    """Import pandas and the ranker only for who names the selector."""
    if name == "TaskSelector":
        from metaselect.selector.selector import TaskSelector

        return TaskSelector
    raise AttributeError(f"module 'metaselect.selector' has no attribute {name!r}")
