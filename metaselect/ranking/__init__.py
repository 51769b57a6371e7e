"""Ranking metrics, the ranker, the simple rules that it must beat, intervals.

from metaselect.ranking import TaskRanker

TaskRanker(random_state=0).fit(X, gains, group=query).predict(X)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaselect.ranking.ranker import TaskRanker as TaskRanker

__all__ = ["TaskRanker"]


def __getattr__(name: str) -> Any:
    """Import LightGBM and scikit-learn only for who names the ranker."""
    if name == "TaskRanker":
        from metaselect.ranking.ranker import TaskRanker

        return TaskRanker
    raise AttributeError(f"module 'metaselect.ranking' has no attribute {name!r}")
