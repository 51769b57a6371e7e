"""Groups of tasks that share training data, joined along chains."""

from collections.abc import Callable, Iterable


def groups(names: Iterable[str], share: Callable[[str, str], bool]) -> list[list[str]]:
    """Names joined along chains of those that share data, each group in order of name.

    Args:
        names: What to group; the order does not matter.
        share: Whether two names share data.
    """
    found: list[list[str]] = []
    for name in sorted(set(names)):
        joined = [group for group in found if any(share(name, known) for known in group)]
        found = [group for group in found if group not in joined]
        found.append(sorted([name, *(known for group in joined for known in group)]))
    return sorted(found)
