"""What a ranking is asked for: its target, candidates and study, checked against what is known."""

from collections.abc import Sequence

from metaselect.catalogue.languages import resolve_language
from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.table import is_untrained
from metaselect.selector.provenance import TrainingSummary


def check_target(target: str, training: TrainingSummary, catalogue: Catalogue) -> None:
    """Refuse a target that has no card and that no training run has, with the nearest names.

    Raises:
        MetaselectError: Nothing is known of it.
    """
    if target not in catalogue and target not in training.targets:
        _ = catalogue[target]  # raises, with the nearest names


def codes_of(languages: Sequence[str]) -> list[str]:
    """The catalogue's codes of the languages asked for.

    Raises:
        MetaselectError: None, an unknown one, or one text in place of a list.
    """
    if isinstance(languages, str):
        raise MetaselectError(f"languages is a list of codes: languages=[{languages!r}].")
    if not len(languages):
        raise MetaselectError("No language to rank for: give at least one code.")
    return [resolve_language(code).code for code in languages]


def candidates_for(
    target: str, asked: Sequence[str] | None, training: TrainingSummary, catalogue: Catalogue
) -> list[str]:
    """Intermediates to rank, `direct` last: those asked for, or those seen but the target.

    Args:
        target: Of the ranking.
        asked: Names, several tasks of a mixture joined by `+`; None takes those of training.
        training: What the predictor learnt from.
        catalogue: Task cards.

    Raises:
        MetaselectError: An unknown name, the control `direct+`, or a task without training data.
    """
    names = (
        [name for name in training.intermediates if name != target]
        if asked is None
        else list(asked)
    )
    if DIRECT_PLUS in names:
        raise MetaselectError(
            f"{DIRECT_PLUS} is a control, as many steps on the target alone: it is measured, never "
            "ranked. Leave it out of the candidates."
        )
    known = {*catalogue, *training.intermediates, DIRECT}
    for name in (name for name in names if name not in known):
        for part in catalogue.parts(name):
            _ = catalogue[part]  # raises, with the nearest names
    parts = catalogue.parts
    untrained = [name for name in names if any(is_untrained(p, catalogue) for p in parts(name))]
    if untrained:
        raise MetaselectError(
            f"{', '.join(untrained)}: no training data, so nothing can be fine-tuned on it "
            "first. Leave it out of the candidates."
        )
    return [*(name for name in dict.fromkeys(names) if name != DIRECT), DIRECT]


def study_for(asked: str | None, training: TrainingSummary) -> str:
    """The training study whose encoder is used; "" where several are pooled.

    Raises:
        MetaselectError: No study of training goes by that name.
    """
    studies = list(training.encoder_by_study)
    if asked is None:
        return studies[0] if len(studies) == 1 else ""
    if asked not in studies:
        raise MetaselectError(f"No training study {asked!r}; there are: {', '.join(studies)}.")
    return asked
