"""TaskWeb's released result files as a runs table.

python experiments/taskweb.py TaskWeb --out taskweb.csv

`TaskWeb` is a clone of github.com/danieljkim0118/TaskWeb (Kim et al. 2023, arXiv 2305.13256).
Scores of transfers lie in `data/taskweb/results/TARGET/SOURCE/SETTING-sSEED/eval_results.json`.
Scores without an intermediate are not released: `data/taskweb/taskweb.p` gives the mean relative
change of each source over them, so that every source of a target tells the same score. It is the
mean over sources; a target whose sources disagree is left out, and named.

`taskweb.p` is a pickle: it is read by a reader that knows containers, numbers and numpy's scalars,
and refuses whatever else would run code.
"""

import argparse
import json
import pickle
import re
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.errors import MetaselectError
from metaselect.runs.exchange import write_runs

ENCODERS = {"roberta": "roberta-base", "t5b": "t5-base-lm-adapt", "t5s": "t5-small-lm-adapt"}
"""Settings that fine-tune all weights, by their names in folders."""

METRICS: Mapping[str, tuple[str, ...]] = {
    "mrpc": ("accuracy", "f1"), "qqp": ("accuracy", "f1"), "stsb": ("pearson", "spearmanr"),
}  # fmt: skip
"""What is averaged for a target; accuracy for the others."""

NAMES = {"spearmanr": "spearman"}
AGREE = 0.015
"""Largest relative difference between what two sources tell of the score without them."""

_SETTING = re.compile(r"(?P<model>roberta|t5b|t5s)-e\d+-lr\w+-b\d+-s(?P<seed>\d+)")
_SCALARS = {
    ("numpy", "dtype"), ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"),
}  # fmt: skip


class _PlainReader(pickle.Unpickler):
    """Reads what holds containers, numbers and numpy's scalars alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _SCALARS:
            raise MetaselectError(f"taskweb.p would call {module}.{name}: not read.")
        return super().find_class(module, name)


def relative_changes(clone: Path) -> Mapping[tuple[str, str], Mapping[str, float]]:
    """Mean relative change of each (target, source), by model; fine-tuning of all weights alone."""
    with (clone / "data" / "taskweb" / "taskweb.p").open("rb") as file:
        found = _PlainReader(file).load()
    return {
        pair: {model: float(changes["finetune", model][0]) for model in ENCODERS
               if ("finetune", model) in changes}
        for pair, (_, changes) in found.items()
    }  # fmt: skip


def transfer_rows(clone: Path) -> Iterator[dict[str, Any]]:
    """A row for each released score of a transfer."""
    for path in sorted((clone / "data" / "taskweb" / "results").glob("*/*/*/eval_results.json")):
        setting = _SETTING.fullmatch(path.parent.name)
        if setting is None:
            continue
        source, target = path.parents[1].name, path.parents[2].name
        measures = METRICS.get(target, ("accuracy",))
        results = json.loads(path.read_text(encoding="utf-8"))
        if all(f"eval_{name}" in results for name in measures):
            score = statistics.mean(_fraction(results[f"eval_{name}"]) for name in measures)
            seed = int(setting["seed"])
            yield _row(setting["model"], source, target, score, seed, "released result files")


def direct_rows(
    rows: pd.DataFrame, changes: Mapping[tuple[str, str], Mapping[str, float]]
) -> Iterator[dict[str, Any]]:
    """A row for each model and target without an intermediate, where sources agree on its score."""
    models = {encoder: model for model, encoder in ENCODERS.items()}
    for (encoder, target), own in rows.groupby(["encoder", "target"]):
        means = own.groupby("intermediate")["score"].mean()
        told = [
            score / (1 + changes[target, source][models[encoder]])
            for source, score in means.items()
            if models[encoder] in changes.get((target, source), {})
        ]
        if not told:
            continue
        mean = statistics.mean(told)
        if max(told) - min(told) > AGREE * mean:
            print(f"{encoder}, {target}: sources disagree on the score without them; left out")
            continue
        yield _row(models[encoder], DIRECT, target, mean, 0, "derived from the relative changes")


def taskweb_runs(clone: Path) -> pd.DataFrame:
    """The runs table of a clone.

    Raises:
        MetaselectError: The folder is no clone of TaskWeb, or its pickle is not plain.
    """
    if not (clone / "data" / "taskweb" / "taskweb.p").is_file():
        raise MetaselectError(
            f"{clone} has no data/taskweb/taskweb.p: name a clone of danieljkim0118/TaskWeb."
        )
    rows = pd.DataFrame(transfer_rows(clone))
    return pd.concat([rows, pd.DataFrame(direct_rows(rows, relative_changes(clone)))])


def _row(
    model: str, source: str, target: str, score: float, seed: int, origin: str
) -> dict[str, Any]:
    names = [NAMES.get(name, name) for name in METRICS.get(target, ("accuracy",))]
    return {
        "study": f"taskweb/{ENCODERS[model]}/finetune", "encoder": ENCODERS[model],
        "adaptation": "finetune", "intermediate": source, "target": target, "language": "en",
        "metric": names[0] if len(names) == 1 else f"mean({','.join(names)})",
        "score": round(score, 6), "seed": seed, "source": f"TaskWeb (Kim et al. 2023), {origin}",
    }  # fmt: skip


def _fraction(value: Any) -> float:
    """A score that may stand in a list of one, and in percent."""
    number = float(value[0] if isinstance(value, list) else value)
    return number / 100 if number > 1 else number


def main() -> None:
    """Write the table of a clone."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("clone", type=Path)
    options.add_argument("--out", type=Path, required=True)
    asked = options.parse_args()
    runs = taskweb_runs(asked.clone)
    write_runs(runs, asked.out)
    print(f"{asked.out}: {len(runs)} scores")


if __name__ == "__main__":
    main()
