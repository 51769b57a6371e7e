"""Expected gains of every candidate for many targets and languages at once, with their reasons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.tasks import DIRECT
from metaselect.features.base import Group
from metaselect.features.table import candidate_rows
from metaselect.ranking.predictor import Predictor
from metaselect.selector.explain import group_shares
from metaselect.selector.provenance import TrainingSummary
from metaselect.selector.selector import TaskSelector

Floats = npt.NDArray[np.float64]

_MOST_ROWS = 60_000  # at once: with features and contributions, about 100 MB
_BENCHMARK = "xtreme_r"  # its targets are ranked for, whether or not training saw them


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedGains:
    """What `TaskSelector.rank` says of many targets and languages.

    Attributes:
        targets, languages, candidates: Names and codes, in the order of the arrays.
        groups: Feature groups that the selector uses.
        gains: Expected gain, shape (n_targets, n_languages, n_candidates); 0 for `direct`.
        reasons: What each of the groups adds to a candidate's gain beyond the mean of its
            query's candidates, shape (n_groups, n_targets, n_languages, n_candidates). A product
            of features counts half for either group.
        half_widths: Of a candidate's interval, shape (n_targets, n_candidates), the same in every
            language; NaN where none is possible.
    """

    targets: tuple[str, ...]
    languages: tuple[str, ...]
    candidates: tuple[str, ...]
    groups: tuple[Group, ...]
    gains: Floats
    reasons: Floats
    half_widths: Floats

    def best(self, target: int) -> npt.NDArray[np.intp]:
        """Position of the best candidate in each language, `direct` among them."""
        return np.asarray(self.gains[target].argmax(axis=1), dtype=np.intp)

    def order(self, target: int, language: int) -> list[int]:
        """Positions of the candidates, best first; ties keep their order."""
        return [int(at) for at in np.argsort(-self.gains[target, language], kind="stable")]


def page_targets(selector: TaskSelector) -> tuple[str, ...]:
    """Targets that a page ranks for: those of training, then those of XTREME-R."""
    training = selector.training_
    seen = () if training is None else training.targets
    cards = selector.catalogue.values()
    return tuple(
        dict.fromkeys([*seen, *(card.name for card in cards if _BENCHMARK in card.benchmarks)])
    )


def expected_gains(
    selector: TaskSelector, *, targets: Sequence[str], languages: Sequence[str]
) -> ExpectedGains:
    """Gains of every training candidate, and `direct`, for targets in languages.

    Args:
        selector: Fitted.
        targets: Names with a card or seen in training.
        languages: Canonical codes.

    Raises:
        ValueError: The selector is not fitted.
    """
    training = _training(selector)
    candidates, groups = (*training.intermediates, DIRECT), selector.groups
    studies = list(training.encoder_by_study)
    study = studies[0] if len(studies) == 1 else ""
    shape = (len(targets), len(languages), len(candidates))
    gains, reasons = np.empty(shape), np.empty((len(groups), *shape))
    half_widths = np.empty((len(targets), len(candidates)))
    for predictor, rows, place in _parts(selector, targets, languages, study):
        gains[place] = predictor.expected(rows).reshape(gains[place].shape)
        by_group = _by_group(predictor, rows, groups)
        reasons[:, *place] = by_group.reshape(reasons[:, *place].shape)
        widths = predictor.half_widths(rows).reshape(gains[place].shape)
        half_widths[place[0]] = widths[:, 0]
    reasons -= reasons.mean(axis=-1, keepdims=True)
    reasons[..., -1] = 0.0  # `direct` stands where it stands by definition
    return ExpectedGains(
        tuple(targets), tuple(languages), candidates, groups, gains, reasons, half_widths
    )


def gains_by_study(
    selector: TaskSelector, *, targets: Sequence[str], languages: Sequence[str]
) -> Floats:
    """Gains for the encoder of each training study, shape (n_studies, ...) of `expected_gains`.

    No study where training had but one: its gains are what `expected_gains` gives.
    """
    training = _training(selector)
    studies = list(training.encoder_by_study)
    shape = (len(targets), len(languages), len(training.intermediates) + 1)
    if len(studies) == 1:
        return np.empty((0, *shape))
    gains = np.empty((len(studies), *shape))
    for number, study in enumerate(studies):
        for predictor, rows, place in _parts(selector, targets, languages, study):
            gains[number, *place] = predictor.expected(rows).reshape(gains[number, *place].shape)
    return gains


def _training(selector: TaskSelector) -> TrainingSummary:
    if selector.training_ is None:
        raise ValueError("expected gains need a fitted selector")
    return selector.training_


def _parts(
    selector: TaskSelector, targets: Sequence[str], languages: Sequence[str], study: str
) -> Iterator[tuple[Predictor, pd.DataFrame, tuple[npt.NDArray[np.intp], slice]]]:
    """Rows to predict, a piece at a time, with their predictor and their place in the arrays."""
    training = _training(selector)
    candidates = (*training.intermediates, DIRECT)
    protocol = {"study": study, "encoder": training.encoder_by_study.get(study, "")}
    predictors = [selector.predictor_for(target) for target in targets]
    step = max(_MOST_ROWS // (len(targets) * len(candidates)), 1)
    for predictor in {id(item): item for item in predictors}.values():
        places = np.array([at for at, item in enumerate(predictors) if item is predictor])
        for start in range(0, len(languages), step):
            codes = languages[start : start + step]
            queries = pd.DataFrame(
                [(targets[at], code) for at in places for code in codes],
                columns=["target", "language"],
            ).assign(adaptation="", **protocol)
            rows = candidate_rows(queries, candidates, selector.catalogue)
            yield predictor, rows, (places, slice(start, start + len(codes)))


def _by_group(predictor: Predictor, rows: pd.DataFrame, groups: Sequence[Group]) -> Floats:
    """Contributions summed by feature group, shape (n_groups, n_rows)."""
    parts = predictor.contributions(rows)
    shares = group_shares(list(parts.columns), groups)
    return np.asarray(shares @ parts.to_numpy(dtype=np.float64).T)
