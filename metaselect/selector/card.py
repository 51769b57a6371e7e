"""The model card of a predictor: a README.md as the hub expects it, made from what is known.

Names in it come from users' tables: they are quoted in the YAML and escaped in the Markdown.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from metaselect.evaluation.words import METHOD_WORDS
from metaselect.features.table import Unit
from metaselect.ranking.predictor import Predictor
from metaselect.selector.provenance import EvaluationSummary, Provenance, TrainingSummary

_METHODS = ("random", "direct", "size", "history", "history_kind", "ridge", "ranker", "ceiling")
_MOST = 40  # names in a list; a table of thousands of sources would bury the rest


def card_text(
    training: TrainingSummary, predictors: Mapping[Unit, Predictor], provenance: Provenance
) -> str:
    """The card: YAML front matter, then what it was trained on, how good it is, and its limits."""
    parts = [
        _front_matter(training, provenance),
        "# Which English task to fine-tune on first\n\n",
        _SIMULATED if training.simulated else "",
        _WHAT,
        _USE,
        _training_section(training),
        _evaluation_section(predictors, provenance),
        _LIMITS.format(
            encoders=_listed(dict.fromkeys(training.encoder_by_study.values())) or "none"
        ),
        _licence_section(provenance),
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
- Intervals and probabilities are conformal over whole units (clusters of targets that share
  English training data, or language families): they hold on average over new units, not for each
  language or candidate.
- Language features are mostly imputed typology. All intermediates are English, so a language can
  only reorder them through products with features of the tasks.
- It ranks tasks; it does not say whether a fine-tuned model is good, fair or safe in a language.

"""


def _front_matter(training: TrainingSummary, provenance: Provenance) -> str:
    tags = ["metaselect", "learning-to-rank", "cross-lingual-transfer", "intermediate-task"]
    lines = [
        "---",
        "library_name: metaselect",
        *([f"license: {json.dumps(provenance.licence)}"] if provenance.licence else []),
        "pipeline_tag: tabular-regression",
        "tags:",
        *(f"- {tag}" for tag in [*tags, *(["simulated"] if training.simulated else [])]),
        "language:",
        *(f"- {json.dumps(code)}" for code in training.languages),  # quoted: `no` is Norwegian
        "---",
    ]
    return "\n".join(lines) + "\n\n"


def _training_section(training: TrainingSummary) -> str:
    rows = [
        [study, encoder, f"{training.rows_by_study[study]:,}"]
        for study, encoder in training.encoder_by_study.items()
    ]
    sources = [[name, f"{count:,}"] for name, count in training.rows_by_source.items()]
    rest = len(sources) - _MOST
    more = f"\n{rest} more sources are not listed.\n" if rest > 0 else ""
    return (
        "## Training runs\n\n"
        f"{training.n_runs:,} measured scores; hash of the table `{training.runs_hash}` (BLAKE2b "
        "of its required columns, whatever the order of rows).\n\n"
        + _table(["study", "encoder", "rows"], rows)
        + ("\n" + _table(["source", "rows"], sources[:_MOST]) + more)
        + f"\n- Intermediates ({len(training.intermediates)}): {_listed(training.intermediates)}\n"
        f"- Targets ({len(training.targets)}): {_listed(training.targets)}\n"
        f"- Languages ({len(training.languages)}): {_listed(training.languages)}\n\n"
    )


def _evaluation_section(predictors: Mapping[Unit, Predictor], provenance: Provenance) -> str:
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
            predictor.residuals.describe(),
        ]
        for unit, predictor in predictors.items()
    ]
    text += _table(["for a", "loss", "settings tried", "intervals"], rows) + "\n"
    if not provenance.evaluations:
        return text + "No nested evaluation is part of this card.\n\n"
    return text + _nested_table(provenance.evaluations)


def _nested_table(found: Sequence[EvaluationSummary]) -> str:
    """A line an evaluation, a column a method."""
    methods = [name for name in _METHODS if any(name in item.regrets for item in found)]
    rows = [
        [
            item.protocol,
            f"{item.n_queries:,} in {item.n_clusters}",
            str(item.n_settings),
            *(" / ".join(map(_points, item.regrets.get(name, (None, None)))) for name in methods),
            "{} ({} to {})".format(*map(_points, item.against_random)),
        ]
        for item in found
    ]
    words = "; ".join(f"`{name}`: {METHOD_WORDS[name]}" for name in methods)
    heads = ["left out whole", "queries in clusters", "settings tried", *methods]
    return (
        "Nested evaluation, each unit predicted from the others: regret@1 / regret@3 in points, "
        "lower is better, means over clusters of targets; and ranker minus random in regret@1 "
        f"with its 95% interval. {words}.\n\n{_table([*heads, 'ranker - random'], rows)}\n"
    )


def _licence_section(provenance: Provenance) -> str:
    named = (
        f"This predictor: `{provenance.licence}`."
        if provenance.licence
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
