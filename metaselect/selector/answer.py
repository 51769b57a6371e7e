"""What a ranking comes to: the choice, and one sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from metaselect.catalogue.tasks import DIRECT

_LIKELY = 0.75  # chance of a gain from which one is advised: three in four
_SMALLEST = 0.0005  # gain that is told as 0.1 points; less is nothing


def answer(
    ranking: Sequence[Mapping[str, Any]], *, objective: str | None = None, simulated: bool
) -> str:
    """What to fine-tune on first, what to expect of it, and what to try second.

    Args:
        ranking: Entries with intermediate, gain and p_positive (a share or None), best first,
            whole: `direct` among them.
        objective: `worst` where gains are those of the worst of several languages.
        simulated: Whether it rests on simulated runs, which is said.

    Example:
        >>> entry = {"intermediate": "mnli", "gain": 0.031, "p_positive": 0.8}
        >>> answer([entry], simulated=False)
        'Fine-tune on mnli first: +3.1 points expected, 8 in 10 that it helps.'
    """
    mark = "By SIMULATED RUNS: " if simulated else ""
    named = _named(ranking)
    if not named:
        return mark + "Fine-tune on the target alone: there is no candidate."
    best, gain, chance = named[0], float(named[0]["gain"]), named[0]["p_positive"]
    choice = advised(ranking)
    expected = f"{round(gain * 100, 1) + 0.0:+.1f} points expected"  # + 0.0: never -0.0
    expected += " in the worst language" if objective == "worst" else ""
    if choice == DIRECT:
        return (
            f"{mark}Fine-tune on the target alone: no candidate is expected to help "
            f"(best of them: {best['intermediate']}, {expected})."
        )
    expected += "" if chance is None else f", {_in_ten(chance)} that it helps"
    if choice is None:
        return (
            f"{mark}Nothing is clearly better than the target alone: "
            f"{best['intermediate']} comes first with {expected}."
        )
    second = [entry["intermediate"] for entry in named[1:2] if entry["gain"] >= _SMALLEST]
    more = f"; if you can try two, add {second[0]}" if second else ""
    return f"{mark}Fine-tune on {best['intermediate']} first: {expected}{more}."


def advised(ranking: Sequence[Mapping[str, Any]]) -> str | None:
    """What a ranking, given as for `answer`, advises: an intermediate, or `direct`.

    Returns:
        None where a gain is expected, but not likely enough to advise anything.
    """
    named = _named(ranking)
    if not named or named[0]["gain"] < _SMALLEST:
        return DIRECT
    chance = named[0]["p_positive"]
    return None if chance is not None and chance < _LIKELY else str(named[0]["intermediate"])


def _named(ranking: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [entry for entry in ranking if entry["intermediate"] != DIRECT]


def _in_ten(chance: float) -> str:
    """A chance as people say it, never as a certainty."""
    return "more than 9 in 10" if chance >= 0.95 else f"{round(chance * 10)} in 10"
