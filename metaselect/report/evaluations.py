"""Evaluation and ablation records as the page and papers show them: text, tables, charts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from metaselect.evaluation.answer import answer_sentences, conclusion
from metaselect.evaluation.question import Findings
from metaselect.evaluation.verdicts import verdict
from metaselect.evaluation.words import LOWER_IS_BETTER, METHOD_WORDS, restriction_words
from metaselect.files import write_bytes
from metaselect.report.charts import PAPER, image, whisker_chart
from metaselect.wording import points, share

Record = Mapping[str, Any]
Kind = Literal["evaluation", "ablation"]

MEASURES = ("regret@1", "regret@3", "ndcg@3", "gain@1", "gain_crossed", "hit@1")
_MAIN = "regret@1"
_ENDS = ("difference", "low", "high")
_SCORES = {"evaluation": "methods", "ablation": "arms"}
_LEFT_OUT = {
    "target": "A new target",
    "family": "A new language family",
    "intermediate": "A new intermediate",
    "encoder": "A new encoder",
}
_REFERENCES = ("oracle", "ceiling")  # what no method can know; last and never the best
_ON_HALVES = {
    "ceiling": "the choice by the runs themselves",
    "ranker": "the ranker, without a run of what was left out",
    "random": "a random choice",
}

_FORMS = ("svg", "pdf")
_TITLE = "difference in regret@1 (points)"


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One method, or arm, of a record.

    Attributes:
        name, words: What it is called, and what it chooses.
        cells: By measure its value as text, and whether none is better.
        contrast: In regret@1: the ranker minus this method, or this arm minus random; None where
            the record has none.
        reference: Whether it is none to choose by, but what to compare with.
    """

    name: str
    words: str
    cells: Mapping[str, tuple[str, bool]]
    contrast: Record | None
    reference: bool

    @property
    def unclear(self) -> bool:
        """Whether the contrast's interval reaches 0."""
        item = self.contrast
        return item is not None and item["low"] is not None and item["low"] * item["high"] <= 0


def answers(
    evaluations: Sequence[Record], ablations: Sequence[Record], coverage: Record | None = None
) -> list[str]:
    """Whether the runs answer the question, then what they say of it, the features first.

    That is `conclusion`, the sentences of `answer_sentences` and the verdict; none where no record
    can answer.
    """
    whole = {
        f"{kind}-{record['protocol']}": dict(record)
        for kind, found in (("evaluation", evaluations), ("ablation", ablations))
        for record in found
        if not restriction_words(record)
    }
    findings = Findings(whole if coverage is None else {**whole, "coverage": dict(coverage)}, {})
    first = next(iter(findings.evaluations.values()), {"contrasts": ()})
    rivals = {item["against"] for item in first["contrasts"] if item["method"] == "ranker"}
    if not {"random", "history"} <= rivals:
        return []
    ranker, rules, *features = answer_sentences(findings)
    return [conclusion(findings), *features, ranker, rules, verdict(first)]


def title_of(record: Record) -> str:
    """What was left out, and whether regret is that on other seeds than were learnt from."""
    crossed = record.get("learnt_and_scored_on") == "other seeds"
    seeds = " (on other seeds)" if crossed else ""
    return f"{_LEFT_OUT[record['protocol']]}{restriction_words(record)}{seeds}"


def method_rows(record: Record, kind: Kind) -> tuple[MethodRow, ...]:
    """Methods from the least regret to the most, arms as the record has them; references last."""
    scores = record[_SCORES[kind]]
    columns = {
        key: _marked(key, {name: row.get(key) for name, row in scores.items()}) for key in MEASURES
    }

    def place(name: str) -> tuple[int, float]:
        regret = scores[name].get(_MAIN) if kind == "evaluation" else 0.0
        return _last(name), float("inf") if regret is None else regret

    return tuple(
        MethodRow(
            name=name,
            words=METHOD_WORDS.get(name, "") if kind == "evaluation" or _last(name) else "",
            cells={key: column[name] for key, column in columns.items()},
            contrast=_contrast(record, name, kind),
            reference=bool(_last(name)),
        )
        for name in sorted(scores, key=place)
    )


def domain_of(rows: Iterable[MethodRow]) -> tuple[float, float]:
    """Lowest and highest difference that a chart of the rows needs room for, 0 among them."""
    items = [row.contrast for row in rows if row.contrast]
    ends = [0.0, *(item[key] for item in items for key in _ENDS if item[key] is not None)]
    room = 0.04 * (max(ends) - min(ends)) or 0.01
    return min(ends) - room, max(ends) + room


