"""Numbers, times and lists of names as people read them."""

from collections.abc import Sequence

_A_FEW = 5


def few(names: Sequence[str]) -> str:
    """The first five names, with `...` if there are more."""
    return ", ".join(names[:_A_FEW]) + (", ..." if len(names) > _A_FEW else "")


def some(names: Sequence[str]) -> str:
    """The first five names, and how many more there are.

    Example:
        >>> some(["af", "ar", "az", "bg", "bn", "de", "el"])
        'af, ar, az, bg, bn and 2 more'
    """
    more = f" and {len(names) - _A_FEW} more" if len(names) > _A_FEW else ""
    return ", ".join(names[:_A_FEW]) + more


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: 1 run, 2,000 runs; `many` where the plural takes more than an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def points(fraction: float | None) -> str:
    """A fraction as points with a sign, for people: 0.0123 is +1.23."""
    return "–" if fraction is None or fraction != fraction else f"{fraction * 100:+.2f}"


def share(fraction: float | None) -> str:
    """A share as percent, for people."""
    return "–" if fraction is None or fraction != fraction else f"{fraction:.0%}"


def short_time(seconds: float) -> str:
    """Seconds for people.

    Example:
        >>> [short_time(4), short_time(252), short_time(7500)]
        ['4s', '4m12s', '2h05m']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
