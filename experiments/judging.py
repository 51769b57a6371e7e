"""How the primary comparisons of the second study are judged: the rules of study.md."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from first_choices import ARMS, BESIDE, COMPARISONS, PUBLISHED_STEPS, Choices  # beside this file

from metaselect.evaluation.contrasts import Comparison, Contrast, contrast, holm
from metaselect.evaluation.results import contrasts_json

LEVEL = 0.05
WORTH = 0.005
"""Gain below which an advantage would not pay for one more training: half a point."""

MOSTLY = 0.75
"""Share of clusters beyond which two arms that both choose `direct` were asked nothing."""


def compared(choices: Choices, *, by: str, seed: int) -> list[Contrast]:
    """The comparisons over clusters, or over kinds; those without both methods are left out.

    Holm's correction is over all five that were written down, also where one is not run yet.
    """
    means = choices.gains.groupby([by, "method"])["gain"].mean().reset_index()
    table = means.rename(columns={by: "cluster"})
    known = set(table["method"])
    found = [
        contrast(table, Comparison(*pair, "gain", primary=pair in COMPARISONS), seed=seed)
        for pair in (*COMPARISONS, *BESIDE)
        if known.issuperset(pair)
    ]
    n_open = len(COMPARISONS) - sum(item.primary for item in found)
    still_open = [replace(found[0], p=1.0, primary=True)] * n_open
    return holm([*found, *still_open])[: len(found)]


def verdict(found: Contrast, direct: Mapping[str, float], *, unasked: str | None) -> str:
    """Yes, the opposite, no or too little evidence, by the rules of study.md.

    Args:
        found: A comparison.
        direct: Share of clusters in which a ladder's arm takes no intermediate, by the arm's name.
        unasked: Why nothing was asked of published difficulty, which study.md did not foresee: the
            step that adds it alone has no other verdict.
    """
    if not found.primary:
        return "exploratory"
    pair = (found.method, found.against)
    if unasked is not None and pair == PUBLISHED_STEPS[0]:
        return unasked
    if all(name in direct for name in pair) and min(direct[name] for name in pair) > MOSTLY:
        return "too little evidence: both choose direct"
    if found.p_holm < LEVEL:
        return "yes" if found.difference > 0 else "the opposite"
    return "no" if found.high < WORTH else "too little evidence"


def judged(choices: Choices, *, seed: int, unasked: str | None) -> dict[str, Any]:
    """All comparisons of some first choices with their verdicts, as JSON holds them.

    Args:
        choices: With or without `direct` among the candidates.
        seed: Of the sign flips.
        unasked: As in `verdict`.

    Returns:
        Keys `clusters` and `kinds` (contrasts with their verdict), `gains` (mean over clusters by
        method), `by_target` (the same by method and target) and `direct` (share of clusters in
        which an arm takes no intermediate).
    """
    by_cluster = choices.gains.groupby(["method", "cluster"])["gain"].mean()
    arms = {name: choices.direct[name] for name in (f"ladder: {arm}" for arm in ARMS)}
    found = {"clusters": "cluster", "kinds": "kind"}
    return {
        **{
            name: _judged(compared(choices, by=by, seed=seed), arms, unasked=unasked)
            for name, by in found.items()
        },
        "gains": by_cluster.groupby("method").mean().to_dict(),
        "by_target": {
            str(name): rows.set_index("target")["gain"].to_dict()
            for name, rows in choices.gains.groupby("method")
        },
        "direct": dict(choices.direct),
    }


def _judged(
    found: Sequence[Contrast], direct: Mapping[str, float], *, unasked: str | None
) -> list[dict[str, Any]]:
    return [
        {**row, "verdict": verdict(item, direct, unasked=unasked)}
        for item, row in zip(found, contrasts_json(found), strict=True)
    ]
