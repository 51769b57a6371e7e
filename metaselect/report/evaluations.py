"""Evaluation and ablation records as the page and papers show them: text, tables, charts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from metaselect.evaluation.answer import answer_sentences, conclusion
from metaselect.evaluation.question import Findings
from metaselect.evaluation.records import (
    AblationRecord,
    CoverageRecord,
    EvaluationRecord,
    Measures,
)
from metaselect.evaluation.verdicts import verdict
from metaselect.evaluation.words import LOWER_IS_BETTER, METHOD_WORDS, restriction_words
from metaselect.files import write_bytes
from metaselect.report.charts import PAPER, image, whisker_chart
from metaselect.report.sources import other_groups
from metaselect.wording import points, share

Record = EvaluationRecord | AblationRecord

MEASURES = ("regret@1", "regret@3", "ndcg@3", "gain@1", "gain_crossed", "hit@1")
_MAIN = "regret@1"
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
class Lead:
    """A difference in regret@1 and its 95 % interval, None where there is none."""

    difference: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, ...]:
        """All that a chart must have room for."""
        return tuple(end for end in (self.difference, self.low, self.high) if end is not None)

    @property
    def unclear(self) -> bool:
        """Whether the interval reaches 0."""
        return self.low is not None and self.high is not None and self.low * self.high <= 0


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
    contrast: Lead | None
    reference: bool

    @property
    def unclear(self) -> bool:
        """Whether the contrast's interval reaches 0."""
        return self.contrast is not None and self.contrast.unclear


def answers(
    evaluations: Sequence[EvaluationRecord],
    ablations: Sequence[AblationRecord],
    coverage: CoverageRecord | None = None,
) -> list[str]:
    """Whether the runs answer the question, then what they say of it, the features first.

    That is `conclusion`, the sentences of `answer_sentences` and the verdict; none where no record
    can answer.
    """
    records: list[Record] = [*evaluations, *ablations]
    whole: dict[str, Mapping[str, Any]] = {
        f"{'ablation' if 'arms' in record else 'evaluation'}-{record['protocol']}": record
        for record in records
        if not _narrower(record)
    }
    findings = Findings(whole if coverage is None else {**whole, "coverage": coverage}, {})
    first = next(iter(findings.evaluations.values()), None)
    if first is None:
        return []
    rivals = {item["against"] for item in first["contrasts"] if item["method"] == "ranker"}
    if not {"random", "history"} <= rivals:
        return []
    ranker, rules, *features = answer_sentences(findings)
    return [conclusion(findings), *features, ranker, rules, verdict(first)]


def title_of(record: Record) -> str:
    """What was left out, and whether regret is that on other seeds than were learnt from."""
    crossed = record["learnt_and_scored_on"] == "other seeds"
    seeds = " (on other seeds)" if crossed else ""
    return f"{_LEFT_OUT[record['protocol']]}{_narrower(record)}{seeds}"


def _narrower(record: Record) -> str:
    """What makes a record's question narrower than the whole one; empty where nothing does."""
    groups = other_groups(record)
    features = f", features of {', '.join(groups)} alone" if groups else ""
    return restriction_words(record) + features


def method_rows(record: Record) -> tuple[MethodRow, ...]:
    """Methods from the least regret to the most, arms as the record has them; references last."""
    scores, is_ablation = _scores(record), "arms" in record
    columns = {
        key: _marked(key, {name: row.get(key) for name, row in scores.items()}) for key in MEASURES
    }

    def place(name: str) -> tuple[int, float]:
        regret = 0.0 if is_ablation else scores[name].get(_MAIN)
        return _last(name), float("inf") if regret is None else regret

    return tuple(
        MethodRow(
            name=name,
            words=METHOD_WORDS.get(name, "") if not is_ablation or _last(name) else "",
            cells={key: column[name] for key, column in columns.items()},
            contrast=_lead(record, name),
            reference=bool(_last(name)),
        )
        for name in sorted(scores, key=place)
    )


