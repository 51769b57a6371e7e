"""A small simulated study whose best ranking is known, to try the whole pipeline on.

Nothing here was measured: task names are real, sizes and difficulties are round, and gains follow
the formula of `simulated_truth`. Every study is named `simulated/...`, every source `simulated`.
"""

from typing import Final

import numpy as np
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.seeding import derive_seed

SOURCE: Final = "simulated"
"""The `source` of every row made here."""

N_SEEDS: Final = 3

_ENCODERS = {"encoder-base": 1.0, "encoder-small": 0.6}  # factor on every gain
_INTERMEDIATES = {  # kind, English training examples, difficulty in logits (higher is harder)
    "anli_r3": ("nli", 100_000, 2.0),
    "boolq": ("boolean-qa", 9_400, -0.1),
    "commonsenseqa": ("multiple-choice", 9_700, 1.8),
    "copa": ("multiple-choice", 400, 1.9),
    "cosmosqa": ("multiple-choice", 25_000, 0.9),
    "hellaswag": ("multiple-choice", 40_000, 1.6),
    "mnli": ("nli", 393_000, -0.1),
    "qqp": ("paraphrase", 364_000, -1.0),
    "rte": ("nli", 2_500, 1.3),
    "squad": ("extractive-qa", 88_000, 0.5),
    "sst2": ("sentiment", 67_000, -1.5),
    "wic": ("word-sense", 5_400, 0.9),
}
_TARGETS = {  # kind, score `direct` in English, what any intermediate adds, languages
    "xnli": ("nli", 0.84, 0.000, ("bg", "de", "sw", "tr", "vi", "zh")),
    "pawsx": ("paraphrase", 0.88, 0.000, ("de", "fr", "ja", "ko", "zh")),
    "xcopa": ("multiple-choice", 0.70, 0.010, ("et", "ht", "qu", "sw", "ta", "th")),
    "udpos": ("tagging", 0.86, -0.030, ("ar", "de", "fi", "hi", "yo")),
    "panx": ("tagging", 0.80, -0.025, ("de", "my", "sw", "te")),
    "xquad": ("extractive-qa", 0.75, 0.000, ("ar", "el", "hi", "ru", "th")),
    "mlqa": ("extractive-qa", 0.72, 0.000, ("ar", "de", "hi", "vi")),
    "tydiqa_goldp": ("extractive-qa", 0.65, 0.005, ("bn", "fi", "sw", "te")),
    "tatoeba": ("retrieval", 0.70, 0.015, ("af", "ja", "ka", "sw", "tl")),
    "bucc2018": ("retrieval", 0.75, 0.010, ("de", "fr", "ru", "zh")),
}
_DISTANCES = {  # from English, between 0 and 1
    **{"af": 0.15, "ar": 0.55, "bg": 0.35, "bn": 0.60, "de": 0.15, "el": 0.40, "et": 0.50},
    **{"fi": 0.50, "fr": 0.25, "hi": 0.60, "ht": 0.45, "ja": 0.75, "ka": 0.65, "ko": 0.75},
    **{"my": 0.85, "qu": 0.90, "ru": 0.40, "sw": 0.70, "ta": 0.80, "te": 0.80, "th": 0.75},
    **{"tl": 0.60, "tr": 0.65, "vi": 0.60, "yo": 0.80, "zh": 0.70},
}
_SIZE_WEIGHT = 0.010  # for ten times the training examples
_DIFFICULTY_WEIGHT = 0.008  # for one logit
_KIND_GAIN = 0.020  # for an intermediate of the target's kind
_DISTANCE_LOSS = 0.25  # of the direct score, from English to the farthest language
_SHARED_NOISE = 0.010  # sd over seeds, the same for all candidates of a query: pairing removes it


def is_simulated(runs: pd.DataFrame) -> bool:
    """Whether any row of a checked runs table is simulated, so that results must say so."""
    return bool((runs["source"] == SOURCE).any())


def simulated_truth() -> pd.DataFrame:
    """The true gain of every candidate of every simulated query.

    gain = encoder factor * (0.010 * (log10(size) - 4) + 0.008 * difficulty * (0.5 + distance)
           + 0.020 if both are of one kind + what any intermediate adds to the target)

    so that larger and harder tasks of the same kind are better, harder ones more so in languages
    far from English, and `direct` (gain 0) is best for some of the tagging queries.

    Returns:
        One row for each study, target, language and candidate, `direct` among them: the columns
        of a query, metric, intermediate, gain, and direct_score, the true score without an
        intermediate.
    """
    rows = [
        (f"simulated/{encoder}", encoder, "finetune", target, language, "accuracy", intermediate)
        for encoder in _ENCODERS
        for target, (_, _, _, languages) in _TARGETS.items()
        for language in languages
        for intermediate in (DIRECT, *_INTERMEDIATES)
    ]
    names = ["study", "encoder", "adaptation", "target", "language", "metric", "intermediate"]
    truth = pd.DataFrame(rows, columns=names)
    cells = list(zip(*(truth[name] for name in ("encoder", *names[3:5], names[6])), strict=True))
    truth["gain"] = [true_gain(*cell) for cell in cells]
    truth["direct_score"] = [
        _TARGETS[target][1] - _DISTANCE_LOSS * _DISTANCES[language] * _ENCODERS[encoder]
        for encoder, target, language, _ in cells
    ]
    return truth


def true_gain(encoder: str, target: str, language: str, intermediate: str) -> float:
    """The formula of `simulated_truth` for one candidate.

    Example:
        >>> round(true_gain("encoder-base", "pawsx", "de", "qqp"), 6)  # .01561 - .0052 + .02
        0.030411
    """
    if intermediate == DIRECT:
        return 0.0
    kind, size, difficulty = _INTERMEDIATES[intermediate]
    target_kind, _, addition, _ = _TARGETS[target]
    gain = _SIZE_WEIGHT * (np.log10(size) - 4) + addition
    gain += _DIFFICULTY_WEIGHT * difficulty * (0.5 + _DISTANCES[language])
    gain += _KIND_GAIN * (kind == target_kind)
    return float(_ENCODERS[encoder] * gain)


def simulated_runs(*, seed: int, noise: float) -> pd.DataFrame:
    """Runs of the simulated studies: the truth plus noise over seeds, as a runs table.

    Args:
        seed: Fixes the noise; another seed is another draw of the same world.
        noise: Sd of a candidate's score over seeds, as a fraction; 0 gives true gains by pairs.

    Returns:
        A table that `check_runs` accepts: 2 studies, 10 targets in 4 to 6 languages, 12
        intermediates and `direct`, 3 seeds.
    """
    truth = simulated_truth()
    query = pd.factorize(truth["study"] + truth["target"] + truth["language"])[0]
    generator = np.random.default_rng(derive_seed(seed, SOURCE))
    tables = []
    for run_seed in range(N_SEEDS):
        shared = generator.normal(0, _SHARED_NOISE, query.max() + 1)[query]
        own = generator.normal(0, 1, len(truth)) * noise
        score = (truth["direct_score"] + truth["gain"] + shared + own).clip(0, 1)
        tables.append(truth.assign(score=score, seed=run_seed, source=SOURCE))
    columns = [*truth.columns[:3], "intermediate", *truth.columns[3:6], "score", "seed", "source"]
    return pd.concat(tables, ignore_index=True)[columns]
