"""The second study's tables and figures in the documentation, from its records.

    python experiments/tables.py [--check]

Each stands between `<!-- table NAME -->` and `<!-- end of table -->` and is written anew: what was
asked before the first run from `artifacts/primary`, the rest from `artifacts/evaluation`. With
--check nothing is written, and the exit code is 1 where one is stale.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import primary_tables  # beside this file
from record_words import interval_sentences  # beside this file

from metaselect.evaluation.answer import answer_sentences
from metaselect.evaluation.question import Findings
from metaselect.evaluation.results import contrast_in

ROOT = Path(__file__).parent.parent
RECORDS = ROOT / "artifacts" / "evaluation"
PAGES = (
    ROOT / "README.md",
    ROOT / "experiments" / "README.md",
    ROOT / "docs" / "explanation" / "limits.md",
)

Record = Mapping[str, Any]
Rows = Sequence[Sequence[str]]

_MEASURE = "regret@1"
_NONE = "–"
_TABLE = re.compile(r"(<!-- table ([a-z]+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)
_AMONG = "... an intermediate is used in any case"
_APART = "... without shared data"
_QUESTIONS = {
    "target": "target", "target-among": _AMONG, "target-apart": _APART,
    "family": "language family",
    "intermediate": "intermediate", "intermediate-among": _AMONG, "intermediate-apart": _APART,
    "encoder": "encoder",
}  # fmt: skip
_METHODS = {
    "random": "random", "direct": "no intermediate", "size": "largest data",
    "history": "best on average", "composite": "sum of signals", "ridge": "ridge",
    "ranker": "ranker",
}  # fmt: skip
_ON_OTHER_SEEDS = {
    "random": "random", "composite": "sum of signals", "ranker": "ranker",
    "ceiling": "by the runs themselves",
}  # fmt: skip
_LADDER = (  # words, arm, and what it is compared with
    ("random (exact)", "random", {}),
    ("size", "size", {"random": ""}),
    ("+ history (best on average, pooled)", "history", {}),
    ("+ difficulty", "+difficulty", {"history": ""}),
    ("history + language and diversity", "+language", {"history": ""}),
    (
        "**+ both**", "+both",
        {"history": " against history", "+difficulty": " against + difficulty"},
    ),
    ("+ affinity (all)", "all", {"+both": ""}),
    ("+ measured (difficulty of the tasks)", "+measured", {"all": ""}),
    ("all, languages shuffled", "shuffled languages", {}),
)  # fmt: skip
_DEFINITIONS = {
    "headroom": "SuperGLUE headroom", "rasch": "item response (Rasch b)",
    "error": "error of RoBERTa-large", "unlearnt_share": "unlearnt share, measured",
    "low_confidence": "doubt while training, measured",
    "probe_difficulty": "linear probe on frozen vectors, measured",
    "neighbour_difficulty": "nearest neighbours on frozen vectors, measured",
    "description_length": "description length, measured",
}  # fmt: skip
_FACTORS = ("intermediate", "target", "language")
_PRODUCTS = (
    "intermediate x target", "target x language", "intermediate x language",
    "intermediate x target x language",
)  # fmt: skip

_VIEWS = {
    "all": "as they are", "trained": "without untrained targets", "all_scaled": "scaled alike",
    "trained_scaled": "scaled alike, without untrained targets",
}  # fmt: skip


def main() -> int:
    """Write the tables anew, or check them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only tell what is stale")
    check = parser.parse_args().check
    stale = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        made = _TABLE.sub(lambda found: found[1] + TABLES[found[2]]() + found[4], text)
        if made != text:
            stale += 1
            print(f"{page.name}: {'stale' if check else 'written'}", file=sys.stderr)
            if not check:
                page.write_text(made, encoding="utf-8")
    return int(check and stale > 0)


def protocols() -> str:
    """The methods under every protocol."""
    rows = []
    for name, words in _judged("evaluation"):
        record = _record(f"evaluation-{name}")
        regrets = {method: _regret(record["methods"], method) for method in _METHODS}
        best = min((text for text in regrets.values() if text != _NONE), key=float)
        bold = {method: f"**{text}**" for method, text in regrets.items() if text == best}
        cells = list({**regrets, **bold}.values())
        gains = [_crossed(record["methods"], method) for method in _ON_OTHER_SEEDS]
        rows.append([words, *cells, _told(record, "ranker", "random"), *gains])
    heads = [f"gain on other seeds: {words}" for words in _ON_OTHER_SEEDS.values()]
    return _table(["left out", *_METHODS.values(), "ranker − random (95 % interval)", *heads], rows)


def shares() -> str:
    """What the gains are made of, a row for each view of them."""
    views = _views()
    named = (*_FACTORS, *_PRODUCTS)
    rows = []
    for name, words in _in_words(views):
        by_factor = {item["factor"]: item for item in views[name]["shares"]}
        noise = views[name]["noise"]
        cells = [f"{noise[part] * 100:.0f} %" for part in ("share", "training", "fixed_test_rows")]
        rows.append([words, *(_share(by_factor[factor]) for factor in named), *cells])
    heads = ["gains", *(name.replace(" x ", " × ") for name in named), "noise"]
    return _table([*heads, "of it training", "of it scoring on the fixed test rows"], rows)


