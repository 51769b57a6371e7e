"""What the record of `primary.py` says, as Markdown tables and as sentences."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from first_choices import MEASURED_STEPS, PUBLISHED_STEPS, WORDS  # beside this file

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.evaluation.coverage import coverage_sentence
from metaselect.wording import points

Record = Mapping[str, Any]

SHOWN = 5
"""Cells that a sentence names."""


def lines(found: Sequence[Record], *, judged: bool = True) -> Iterator[str]:
    """Contrasts of a record as a Markdown table, in points; their verdicts where they are asked."""
    heads = [
        "first", "against", "difference (95 % interval)", "p", "p (Holm)", "choices differ in",
        "without any one cluster", "smallest visible", *(["verdict"] if judged else []),
    ]  # fmt: skip
    yield row(heads)
    yield row(["---"] * len(heads))
    for item in found:
        holm_p = item["p_holm"]
        cells = [
            *(WORDS.get(item[name], item[name]) for name in ("method", "against")),
            f"{signed(item['difference'])} ({signed(item['low'])} to {signed(item['high'])})",
            f"{item['p']:.3f}",
            "–" if holm_p is None or not judged else f"{holm_p:.3f}",
            f"{item['n_changed']} of {item['n_clusters']}",
            f"{signed(item['low_without_one'])} to {signed(item['high_without_one'])}",
            "–" if item["detectable"] is None else signed(item["detectable"]).lstrip("+"),
            *([item["verdict"]] if judged else []),
        ]
        yield row(cells)


def scope_sentence(found: Record, runs: pd.DataFrame) -> str:
    """Which candidates, targets, languages and seeds a record compares.

    Args:
        found: The record.
        runs: The runs that it compares.
    """
    (encoder,) = runs["encoder"].unique()
    return (
        f"{encoder}, {len(runs):,} scores: `direct` and {len(found['intermediates'])} "
        f"intermediates ({', '.join(found['intermediates'])}) on {len(found['targets'])} targets "
        f"in {found['primary']['clusters'][0]['n_clusters']} clusters and "
        f"{runs['language'].nunique()} languages, {runs['seed'].nunique()} seeds."
    )


def sentences(found: Record) -> Iterator[str]:
    """What a record says, in plain sentences."""
    clusters = found["primary"]["clusters"]
    by_pair = {(item["method"], item["against"]): item for item in clusters}
    alone = "; ".join(f"{item['method']} {_told(item)}" for item in found["by_intermediate"])
    yield f"On average an intermediate gains over training directly: {alone}."
    told = [
        f"{words} {_told(by_pair['ranker', other])}{_judged_as(by_pair['ranker', other])}"
        for other, words in (
            ("random", "random choice"), ("history", "best on average"),
            (DIRECT, "no intermediate"),
        )
    ]  # fmt: skip
    taken = f"{100 * found['primary']['direct']['ranker']:.0f} %"
    yield (
        f"The ranker's first choice gains over {'; over '.join(told)}. "
        f"It takes no intermediate for {taken} of the queries (mean over clusters)."
    )
    simpler = [
        f"{WORDS[other]} {_told(by_pair['ranker', other])}" for other in ("composite", "ridge")
    ]
    yield f"Its choice gains over the {'; over '.join(simpler)}."
    yield _steps(by_pair)
    gap = coverage_sentence(found["difficulty"])
    if gap is not None:
        yield gap
    moved = found["agreeing"]
    yield (
        f"Both seeds of a cell agree on {len(moved['losses'])} losses and {len(moved['gains'])} "
        f"gains of two points or more: {_firsts(moved['losses'])}; {_firsts(moved['gains'])}."
    )
    if ("history", DIRECT_PLUS) not in by_pair:
        yield "Whether it is the task or the longer training that helps has not been run yet."
    if len(found.get("permuted", ())) > 1:
        yield _without_signal(found["permuted"])


def _steps(by_pair: Mapping[tuple[str, str], Record]) -> str:
    """In how many clusters each step of the ladder changes the first choice."""
    told = []
    for which, steps in (("Published", PUBLISHED_STEPS), ("Measured", MEASURED_STEPS)):
        first, second = (
            f"in {item['n_changed']} of {item['n_clusters']} clusters, by "
            f"{_told(item)}{_judged_as(item)}"
            for item in (by_pair[pair] for pair in steps)
        )
        told.append(
            f"{which} difficulty changes the first choice {first}; "
            f"language and diversity beside it {second}."
        )
    return " ".join(told)


def _firsts(cells: Mapping[str, float]) -> str:
    shown = [f"{name} {signed(gain)}" for name, gain in list(cells.items())[:SHOWN]]
    return ", ".join([*shown, *(["..."] if len(cells) > SHOWN else [])]) or "none"


def _without_signal(draws: Sequence[Mapping[str, float]]) -> str:
    told = []
    for other in ("random", "history"):
        values = pd.Series([draw[other] for draw in draws])
        told.append(f"{signed(values.mean())} (SD {100 * values.std():.2f}) over {WORDS[other]}")
    return (
        "Where nothing can be learnt, since candidates change their names at random in each target "
        f"and seed, its choice gains {' and '.join(told)}, mean of {len(draws)} draws."
    )


def _told(item: Record) -> str:
    low, high = signed(item["low"]), signed(item["high"])
    return f"{signed(item['difference'])} points ({low} to {high})"


def _judged_as(item: Record) -> str:
    return f", {item['verdict']}" if item["primary"] else ""


def row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def signed(fraction: float) -> str:
    """A fraction as points with a sign that is as wide as a digit."""
    return points(fraction).replace("-", "−")
