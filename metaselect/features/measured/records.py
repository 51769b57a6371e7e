"""The measures: what each one is of, what it needs and costs, and the features made of them.

Values come from `catalogue.measured`; nothing here loads a model. Difficulties are higher for
harder tasks and corrected for chance; affinities are higher for better transfer.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from metaselect.features.base import Feature, Floats, Group, Values, World

Of = Literal["task", "pair", "task in language", "target in language", "language"]
Need = Literal["data", "encoder", "tuned model", "target labels", "sentence pairs"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure.

    Attributes:
        name: Unique, snake_case.
        words: For reasons shown to people, without the task ("share of ... left unlearnt").
        source: Paper.
        needs: What must be at hand to measure it.
        seconds: What the pass that gives it costs on one CPU core with a small encoder (27 M
            parameters); several measures come out of one pass.
        low, high: Range that values lie in.
        unit: Unit, or "" for a pure number.
        group: Feature group of what it says.
        of: What one value is of.
    """

    name: str
    words: str
    source: str
    needs: tuple[Need, ...]
    seconds: float
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    _: KW_ONLY
    group: Group
    of: Of


_DATA: tuple[Need, ...] = ("data",)
_FROZEN: tuple[Need, ...] = ("data", "encoder")
_TUNED: tuple[Need, ...] = ("data", "encoder", "tuned model")
_TRANSFER: tuple[Need, ...] = (*_TUNED, "target labels")
_PAIRS: tuple[Need, ...] = (*_TUNED, "sentence pairs")

_task = partial(Measure, group="difficulty", of="task")
_pair = partial(Measure, group="affinity", of="pair")
_of_language = partial(Measure, group="language", of="language")
_task_in_language = partial(Measure, group="language", of="task in language")
_target_in_language = partial(Measure, group="language", of="target in language")

MEASURES: tuple[Measure, ...] = (
    _task("label_entropy", "spread of the labels", "Shannon entropy of the training labels",
          _DATA, 0.2, high=16.0, unit="bits"),
    _task("log_text_length", "length of the texts", "log10 of the mean number of words",
          _DATA, 0.2, high=6.0, unit="log10 words"),
    _task("type_token_ratio", "variety of the words", "types over the first 5,000 words",
          _DATA, 0.2),
    _task("probe_difficulty", "error of a linear probe above chance level",
          "1 - (accuracy - chance) / (1 - chance), 5-fold logistic probe on frozen vectors",
          _FROZEN, 6.0, high=2.0),
    _task("neighbour_difficulty", "error of nearest neighbours above chance level",
          "leave-one-out 3 nearest neighbours on frozen vectors, corrected for chance",
          _FROZEN, 6.0, high=2.0),
    _task("description_length", "bits a label takes, given the texts",
          "prequential code length over log2 of the number of labels (Voita and Titov 2020)",
          _FROZEN, 6.0, high=4.0),
    _task("pseudo_perplexity", "how surprising the texts are",
          "log10 of exp(-mean log p) of masked tokens (Salazar et al. 2020)",
          _FROZEN, 20.0, high=8.0, unit="log10"),
    _task("unlearnt_share", "share of the label information left unlearnt",
          "loss of the tuned model over the null model's, 1 - V-usable information over H_V(Y), at "
          "an equal budget for every task (Xu et al. 2020, Ethayarajh et al. 2022)",
          _TUNED, 100.0, high=4.0),
    _task("low_confidence", "doubt about training examples",
          "1 - mean probability of the gold label while training (Swayamdipta et al. 2020)",
          _TUNED, 100.0),
    _task("variability", "unsteadiness of training examples",
          "mean standard deviation of the gold label's probability (Swayamdipta et al. 2020)",
          _TUNED, 100.0, high=0.5),
    _task("incorrectness", "share of training passes answered wrong",
          "1 - correctness (Swayamdipta et al. 2020)", _TUNED, 100.0),
    _task("forgetting", "forgetting of examples while training",
          "forgetting events an example (Toneva et al. 2019)", _TUNED, 100.0, high=100.0),
    _task("word_order_reliance", "reliance on word order",
          "rise of the unlearnt share when the words of the texts are shuffled", _TUNED, 100.0,
          low=-4.0, high=16.0),
    _task("collapse_share", "share of trainings that collapse",
          "trainings over seeds that end at chance level in English", _TUNED, 100.0),
    _task("response_difficulty", "item-response difficulty, measured",
          "Rasch b, mean over items (Vania et al. 2021)", _TUNED, 1.0, low=-8.0, high=8.0,
          unit="logits"),
    _pair("text_similarity", "similarity of the texts",
          "cosine of mean text vectors (SEmb; Poth et al. 2021)", _FROZEN, 3.0, -1.0, 1.0),
    _pair("vocabulary_overlap", "words in common",
          "Jaccard of subword types that occur more than once", _DATA, 3.0, 0.0, 1.0),
    _pair("task_similarity", "similarity of what training changes",
          "cosine of Fisher diagonals (TaskEmb; Vu et al. 2020)", _TUNED, 20.0, -1.0, 1.0),
    _pair("logme", "evidence for the target's labels after the intermediate",
          "LogME (You et al. 2021)", _TRANSFER, 20.0, -1e3, 1e3),
    _pair("linear_transfer", "accuracy of a linear probe after the intermediate",
          "5-fold logistic probe, corrected for chance", _TRANSFER, 20.0, -1.0, 1.0),
    _of_language("fertility", "subwords a word of the language takes",
            "subwords over words under the encoder's tokenizer (Rust et al. 2021)", _FROZEN, 0.1,
            high=64.0, unit="subwords a word"),
    _of_language("unknown_share", "subwords that the encoder does not know",
            "unknown tokens over tokens", _FROZEN, 0.1),
    _task_in_language("subword_overlap", "subwords shared with text of the language",
            "share of the language's subword tokens that the task's English texts use",
            _FROZEN, 2.5),
    _task_in_language("alignment", "English and the language still aligned",
            "accuracy of nearest neighbours among sentence pairs after the intermediate, minus "
            "the encoder's own", _PAIRS, 2.5, low=-1.0),
    _task_in_language("drift", "how far the language's sentences moved",
            "1 - mean cosine of a sentence's vectors before and after the intermediate",
            _PAIRS, 2.5, high=2.0),
    _target_in_language("target_doubt", "doubt of the English-tuned model in the language",
            "entropy of its predictions on unlabelled text over that of a uniform guess",
            _TUNED, 2.5),
)  # fmt: skip
"""Every measure, cheap ones first in each group."""

