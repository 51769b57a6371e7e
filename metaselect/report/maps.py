"""Heat maps of observed gains: charts with their tables."""

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from metaselect.report.charts import PAGE, heat_map
from metaselect.report.observed import colour_edges, mean_gains

_SHOWN = (
    ("target", "targets", "Mean observed gain of each intermediate on each target, in points."),
    ("language", "languages", "Mean observed gain of each intermediate by language, in points."),
)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A heat map, its table and the gains at which its colours step."""

    id: str
    title: str
    what: str
    svg: Markup
    edges: tuple[float, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]


def heat_maps(gains: pd.DataFrame) -> list[HeatMap]:
    """Intermediates by target and by language; none where no absolute gain is known.

    Args:
        gains: From `runs.gains.observed_gains`.
    """
    if not len(gains):
        return []
    found = []
    for by, what, title in _SHOWN:
        table = mean_gains(gains, by=by)
        edges = colour_edges(table.to_numpy().ravel().tolist())
        rows = tuple(
            (str(name), tuple(float(value) for value in values))
            for name, values in zip(table.index, table.to_numpy(), strict=True)
        )
        svg = Markup(heat_map(table, edges=edges, theme=PAGE))
        columns = tuple(str(name) for name in table.columns)
        found.append(HeatMap(f"heat-{by}", title, what, svg, edges, columns, rows))
    return found
