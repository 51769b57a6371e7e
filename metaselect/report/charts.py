"""Charts as inline SVG, drawn by Vega-Altair when the page is made: reading needs no script.

Colours are CSS variables, which the page sets for light, dark and paper. A chart here has no text
alternative of its own: the page gives each a label and a table.
"""

import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

from metaselect.catalogue.languages import Language, shipped_languages

Theme = dict[str, str]
Chart = alt.LayerChart | alt.FacetChart

N_COLOURS = 7
PAGE: Theme = {
    "ink": "var(--ink)",
    "line": "var(--line)",
    "accent": "var(--accent)",
    "faint": "var(--faint)",
    **{f"gain{number}": f"var(--gain{number})" for number in range(N_COLOURS)},
    **{f"step{number}": f"var(--step{number})" for number in range(N_COLOURS)},
}
"""Colours of charts in the page: of gains around 0, and of steps from low to high."""

PAPER: Theme = {"ink": "#1a1a1a", "line": "#d0d0d0", "accent": "#0b5d8f", "faint": "#b8b8b8"}
"""Colours of figures for papers; they have no heat maps."""

_FONT = "system-ui, sans-serif"
_MOST_NUMBERED = 14  # columns up to which a cell has room for its number
_GRID_DEGREES = 3  # places of languages nearer than this are one dot behind the map


def heat_map(table: pd.DataFrame, *, edges: Sequence[float], theme: Theme) -> str:
    """Rows by columns of gains, coloured by where they lie between the edges; NaN stays empty."""
    cells = table.rename_axis(index="row", columns="column").stack().reset_index()
    cells.columns = pd.Index(["row", "column", "gain"])
    numbered = table.shape[1] <= _MOST_NUMBERED
    width, height = (52, 22) if numbered else (17, 17)
    base = alt.Chart(
        cells.assign(text=[f"{round(gain * 100, 1) + 0.0:+.1f}" for gain in cells["gain"]])
    ).encode(
        x=alt.X("column:N", sort=list(table.columns), title=None).axis(
            labelAngle=-45, orient="top", labelLimit=130
        ),
        y=alt.Y("row:N", sort=list(table.index), title=None).axis(labelLimit=180),
    )
    colour = alt.Color("gain:Q", legend=None, scale=_scale(edges, theme, "gain"))
    layers: list[Any] = [base.mark_rect().encode(color=colour)]
    if numbered:
        layers.append(base.mark_text(fontSize=11, color=theme["ink"]).encode(text="text:N"))
    size = {"width": width * table.shape[1], "height": height * table.shape[0]}
    return _svg(alt.layer(*layers).properties(**size), theme)


def whiskers(rows: pd.DataFrame, *, title: str, theme: Theme) -> str:
    """One line a row: a dot at its difference in points, a whisker for its interval.

    Args:
        rows: Columns name, difference, low, high, in fractions; a missing interval has no whisker.
        title: Of the axis.
        theme: Colours.
    """
    return _svg(whisker_chart(rows, title=title, theme=theme), theme)


def whisker_chart(rows: pd.DataFrame, *, title: str, theme: Theme) -> Chart:
    """The chart of `whiskers`."""
    points = rows.assign(**{name: rows[name] * 100 for name in ("difference", "low", "high")})
    base = alt.Chart(points).encode(y=alt.Y("name:N", sort=None, title=None).axis(labelLimit=240))
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme["ink"], strokeDash=[3, 3])
    line = base.mark_rule(color=theme["accent"], strokeWidth=2)
    dot = base.mark_point(color=theme["accent"], filled=True, size=70, opacity=1)
    return alt.layer(
        zero.encode(x=alt.X("zero:Q")),
        line.encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        dot.encode(x=alt.X("difference:Q", title=title)),
    ).properties(width=440, height=26 * len(rows))


def world(
    languages: Sequence[Language], gains: Sequence[float], *, edges: Sequence[float], theme: Theme
) -> str:
    """A world of languages: a dot for each with a place, in the order given, coloured by gain.

    Behind them are the places of all languages there are, which draw the inhabited lands.
    """
    placed = [
        {"latitude": language.place[0], "longitude": language.place[1], "gain": gain}
        for language, gain in zip(languages, gains, strict=True)
        if language.place is not None
    ]
    sphere = alt.Chart(alt.sphere()).mark_geoshape(fill="transparent", stroke=theme["line"])
    lines = alt.Chart(alt.graticule(step=[30, 30])).mark_geoshape(
        filled=False, stroke=theme["line"], strokeWidth=0.5
    )
    lands = alt.Chart(_lands()).mark_circle(size=7, color=theme["faint"], opacity=1)
    dots = alt.Chart(pd.DataFrame(placed)).mark_point(
        filled=True, size=75, stroke=theme["ink"], strokeWidth=0.7, opacity=1
    )
    colour = alt.Color("gain:Q", legend=None, scale=_scale(edges, theme, "step"))
    where = {"latitude": "latitude:Q", "longitude": "longitude:Q"}
    chart = alt.layer(sphere, lines, lands.encode(**where), dots.encode(color=colour, **where))
    return _svg(chart.project("equalEarth").properties(width=760, height=370), theme)


def image(chart: Chart, *, theme: Theme, form: str) -> bytes:
    """A chart as a file's bytes: `svg`, or `pdf`."""
    spec = _dressed(chart, theme).to_dict()
    return vl_convert.vegalite_to_pdf(spec) if form == "pdf" else _converted(spec).encode()


def _lands() -> pd.DataFrame:
    places = [item.place for item in shipped_languages().values() if item.place is not None]
    cells = np.unique(np.round(np.array(places) / _GRID_DEGREES), axis=0) * _GRID_DEGREES
    return pd.DataFrame(cells, columns=["latitude", "longitude"])


def _scale(edges: Sequence[float], theme: Theme, kind: str) -> alt.Scale:
    colours = [theme[f"{kind}{number}"] for number in range(N_COLOURS)]
    return alt.Scale(type="threshold", domain=list(edges), range=colours)


def _dressed(chart: Chart, theme: Theme) -> Chart:
    axis = {"labelColor": theme["ink"], "titleColor": theme["ink"], "gridColor": theme["line"]}
    dressed: Chart = (
        chart.configure(background="transparent", aria=False, font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(
            **axis,
            domainColor=theme["line"],
            tickColor=theme["line"],
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
    )
    return dressed


def _converted(spec: dict[str, Any]) -> str:
    return str(vl_convert.vegalite_to_svg(spec))


def _svg(chart: Chart, theme: Theme) -> str:
    """The chart's SVG for a page: sized by its viewBox, without ids or namespaces of its own."""
    with alt.data_transformers.enable("default", max_rows=None):
        text = _converted(_dressed(chart, theme).to_dict())
    text = re.sub(r' (?:xmlns(?::xlink)?|version|role|aria-[a-z]+)="[^"]*"', "", text)
    return text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