def sensitivity() -> str:
    """The smallest effect of intermediate x target x language that the shares would show."""
    views = _views()
    rows = []
    for name, words in _in_words(views):
        found = views[name]["sensitivity"]
        sd, unit = found["detectable"], "of a target's SD"
        if not name.endswith("scaled"):
            sd, unit = sd and sd * 100, "points"
        smallest = "none tried" if sd is None else f"{sd:.2f} {unit}"
        parts = [f"{found[part] * 100:.1f} %" for part in ("observed", "threshold")]
        rows.append([words, smallest, *parts, f"{found['p']:.3f}"])
    heads = ["gains", "smallest SD recovered", "share observed", "95 % of draws without an effect"]
    return _table([*heads, "p"], rows)


def ladder() -> str:
    """The steps of the ablation for a new target, and where an intermediate is used in any case."""
    pair = _record("ablation-target"), _record("ablation-target-among")
    rows = []
    for words, arm, against in _LADDER:
        cells = [
            cell
            for record in pair
            for cell in (_regret(record["arms"], arm), _differences(record, arm, against))
        ]
        rows.append([words, *cells])
    judged = _record("evaluation-target"), _record("evaluation-target-among")
    cells = [_regret(record["methods"], "direct") for record in judged]
    rows.append(["never an intermediate", cells[0], "", cells[1], ""])
    rows.append(["oracle", "0", "", "0", ""])
    before = "against the step before"
    return _table(["", _MEASURE, before, "an intermediate in any case", before], rows)


def steps() -> str:
    """The same steps under the other protocols."""
    rows = []
    for name, words in _judged("ablation"):
        if name in ("target", "target-among"):
            continue
        record = _record(f"ablation-{name}")
        regrets = [_regret(record["arms"], arm) for arm in ("size", "history")]
        pairs = (
            ("+difficulty", "history"), ("+language", "history"), ("+both", "history"),
            ("all", "shuffled languages"), ("+measured", "all"),
        )  # fmt: skip
        rows.append([words, *regrets, *(_told(record, *pair) for pair in pairs)])
    heads = ["left out", "size", "+ history", "+ difficulty", "+ language and diversity", "+ both"]
    return _table([*heads, "true − shuffled languages", "+ measured − all"], rows)


def definitions() -> str:
    """Definitions of difficulty side by side: hardest first, without learning."""
    record = _record("definitions")
    rows = [
        [words, *(_regret(record["methods"], name), _told(record, name, "random"))]
        for name, words in {**_DEFINITIONS, "size": "largest data first"}.items()
        if name in record["methods"]
    ]
    head = ["random", _regret(record["methods"], "random"), ""]
    return _table(["hardest first", _MEASURE, "against random"], [head, *rows])


def answer() -> str:
    """What `metaselect reproduce` says at its end."""
    names = ["evaluation-target", "ablation-target", "coverage"]
    found = Findings({name: _record(name) for name in names}, skipped={})
    return "".join(f"- {line}\n" for line in answer_sentences(found))


def limits() -> str:
    """How far intervals and chances can be trusted, for new targets and for new families."""
    told = interval_sentences(_record("evaluation-target"), _record("evaluation-family"))
    return "".join(f"- {line}\n" for line in told)


TABLES = {
    **primary_tables.TABLES, "shares": shares, "sensitivity": sensitivity, "answer": answer,
    "protocols": protocols, "ladder": ladder, "steps": steps, "definitions": definitions,
    "limits": limits,
}  # fmt: skip


def _views() -> Record:
    """Each way to look at the gains that are compared, from their anatomy."""
    anatomy = json.loads((primary_tables.PRIMARY / "anatomy.json").read_text(encoding="utf-8"))
    views: Record = anatomy["studies"][0]["by_view"]
    return views


def _in_words(views: Record) -> list[tuple[str, str]]:
    return [(name, words) for name, words in _VIEWS.items() if name in views]


def _record(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _crossed(rows: Record, name: str) -> str:
    value = rows.get(name, {}).get("gain_crossed")
    return _NONE if value is None else _signed(value)


def _judged(kind: str) -> list[tuple[str, str]]:
    """What was left out in the records of a kind, with its words."""
    return [
        (name, words)
        for name, words in _QUESTIONS.items()
        if (RECORDS / f"{kind}-{name}.json").is_file()
    ]


def _regret(rows: Record, name: str) -> str:
    value = rows.get(name, {}).get(_MEASURE)
    return _NONE if value is None else f"{value * 100:.2f}"


def _differences(record: Record, arm: str, against: Mapping[str, str]) -> str:
    """What an arm changes; where languages are shuffled, what true ones change."""
    if arm == "shuffled languages":
        return f"all − shuffled: {_told(record, 'all', arm)}"
    return "; ".join(_told(record, arm, other) + words for other, words in against.items())


def _told(record: Record, method: str, against: str) -> str:
    """A difference in points with its interval."""
    found = contrast_in(record, method, against, measure=_MEASURE)
    difference, low, high = (found[key] for key in ("difference", "low", "high"))
    if difference == low == high == 0.0:
        return "no choice changed"
    return f"{_signed(difference)} ({_signed(low)} to {_signed(high)})"


def _signed(fraction: float) -> str:
    return f"{fraction * 100:+.2f}".replace("-", "−")


def _share(found: Record) -> str:
    share, low, high = (f"{found[key] * 100:.0f}" for key in ("share", "low", "high"))
    return f"{share} % ({low} to {high})"


def _table(heads: Sequence[str], rows: Rows) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