IN_RANKER = (
    "unlearnt_share", "word_order_reliance", "collapse_share", "text_similarity",
    "vocabulary_overlap", "logme", "linear_transfer", "fertility", "subword_overlap", "alignment",
    "drift", "target_doubt",
)  # fmt: skip
"""Measures that are features of the ranker, one of each idea: with a dozen targets, ten more
difficulties that say nearly the same only teach it noise. The others are there to be compared."""

_WITH_GAP = ("unlearnt_share",)
"""Measures whose difference between intermediate and target is a feature too."""

BY_NAME: Mapping[str, Measure] = {measure.name: measure for measure in MEASURES}


def _looked_up(measure: Measure, columns: Mapping[str, str]) -> Values:
    """A feature's function: the measured value; `columns` says which column fills which place."""

    def values(keys: pd.DataFrame, world: World) -> Floats:
        places = [[str(name) for name in keys[column]] for column in columns.values()]
        found = [
            world.catalogue.measured.of(
                measure.name, encoder=encoder, **dict(zip(columns, names, strict=True))
            )
            for encoder, *names in zip(map(str, keys["encoder"]), *places, strict=True)
        ]
        return np.array([np.nan if value is None else value for value in found], dtype=np.float64)

    return values


def _gap(first: Values, second: Values) -> Values:
    return lambda keys, world: first(keys, world) - second(keys, world)


def _feature(measure: Measure, keys: tuple[str, ...], values: Values) -> Feature:
    return Feature(
        name=measure.name,
        groups=(measure.group, "measured"),
        keys=("encoder", *keys),
        words=measure.words,
        unit=measure.unit,
        low=measure.low,
        high=measure.high,
        missing="not measured (metaselect features compute)",
        source=measure.source,
        values=values,
    )


def _of_task(measure: Measure) -> list[Feature]:
    own = _looked_up(measure, {"task": "intermediate"})
    feature = replace(
        _feature(measure, ("intermediate",), own),
        name=f"{measure.name}_intermediate",
        words=f"{measure.words} of the intermediate",
    )
    if measure.name not in _WITH_GAP:
        return [feature]
    spread = measure.high - measure.low
    gap = replace(
        feature,
        name=f"{measure.name}_gap",
        keys=("encoder", "intermediate", "target"),
        words=f"{measure.words} of the intermediate less the target's",
        low=-spread,
        high=spread,
        values=_gap(own, _looked_up(measure, {"task": "target"})),
    )
    return [feature, gap]


def _one(columns: Mapping[str, str]) -> Callable[[Measure], list[Feature]]:
    keys = tuple(columns.values())
    return lambda measure: [_feature(measure, keys, _looked_up(measure, columns))]


_MAKERS: Mapping[Of, Callable[[Measure], list[Feature]]] = {
    "task": _of_task,
    "pair": _one({"task": "intermediate", "target": "target"}),
    "task in language": _one({"task": "intermediate", "language": "language"}),
    "target in language": _one({"task": "target", "language": "language"}),
    "language": _one({"language": "language"}),
}

FEATURES: tuple[Feature, ...] = tuple(
    feature for measure in MEASURES for feature in _MAKERS[measure.of](measure)
)
"""Every measure as a feature; the registry takes those of `IN_RANKER`."""

RANKED: tuple[Feature, ...] = tuple(
    feature for name in IN_RANKER for feature in _MAKERS[BY_NAME[name].of](BY_NAME[name])
)
