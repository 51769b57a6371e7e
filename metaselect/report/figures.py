"""Figures for papers: the page's dot-and-whisker charts on white, as SVG and PDF."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from metaselect.files import write_bytes
from metaselect.report.charts import PAPER, image, whisker_chart
from metaselect.report.evaluations import whisker_rows

_FORMS = ("svg", "pdf")
_TITLE = "difference in regret@1 (points)"


def write_figures(
    out: Path, *, evaluations: Sequence[Mapping[str, Any]], ablations: Sequence[Mapping[str, Any]]
) -> list[Path]:
    """Write each evaluation's contrasts and each ablation's ladder; the files' paths."""
    written = []
    for name, rows in _drawn(evaluations, ablations):
        chart = whisker_chart(rows, title=_TITLE, theme=PAPER)
        for form in _FORMS:
            path = out / "figures" / f"{name}.{form}"
            write_bytes(path, image(chart, theme=PAPER, form=form))
            written.append(path)
    return written


def _drawn(
    evaluations: Sequence[Mapping[str, Any]], ablations: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Any]]:
    for number, record in enumerate(evaluations, start=1):
        yield f"contrasts-{number}", whisker_rows(record, "evaluation")
    for number, record in enumerate(ablations, start=1):
        yield f"ladder-{number}", whisker_rows(record, "ablation")
