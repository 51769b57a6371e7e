"""The three figures of the second study, drawn from its runs and from what methods chose.

`primary.py --out DIR` calls this: gains.svg (intermediate × target), choices.svg (the gain of
each method's first choice, with intervals over clusters) and expected.svg (expected against
measured gains).
"""

from collections.abc import Mapping
from pathlib import Path

import altair as alt
import pandas as pd
from first_choices import ARMS, RULES, WORDS  # beside this file

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.evaluation.contrasts import Comparison, contrast
from metaselect.files import write_bytes
from metaselect.report.charts import PAPER, Chart, image, whisker_chart
from metaselect.runs.gains import query_gains

_CELL = 40  # pixels
_ORDER = (*RULES, "ranker", *(f"ladder: {arm}" for arm in ARMS), "ceiling", DIRECT_PLUS)
"""Methods as the figure has them: simple rules, the ranker, the ladder's steps, the bound."""


def write_figures(
    out: Path, runs: pd.DataFrame, methods: pd.DataFrame, candidates: pd.DataFrame, *, seed: int
) -> list[Path]:
    """Write the figures; their paths.

    Args:
        out: Folder.
        runs: A table from `read_runs`.
        methods: Columns method, cluster, target and gain, of each method's first choices.
        candidates: Columns target, intermediate, expected and gain.
        seed: Of the sign-flip tests behind the intervals.
    """
    charts: Mapping[str, Chart] = {
        "gains": gains_chart(mean_gains(runs)),
        "choices": choices_chart(methods, seed=seed),
        "expected": expected_chart(candidates),
    }
    for name, chart in charts.items():
        write_bytes(out / f"{name}.svg", image(chart, theme=PAPER, form="svg"))
    return [out / f"{name}.svg" for name in charts]


def mean_gains(runs: pd.DataFrame) -> pd.DataFrame:
    """Gains in points, means over languages: columns target, intermediate, gain."""
    gains = query_gains(runs)
    tasks = gains[gains["intermediate"] != DIRECT]
    means = tasks.groupby(["target", "intermediate"])["gain"].mean() * 100
    return means.reset_index()


def gains_chart(gains: pd.DataFrame) -> Chart:
    """A cell for each target and intermediate, the targets that gain most above."""
    by_target = gains.groupby("target")["gain"].mean().sort_values(ascending=False)
    by_task = gains.groupby("intermediate")["gain"].mean().sort_values(ascending=False)
    base = alt.Chart(gains).encode(
        x=alt.X("intermediate:N", sort=list(by_task.index), title=None).axis(
            orient="top", labelAngle=-45
        ),
        y=alt.Y("target:N", sort=list(by_target.index), title=None),
    )
    most = float(gains["gain"].abs().max())
    colour = alt.Color("gain:Q", title="points").scale(
        scheme="redblue", domain=[-most, most], domainMid=0
    )
    cells = base.mark_rect().encode(color=colour)
    texts = base.mark_text(fontSize=11).encode(text=alt.Text("gain:Q", format="+.1f"))
    size = {"width": 1.6 * _CELL * len(by_task), "height": 0.5 * _CELL * len(by_target)}
    return alt.layer(cells, texts).properties(**size)


def choices_chart(methods: pd.DataFrame, *, seed: int) -> Chart:
    """The gain of each method's first choice over training directly."""
    means = methods.groupby(["cluster", "method"])["gain"].mean().reset_index()
    direct = means.drop_duplicates("cluster").assign(method=DIRECT, gain=0.0)
    table = pd.concat([means[means["method"] != DIRECT], direct])
    known = set(methods["method"])
    rows = [
        {
            "name": WORDS.get(name, name),
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
        }
        for name in _ORDER
        if name != DIRECT and name in known
        for found in [contrast(table, Comparison(name, DIRECT, "gain"), seed=seed)]
    ]
    title = "gain of the first choice over training directly (points)"
    return whisker_chart(pd.DataFrame(rows), title=title, theme=PAPER)


def expected_chart(candidates: pd.DataFrame) -> Chart:
    """A dot for each candidate and target: expected on one seed, measured on the other.

    Axes have ranges of their own: what is expected spreads less than what is measured.
    """
    points = candidates.assign(**{name: candidates[name] * 100 for name in ("expected", "gain")})
    low, high = float(points["expected"].min()), float(points["expected"].max())
    line = alt.Chart(pd.DataFrame({"expected": [low, high], "gain": [low, high]})).mark_line(
        color=PAPER["ink"], strokeDash=[3, 3], strokeWidth=1
    )
    dots = alt.Chart(points).mark_point(color=PAPER["accent"], filled=True, opacity=0.7)
    x = alt.X("expected:Q", title="expected gain (points); dashed: measured as expected")
    y = alt.Y("gain:Q", title="measured gain on the other seed (points)")
    return alt.layer(line.encode(x=x, y=y), dots.encode(x=x, y=y)).properties(width=340, height=340)
