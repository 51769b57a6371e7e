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

PAGE: Theme = {name: f"var(--{name})" for name in ("ink", "line", "accent", "faint")}
"""Colours of the page's map."""

PAPER: Theme = {"ink": "#1a1a1a", "line": "#d0d0d0", "accent": "#0b5d8f", "faint": "#b8b8b8"}
"""Colours of figures for papers; they have no map."""

_FONT = "system-ui, sans-serif"
_LABEL_ROOM = 50  # pixels left of labels: a viewer's font may be wider than the one measured
_GRID_DEGREES = 3  # places of languages nearer than this are one dot behind the map


def whisker_chart(rows: pd.DataFrame, *, title: str, theme: Theme) -> Chart:
    """One line a row: a dot at its difference in points, a whisker for its interval.

    Args:
        rows: Columns name, difference, low, high, in fractions; a missing interval has no whisker.
        title: Of the axis.
        theme: Colours.
    """
    points = rows.assign(**{name: rows[name] * 100 for name in ("difference", "low", "high")})
    base = alt.Chart(points).encode(y=alt.Y("name:N", sort=None, title=None).axis(labelLimit=0))
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme["ink"], strokeDash=[3, 3])
    line = base.mark_rule(color=theme["accent"], strokeWidth=2)
    dot = base.mark_point(color=theme["accent"], filled=True, size=70, opacity=1)
    return alt.layer(
        zero.encode(x=alt.X("zero:Q")),
        line.encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        dot.encode(x=alt.X("difference:Q", title=title)),
    ).properties(width=440, height=26 * len(rows))


def world(languages: Sequence[Language], *, theme: Theme) -> str:
    """A world of languages: a dot for each with a place, in the order given, to be coloured.

    Behind them are the places of all languages there are, which draw the inhabited lands.
    """
    placed = pd.DataFrame(
        [language.place for language in languages if language.place is not None],
        columns=["latitude", "longitude"],
    )
    sphere = alt.Chart(alt.sphere()).mark_geoshape(fill="transparent", stroke=theme["line"])
    lines = alt.Chart(alt.graticule(step=[30, 30])).mark_geoshape(
        filled=False, stroke=theme["line"], strokeWidth=0.5
    )
    lands = alt.Chart(_lands()).mark_circle(size=7, color=theme["faint"], opacity=1)
    dots = alt.Chart(placed).mark_point(
        filled=True, size=75, color=theme["faint"], stroke=theme["ink"], strokeWidth=0.7, opacity=1
    )
    where = {"latitude": "latitude:Q", "longitude": "longitude:Q"}
    chart = alt.layer(sphere, lines, lands.encode(**where), dots.encode(**where))
    return _svg(chart.project("equalEarth").properties(width=760, height=370), theme)


def image(chart: Chart, *, theme: Theme, form: str) -> bytes:
    """A chart as a file's bytes: `svg`, or `pdf`."""
    spec = _specification(chart, theme)
    if form == "pdf":
        return vl_convert.vegalite_to_pdf(spec)
    return str(vl_convert.vegalite_to_svg(spec)).encode()


def _lands() -> pd.DataFrame:
    places = [item.place for item in shipped_languages().values() if item.place is not None]
    cells = np.unique(np.round(np.array(places) / _GRID_DEGREES), axis=0) * _GRID_DEGREES
    return pd.DataFrame(cells, columns=["latitude", "longitude"])


def _specification(chart: Chart, theme: Theme) -> dict[str, Any]:
    """The chart as Vega-Lite, in the theme's colours."""
    axis = {"labelColor": theme["ink"], "titleColor": theme["ink"], "gridColor": theme["line"]}
    lines = {"domainColor": theme["line"], "tickColor": theme["line"]}
    texts = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    room = {"left": _LABEL_ROOM, "top": 5, "right": 5, "bottom": 5}
    dressed = chart.configure(background="transparent", aria=False, font=_FONT, padding=room)
    dressed = dressed.configure_view(stroke=None).configure_axis(**axis, **lines, **texts)
    with alt.data_transformers.enable("default", max_rows=None):
        return dict(dressed.to_dict())


def _svg(chart: Chart, theme: Theme) -> str:
    """The chart's SVG for a page: sized by its viewBox, without ids or namespaces of its own."""
    text = str(vl_convert.vegalite_to_svg(_specification(chart, theme)))
    text = re.sub(r' (?:xmlns(?::xlink)?|version|role|aria-[a-z]+)="[^"]*"', "", text)
    return text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