def overview(records: Sequence[Record], kind: Kind) -> dict[str, list[Any]]:
    """Regret@1 side by side: `heads`, and `rows` of a title and the cells of `MethodRow`.

    The methods of any record, but only the arms of all; not the oracle, which has no regret.
    """
    tables = [record[_SCORES[kind]] for record in records]
    names = list(dict.fromkeys(name for table in tables for name in table if name != "oracle"))
    if kind == "ablation":
        names = [name for name in names if all(name in table for table in tables)]
    names.sort(key=_last)
    rows = [
        (title_of(record), _marked(_MAIN, {name: table.get(name, {}).get(_MAIN) for name in names}))
        for record, table in zip(records, tables, strict=True)
    ]
    return {"heads": names, "rows": rows}


def whisker_rows(record: Record, kind: Kind) -> pd.DataFrame:
    """Rows of a dot-and-whisker chart: name, and difference, low and high in regret@1."""
    rows = [
        {"name": row.name, **{key: row.contrast[key] for key in _ENDS}}
        for row in method_rows(record, kind)
        if row.contrast is not None
    ]
    frame = pd.DataFrame(rows, columns=["name", *_ENDS])
    return frame.astype(dict.fromkeys(_ENDS, "float64"))


def ceiling_sentence(record: Record) -> str:
    """What choosing by half of the seeds reaches on the other half."""
    halves = record.get("halves")
    if halves is None or "ceiling" not in halves["methods"]:
        reason = record.get("not_applicable", {}).get("ceiling", "not part of this evaluation")
        return f"Noise ceiling unknown: {reason}."
    gains = {name: row["gain@1"] for name, row in halves["methods"].items()}
    told = [
        f"{words} gains {points(gains[name])}"
        for name, words in _ON_HALVES.items()
        if gains.get(name) is not None
    ]
    return (
        "Noise ceiling: choose on half of the seeds, score on the other half. In points over "
        f"training on the target alone, {'; '.join(told)}."
    )


def direct_sentence(record: Record) -> str:
    """How often no intermediate was best and, where it could be chosen, rightly advised."""
    found = record.get("direct", {})
    if found.get("best") is None:
        return "No query has runs without an intermediate, so gains over them are unknown."
    told = (
        f"{share(found['share_negative_gains'])} of the intermediates' gains were negative. "
        f"No intermediate was best in {share(found['best'])} of the queries"
    )
    if not record.get("with_direct", True):
        return f"{told}; it was no choice here."
    rightly = found["rightly"]
    right = "" if rightly is None else f", rightly in {share(rightly)} of these"
    return f"{told} and advised in {share(found['chosen'])}{right}."


def _contrast(record: Record, name: str, kind: Kind) -> Record | None:
    """The contrast of a row; the oracle of an ablation has random's regret as its lead."""
    pair = ("ranker", name) if kind == "evaluation" else (name, "random")
    for item in record["contrasts"]:
        known = item["measure"] == _MAIN and item["difference"] is not None
        if known and (item["method"], item["against"]) == pair:
            return dict(item)
    regret = record[_SCORES[kind]].get("random", {}).get(_MAIN)
    if kind == "ablation" and name == "oracle" and regret is not None:
        return {"difference": -regret, "low": None, "high": None, "p": None}
    return None


def _last(name: str) -> int:
    """0 for a method; where a reference stands behind them."""
    return _REFERENCES.index(name) + 1 if name in _REFERENCES else 0


def _marked(measure: str, values: Mapping[str, float | None]) -> dict[str, tuple[str, bool]]:
    """Values as text, and whether each is the best as it is shown, which no reference is."""
    known = [value for name, value in values.items() if value is not None and not _last(name)]
    better = min if measure in LOWER_IS_BETTER else max
    best = _shown(measure, better(known)) if known else None
    texts = {name: _shown(measure, value) for name, value in values.items()}
    return {name: (text, text == best and not _last(name)) for name, text in texts.items()}


def _shown(measure: str, value: float | None) -> str:
    if value is None:
        return "–"
    if measure == "hit@1":
        return share(value)
    if measure == "ndcg@3":
        return f"{value:.3f}"
    if measure in LOWER_IS_BETTER:
        return points(max(value, 0.0)).lstrip("+")
    return points(value)


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
