"""Errors that a user can fix: the CLI prints each as one line and exits with 2."""

import difflib
from collections.abc import Iterable, Sequence


class MetaselectError(Exception):
    """Anything a user can fix; the message says what was wrong and what to do."""


def nearest(name: str, known: Sequence[str]) -> str:
    """A question after up to three names like this one; empty where there is none."""
    near = difflib.get_close_matches(name, known, n=3)
    return f" Did you mean {', '.join(near)}?" if near else ""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or the name of its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class UnknownName(MetaselectError):
    """An unknown task, language, study or feature; the message gives the nearest names."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        hint = nearest(name.lower(), names)
        plural = "studies" if kind == "study" else f"{kind}s"
        super().__init__(
            f"Unknown {kind} {name!r}.{hint} `metaselect ls {plural}` lists all {len(names)}."
        )
        self.name = name


class MissingExtra(MetaselectError):
    """An optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs more packages; in a clone: {install_command(extra)}")


def install_command(extra: str | None = None) -> str:
    """What to type in a clone to install an extra, or what every command needs."""
    return "pip install -c constraints.txt -e " + ("." if extra is None else f"'.[{extra}]'")


class UnknownChoice(MetaselectError):
    """A value outside the allowed set."""

    def __init__(self, option: str, value: str, allowed: Iterable[str]) -> None:
        names = list(allowed)
        hint = nearest(value.lower(), names)
        super().__init__(f"{option} is one of {', '.join(names)}, not {value!r}.{hint}")
