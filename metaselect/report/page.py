"""The page: everything that a report says, in one HTML file that needs no network.

Every text is escaped by the template; charts are SVG drawn beforehand; the data of the choosers are
compressed inside. A content security policy lets the page's own script run, and nothing else. Each
number names the command that made it, and what from.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from metaselect.evaluation.coverage import coverage_record
from metaselect.evaluation.records import AblationRecord, EvaluationRecord
from metaselect.evaluation.words import (
    CEILING_LINE,
    DECIDED_LINE,
    DIRECTIONS,
    directed,
    without_one,
)
from metaselect.files import library_versions, write_manifest, write_text
from metaselect.report.evaluations import (
    MEASURES,
    answers,
    ceiling_sentence,
    direct_sentence,
    domain_of,
    method_rows,
    overview,
    title_of,
)
from metaselect.report.observed import heat_tables, range_words, studies_of
from metaselect.report.rankings import chooser_of
from metaselect.report.sources import PageInputs, command_line, placeholders, sources_of
from metaselect.runs.gains import observed_gains
from metaselect.runs.schema import table_hash
from metaselect.runs.simulated import SOURCE as SIMULATED
from metaselect.selector.doubts import table_doubts
from metaselect.selector.selector import TaskSelector
from metaselect.selector.warnings import floor_warning
from metaselect.wording import points, share

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
        inputs: What the commands behind them were given, where it is known.
    """

    runs: pd.DataFrame
    selector: TaskSelector
    evaluations: Sequence[EvaluationRecord]
    ablations: Sequence[AblationRecord]
    inputs: PageInputs = field(default_factory=PageInputs)


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
    runs, inputs, script = content.runs, content.inputs, _file("page.js")
    records: dict[str, Sequence[EvaluationRecord | AblationRecord]] = {
        "evaluate": content.evaluations,
        "ablate": content.ablations,
    }
    context = {
        **chooser_of(content.selector, runs, rank_options=inputs.rank),
        **_evaluation_context(content),
        "runs": runs,
        "runs_simulated": bool((runs["source"] == SIMULATED).any()),
        "training": content.selector.training_,
        "studies": studies_of(runs),
        "heat_tables": heat_tables(observed_gains(runs), _floors(content)),
        "sources": (sources := sources_of(runs, content.selector, records, inputs)),
        "placeholders": placeholders(sources),
        "commands": {
            verb: command_line(verb, inputs.runs, "--out", kind)
            for verb, kind in (("evaluate", "evaluation"), ("ablate", "ablation"))
        },
        "rank_command": command_line("rank", inputs.rank),
        "versions": library_versions(),
        "style": Markup(_file("page.css")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return _environment().get_template("page.html.j2").render(context)


def _floors(content: ReportContent) -> dict[str, str]:
    """Why nothing follows from the runs of some targets, by their names."""
    runs, catalogue = content.runs, content.selector.catalogue
    found = {name: floor_warning(runs, name, catalogue) for name in runs["target"].unique()}
    return {name: floor for name, floor in found.items() if floor is not None}


def _doubts(content: ReportContent) -> list[str]:
    """What speaks against the answers, of a user's own runs alone: what ships has its own words."""
    if "--runs" not in content.inputs.runs:
        return []
    return table_doubts(content.runs, content.selector.catalogue)


def _evaluation_context(content: ReportContent) -> dict[str, Any]:
    def shown(record: EvaluationRecord | AblationRecord, *sentences: str) -> dict[str, Any]:
        rows = method_rows(record)
        head = {"record": record, "title": title_of(record), "sentences": sentences}
        has_ceiling = any(row.name == "ceiling" for row in rows)
        return {**head, "rows": rows, "domain": domain_of(rows), "has_ceiling": has_ceiling}

    evaluations, ablations = content.evaluations, content.ablations
    return {
        "measures": MEASURES,
        "directions": DIRECTIONS,
        "ceiling_line": CEILING_LINE,
        "decided_line": DECIDED_LINE,
        "answers": answers(
            evaluations, ablations, coverage_record(content.runs, content.selector.catalogue)
        ),
        "doubts": _doubts(content),
        "evaluations": [
            shown(record, ceiling_sentence(record), direct_sentence(record))
            for record in evaluations
        ],
        "ablations": [shown(record) for record in ablations],
        "evaluation_overview": overview(evaluations),
        "ablation_overview": overview(ablations),
    }


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
        "p_value": lambda value: "–" if value is None else f"{value:.3f}",
        "directed": directed,
        "without_one": without_one,
        "range_words": range_words,
        "place": lambda value, domain: f"{(value - domain[0]) / (domain[1] - domain[0]):.1%}",
    }
    return found
