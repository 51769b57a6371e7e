"""Published difficulty of tasks: higher is harder, for every feature here.

Which score one picks decides the sign of the answer, so several stand side by side: SuperGLUE
headroom (human minus BERT), the chance-normalised error of RoBERTa-large, and the Rasch
difficulty fitted on the responses of 18 encoders (Vania et al. 2021).
"""

from collections.abc import Callable
from dataclasses import dataclass

from metaselect.catalogue.tasks import TaskCard
from metaselect.features.base import Feature
from metaselect.features.size import gap_of_cards, of_card

_MISSING = "no published value for the task"


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    score: str
    words: str
    unit: str
    low: float
    high: float
    source: str


_MEASURES = (
    _Measure(
        "rasch",
        "rasch_b",
        "item-response difficulty",
        "logits",
        -8.0,
        8.0,
        "Rasch b, mean over items; responses of Vania et al. 2021",
    ),
    _Measure(
        "error",
        "error_normalised_roberta",
        "RoBERTa-large's error, corrected for chance,",
        "",
        -1.0,
        2.0,
        "1 - (accuracy - chance) / (1 - chance), RoBERTa-large; Vania et al. 2021, fairseq",
    ),
    _Measure(
        "headroom",
        "headroom",
        "distance of BERT from people",
        "",
        -1.0,
        2.0,
        "(human - BERT) / (human - majority); SuperGLUE (Wang et al. 2019)",
    ),
)


def _reader(score: str) -> Callable[[TaskCard], float | None]:
    return lambda card: card.score(score)


def _features(measure: _Measure) -> tuple[Feature, ...]:
    read = _reader(measure.score)
    spread = measure.high - measure.low
    return (
        Feature(
            name=f"{measure.name}_intermediate",
            groups=("difficulty",),
            keys=("intermediate",),
            words=f"{measure.words} of the intermediate",
            unit=measure.unit,
            low=measure.low,
            high=measure.high,
            missing=_MISSING,
            source=measure.source,
            values=of_card("intermediate", read),
        ),
        Feature(
            name=f"{measure.name}_gap",
            groups=("difficulty",),
            keys=("intermediate", "target"),
            words=f"{measure.words} of the intermediate less the target's",
            unit=measure.unit,
            low=-spread,
            high=spread,
            missing=f"{_MISSING}, intermediate or target",
            source=measure.source,
            values=gap_of_cards(read),
        ),
    )


FEATURES = (
    *(feature for measure in _MEASURES for feature in _features(measure)),
    Feature(
        name="discrimination_intermediate",
        groups=("difficulty",),
        keys=("intermediate",),
        words="how well the intermediate's items tell strong from weak encoders",
        unit="",
        low=-1.0,
        high=1.0,
        missing=_MISSING,
        source="mean item-total correlation; responses of Vania et al. 2021",
        values=of_card("intermediate", _reader("item_total_r")),
    ),
)
