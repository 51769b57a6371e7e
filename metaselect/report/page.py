"""The page: everything that a report says, in one HTML file that needs no network."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from metaselect.files import write_manifest, write_text
from metaselect.runs.schema import table_hash
from metaselect.selector import TaskSelector

KIND = "report"
SCHEMA = 1
PAGE = "index.html"


@dataclass(frozen=True, slots=True)
class ReportContent:
    """What a report is made of.

    Attributes:
        runs: The checked runs table.
        selector: A fitted selector.
        evaluations: Records of `metaselect evaluate`.
        ablations: Records of `metaselect ablate`.
    """

    runs: pd.DataFrame
    selector: TaskSelector
    evaluations: Sequence[Mapping[str, Any]]
    ablations: Sequence[Mapping[str, Any]]


def write_report(out: Path, content: ReportContent) -> Path:
    """Write the page and its manifest into a folder; the page's path."""
    page = out / PAGE
    write_text(page, page_html(content))
    made_by = {"n_runs": len(content.runs), "runs_hash": table_hash(content.runs)}
    write_manifest(out, kind=KIND, schema=SCHEMA, made_by=made_by)
    return page


def page_html(content: ReportContent) -> str:
    """The whole page as text."""
    names = "".join(f"<li>{html.escape(name)}</li>" for name in sorted(set(content.runs["study"])))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>metaselect</title>'
        f"</head><body><main><h1>metaselect</h1><ul>{names}</ul></main></body></html>\n"
    )
