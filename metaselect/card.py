"""The model card of a predictor: a README.md as the hub expects it, made from what is known.

Names in it come from users' tables: they are quoted in the YAML and escaped in the Markdown.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaselect.errors import MetaselectError
from metaselect.evaluation.narrowing import narrowed
from metaselect.features.table import Unit
from metaselect.ranking.predictor import Predictor
from metaselect.training import Training

_METHODS = ("random", "direct", "size", "history", "history_kind", "ridge", "ranker", "ceiling")
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}")
_MOST = 40  # names in a list; a table of thousands of sources would bury the rest


@dataclass(frozen=True, slots=True)
class Judged:
    """What an evaluation found, as its record says: regrets are score fractions.

    Attributes:
        protocol: What was left out whole.
        n_queries, n_clusters: What the means are over.
        regrets: Method to its regret@1 and regret@3; None where it has none.
        against_random: Ranker minus random in regret@1: difference, low, high.
    """

    protocol: str
    n_queries: int
    n_clusters: int
    regrets: Mapping[str, tuple[float | None, float | None]]
    against_random: tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class About:
    """What the makers of a predictor say of it.

    Attributes:
        licence: Of the predictor, an identifier of the hub such as `cc-by-4.0`; None if they
            name none.
        judged: Evaluations on the runs that it was trained on.

    Raises:
        MetaselectError: A licence that is no identifier.
    """

    licence: str | None = None
    judged: tuple[Judged, ...] = ()

    def __post_init__(self) -> None:
        if self.licence is not None and not _LICENCE.fullmatch(self.licence):
            raise MetaselectError(
                f"A licence is an identifier such as apache-2.0 or cc-by-4.0, not {self.licence!r}."
            )


def judged(record: Mapping[str, Any]) -> Judged:
    """What a card tells of an evaluation's record.

    Raises:
        KeyError: It is no such record.
    """
    rows = record["methods"]
    found = next(
        item
        for item in record["contrasts"]
        if item["measure"] == "regret@1" and item["against"] == "random"
    )
    return Judged(
        protocol=str(record["protocol"]) + narrowed(record),
        n_queries=int(record["n_queries"]),
        n_clusters=int(record["n_clusters"]),
        regrets={name: (row["regret@1"], row["regret@3"]) for name, row in rows.items()},
        against_random=(found["difference"], found["low"], found["high"]),
    )


def about_from_json(entry: Mapping[str, Any]) -> About:
    """The record back from its JSON form (`dataclasses.asdict`)."""
    found = [
        Judged(
            protocol=str(item["protocol"]),
            n_queries=int(item["n_queries"]),
            n_clusters=int(item["n_clusters"]),
            regrets={name: (pair[0], pair[1]) for name, pair in item["regrets"].items()},
            against_random=tuple(item["against_random"]),
        )
        for item in entry["judged"]
    ]
    licence = entry["licence"]
    return About(licence=None if licence is None else str(licence), judged=tuple(found))


def card_text(training: Training, predictors: Mapping[Unit, Predictor], about: About) -> str:
    """The card: YAML front matter, then what it was trained on, how good it is, and its limits."""
    parts = [
        _front_matter(training, about),
        "# Which English task to fine-tune on first\n\n",
        _SIMULATED if training.simulated else "",
        _WHAT,
        _USE,
        _training_section(training),
        _evaluation_section(predictors, about),
        _LIMITS.format(
            encoders=_listed(dict.fromkeys(training.encoder_by_study.values())) or "none"
        ),
        _licence_section(about),
    ]
    return "".join(parts)


_SIMULATED = "> **Trained on simulated runs: nothing in it was measured.**\n\n"

_WHAT = """A [metaselect](https://github.com/metaselect/metaselect) predictor: for a target task and
a language without training data, it ranks the English tasks that a multilingual encoder may be
fine-tuned on before the target, with the gain to expect of each. It holds LightGBM trees as text,
and JSON: no pickle, no code.

"""

_USE = """## Intended use

To choose, before spending GPU time, which few intermediate tasks to try. `direct` (no intermediate)
is a candidate like any other.

```python
from metaselect import TaskSelector

selector = TaskSelector.from_pretrained("this folder, or owner/name on the hub")
selector.rank(target="xnli", languages=["sw", "ta"])
```

`metaselect rank --predictor FOLDER --target xnli --language sw` does the same.

"""

_LIMITS = """## Limits

- It knows what its runs know. Encoders seen: {encoders}. For other encoders, protocols or training
  budgets its gains are extrapolations; rankings say which targets, languages and candidates were
  never seen.
- Intervals are conformal over clusters of targets that share English training data: they hold on
  average over new clusters, not for each language or candidate.
- Language features are mostly imputed typology. All intermediates are English, so a language can
  only reorder them through products with features of the tasks.
- It ranks tasks; it does not say whether a fine-tuned model is good, fair or safe in a language.

"""


def _front_matter(training: Training, about: About) -> str:
    tags = ["metaselect", "learning-to-rank", "cross-lingual-transfer", "intermediate-task"]
    lines = [
        "---",
        "library_name: metaselect",
        *([f"license: {json.dumps(about.licence)}"] if about.licence else []),
        "pipeline_tag: tabular-regression",
        "tags:",
        *(f"- {tag}" for tag in [*tags, *(["simulated"] if training.simulated else [])]),
        "language:",
        *(f"- {json.dumps(code)}" for code in training.languages),  # quoted: `no` is Norwegian
        "---",
    ]
    return "\n".join(lines) + "\n\n"


def _training_section(training: Training) -> str:
    rows = [
        [study, encoder, f"{training.rows_by_study[study]:,}" if training.rows_by_study else "?"]
        for study, encoder in training.encoder_by_study.items()
    ]
    table_hash = f"`{training.runs_hash}`" if training.runs_hash else "not recorded"
    sources = [[name, f"{count:,}"] for name, count in training.rows_by_source.items()]
    rest = len(sources) - _MOST
    more = f"\n{rest} more sources are not listed.\n" if rest > 0 else ""
    return (
        "## Training runs\n\n"
        f"{training.n_runs:,} measured scores; hash of the table {table_hash} (BLAKE2b of its "
        "required columns, whatever the order of rows).\n\n"
        + _table(["study", "encoder", "rows"], rows)
        + (("\n" + _table(["source", "rows"], sources[:_MOST]) + more) if sources else "")
        + f"\n- Intermediates ({len(training.intermediates)}): {_listed(training.intermediates)}\n"
        f"- Targets ({len(training.targets)}): {_listed(training.targets)}\n"
        f"- Languages ({len(training.languages)}): {_listed(training.languages)}\n\n"
    )


def _evaluation_section(predictors: Mapping[Unit, Predictor], about: About) -> str:
    text = (
        "## Evaluation\n\n"
        "On the inner folds that chose its settings, so flattered: mean of regret@1 and regret@3 "
        "in points (gain lost against the best candidate).\n\n"
    )
    rows = [
        [
            f"new {unit}",
            _points(predictor.choices[0].loss),
            str(predictor.n_trials),
            predictor.radius.describe(),
        ]
        for unit, predictor in predictors.items()
    ]
    text += _table(["for a", "loss", "settings tried", "intervals"], rows) + "\n"
    if not about.judged:
        return text + "No nested evaluation is part of this card.\n\n"
    for item in about.judged:
        text += (
            f"Nested evaluation, each {item.protocol} left out whole: regret in points, lower is "
            f"better, means over {item.n_clusters} clusters of targets, {item.n_queries} queries. "
            f"Ranker minus random in regret@1: {_points(item.against_random[0])} (95% interval "
            f"{_points(item.against_random[1])} to {_points(item.against_random[2])}).\n\n"
        )
        kept = [name for name in _METHODS if name in item.regrets]
        cells = [[name, *map(_points, item.regrets[name])] for name in kept]
        text += _table(["method", "regret@1", "regret@3"], cells) + "\n"
    return text


def _licence_section(about: About) -> str:
    named = (
        f"This predictor: `{about.licence}`."
        if about.licence
        else "Its makers name no licence: ask them before you pass it on."
    )
    return (
        f"## Licence\n\n{named} The metaselect package that reads it is Apache-2.0; language "
        "vectors come from lang2vec (CC BY-SA 4.0) and are not part of this folder.\n"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _listed(names: Iterable[str]) -> str:
    known = [_cell(name) for name in names]
    more = f" and {len(known) - _MOST} more" if len(known) > _MOST else ""
    return ", ".join(known[:_MOST]) + more


def _cell(text: str) -> str:
    """Text in one line that no Markdown or HTML is read from."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#!])", r"\\\1", line)


def _points(fraction: float | None) -> str:
    return "–" if fraction is None else f"{fraction * 100:.2f}"