def domain_of(rows: Iterable[MethodRow]) -> tuple[float, float]:
    """Lowest and highest difference that a chart of the rows needs room for, 0 among them."""
    ends = [0.0, *(end for row in rows if row.contrast is not None for end in row.contrast.ends)]
    room = 0.04 * (max(ends) - min(ends)) or 0.01
    return min(ends) - room, max(ends) + room


def overview(records: Sequence[Record]) -> dict[str, list[Any]]:
    """Regret@1 side by side: `heads`, and `rows` of a title and the cells of `MethodRow`.

    The methods of any record, but only the arms of all; not the oracle, which has no regret.
    """
    tables = [_scores(record) for record in records]
    names = list(dict.fromkeys(name for table in tables for name in table if name != "oracle"))
    if any("arms" in record for record in records):
        names = [name for name in names if all(name in table for table in tables)]
    names.sort(key=_last)
    rows = [
        (title_of(record), _marked(_MAIN, {name: table.get(name, {}).get(_MAIN) for name in names}))
        for record, table in zip(records, tables, strict=True)
    ]
    return {"heads": names, "rows": rows}


def whisker_rows(record: Record) -> pd.DataFrame:
    """Rows of a dot-and-whisker chart: name, and difference, low and high in regret@1."""
    rows = [
        (row.name, row.contrast.difference, row.contrast.low, row.contrast.high)
        for row in method_rows(record)
        if row.contrast is not None
    ]
    ends = ["difference", "low", "high"]
    return pd.DataFrame(rows, columns=["name", *ends]).astype(dict.fromkeys(ends, "float64"))


def ceiling_sentence(record: EvaluationRecord) -> str:
    """What choosing by half of the seeds reaches on the other half."""
    halves = record["halves"]
    if halves is None or "ceiling" not in halves["methods"]:
        reason = record["not_applicable"].get("ceiling", "not part of this evaluation")
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


def direct_sentence(record: EvaluationRecord) -> str:
    """How often no intermediate was best and, where it could be chosen, rightly advised."""
    found = record["direct"]
    if found["best"] is None:
        return "No query has runs without an intermediate, so gains over them are unknown."
    told = (
        f"{share(found['share_negative_gains'])} of the intermediates' gains were negative. "
        f"No intermediate was best in {share(found['best'])} of the queries"
    )
    if not record["with_direct"]:
        return f"{told}; it was no choice here."
    rightly = found["rightly"]
    right = "" if rightly is None else f", rightly in {share(rightly)} of these"
    return f"{told} and advised in {share(found['chosen'])}{right}."


def _scores(record: Record) -> Mapping[str, Measures]:
    """Measures by method, or by arm."""
    return record["arms"] if "arms" in record else record["methods"]


def _lead(record: Record, name: str) -> Lead | None:
    """The difference that a row shows; the oracle of an ablation leads by random's regret."""
    is_ablation = "arms" in record
    pair = (name, "random") if is_ablation else ("ranker", name)
    for item in record["contrasts"]:
        difference = item["difference"] if item["measure"] == _MAIN else None
        if difference is not None and (item["method"], item["against"]) == pair:
            return Lead(difference, item["low"], item["high"])
    regret = _scores(record).get("random", {}).get(_MAIN)
    return Lead(-regret) if is_ablation and name == "oracle" and regret is not None else None


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
    out: Path, *, evaluations: Sequence[EvaluationRecord], ablations: Sequence[AblationRecord]
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
    evaluations: Sequence[EvaluationRecord], ablations: Sequence[AblationRecord]
) -> Iterator[tuple[str, Any]]:
    kinds: dict[str, Sequence[Record]] = {"contrasts": evaluations, "ladder": ablations}
    for name, records in kinds.items():
        for number, record in enumerate(records, start=1):
            yield f"{name}-{number}", whisker_rows(record)
