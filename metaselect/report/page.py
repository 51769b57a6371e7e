"""The page: everything that a report says, in one HTML file that needs no network.

Every text is escaped by the template; charts are SVG drawn beforehand; the data of the choosers are
compressed inside. A content security policy lets the page's own script run, and nothing else.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from metaselect.console import points, share
from metaselect.files import library_versions, write_manifest, write_text
from metaselect.report.charts import PAGE as COLOURS
from metaselect.report.charts import whiskers
from metaselect.report.evaluations import (
    ablation_sentence,
    ceiling_sentence,
    direct_sentence,
    evaluation_sentence,
    ladder_rows,
    title_of,
    whisker_rows,
)
from metaselect.report.maps import heat_maps
from metaselect.report.observed import colour_bin, range_words, studies_of
from metaselect.report.rankings import rankings_of
from metaselect.report.sources import sources_of
from metaselect.runs.gains import observed_gains
from metaselect.runs.schema import table_hash
from metaselect.runs.simulated import SOURCE as SIMULATED
from metaselect.selector.selector import TaskSelector

KIND = "report"
SCHEMA = 1
PAGE = "index.html"

_SECTIONS = (
    ("rests", "What it rests on"),
    ("ranking-title", "Ranking"),
    ("map", "World map"),
    ("observed", "Observed gains"),
    ("evaluation", "Evaluation"),
    ("calibration", "Calibration"),
    ("ablation", "Ablation"),
    ("sources", "Sources"),
)


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
    """Write the page and its manifest into a folder; the page's path.

    Raises:
        ValueError: The selector is not fitted.
    """
    page = out / PAGE
    write_text(page, page_html(content))
    seal(out, content)
    return page


def seal(out: Path, content: ReportContent) -> None:
    """Write the manifest of a report's folder."""
    made_by = {"n_runs": len(content.runs), "runs_hash": table_hash(content.runs)}
    write_manifest(out, kind=KIND, schema=SCHEMA, made_by=made_by)


def page_html(content: ReportContent) -> str:
    """The whole page as text."""
    rankings = rankings_of(content.selector)
    script = _file("page.js")
    context = {
        **_rests_on(content),
        **rankings.context(),
        **_evaluation_context(content),
        "heat_maps": heat_maps(observed_gains(content.runs)),
        "sections": _SECTIONS,
        "sources": sources_of(content.runs, content.evaluations, content.ablations),
        "versions": library_versions(),
        "style": Markup(_file("page.css")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return _environment().get_template("page.html.j2").render(context)


def _rests_on(content: ReportContent) -> dict[str, Any]:
    runs, training = content.runs, content.selector.training_
    if training is None:
        raise ValueError("a report needs a fitted selector")
    studies = studies_of(runs)
    facts = [
        ("scores", f"{len(runs):,}"),
        ("studies", len(studies)),
        ("encoders", runs["encoder"].nunique()),
        ("intermediates", len(training.intermediates)),
        ("targets", runs["target"].nunique()),
        ("languages", runs["language"].nunique()),
    ]
    return {
        "simulated": training.simulated,
        "runs_simulated": bool((runs["source"] == SIMULATED).any()),
        "studies": studies,
        "facts": facts,
        "training": training,
        "n_runs": len(runs),
        "predictor_differs": training.n_runs != len(runs),
    }


def _evaluation_context(content: ReportContent) -> dict[str, Any]:
    evaluations = [
        {
            "record": record,
            "title": title_of(record),
            "sentence": evaluation_sentence(record),
            "ceiling": ceiling_sentence(record),
            "direct": direct_sentence(record),
            "svg": _whiskers(whisker_rows(record["contrasts"])),
        }
        for record in content.evaluations
    ]
    ablations = [
        {
            "record": record,
            "title": title_of(record),
            "sentence": ablation_sentence(record),
            "svg": _whiskers(ladder_rows(record)),
        }
        for record in content.ablations
    ]
    return {"evaluations": evaluations, "ablations": ablations}


def _whiskers(rows: pd.DataFrame) -> Markup:
    if not len(rows):
        return Markup("")
    return Markup(whiskers(rows, title="difference in regret@1, points", theme=COLOURS))


def _file(name: str) -> str:
    return (resources.files("metaselect.report") / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("metaselect.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "points": points,
        "plain_points": lambda value: points(value).lstrip("+"),
        "share": share,
        "number": lambda value: "–" if value is None else f"{value:.3f}",
        "p_value": lambda value: "–" if value is None else f"{value:.4f}",
        "bin": colour_bin,
        "range_words": range_words,
    }
    return found
