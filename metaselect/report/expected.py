"""Expected gains of every candidate for many targets and languages at once, as `rank` has them."""

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

    A target is no candidate for itself: its numbers are NaN there.

    Attributes:
        studies: Whose encoder each plane of gains is for: the training study where there is one;
            where there are several, none in particular (an empty text), then each of them.
        targets, languages, candidates: Names and codes, in the order of the arrays.
        groups: Feature groups that the selector uses.
        gains: Expected gain, shape (n_studies, n_targets, n_languages, n_candidates); 0 for
            `direct`.
        p_positive: Probability that the gain is above 0, same shape.
        half_widths: Of a candidate's interval, shape (n_targets, n_candidates), the same in every
            language and study; NaN where none is possible.
        reasons: What each of the groups adds to a candidate's gain beyond the mean of its
            query's candidates, for the first study, shape (n_groups, n_targets, n_languages,
            n_candidates). A product of features counts half for either group.
    """

    studies: tuple[str, ...]
    targets: tuple[str, ...]
    languages: tuple[str, ...]
    candidates: tuple[str, ...]
    groups: tuple[Group, ...]
    gains: Floats
    p_positive: Floats
    half_widths: Floats
    reasons: Floats

    def order(self, study: int, target: int, language: int) -> list[int]:
        """Positions of a query's candidates, best first; ties keep their order."""
        gains = self.gains[study, target, language]
        order = np.argsort(-gains, kind="stable")  # NaN comes last
        return [int(at) for at in order if not np.isnan(gains[at])]


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
    training = selector.training_
    if training is None:
        raise ValueError("expected gains need a fitted selector")
    candidates, groups = (*training.intermediates, DIRECT), selector.groups
    known = tuple(training.encoder_by_study)
    studies = known if len(known) == 1 else ("", *known)
    shape = (len(targets), len(languages), len(candidates))
    gains, p_positive = np.full((2, len(studies), *shape), np.nan)
    half_widths = np.full((len(targets), len(candidates)), np.nan)
    reasons = np.full((len(groups), *shape), np.nan)
    for number, study in enumerate(studies):
        for predictor, rows in _parts(selector, training, targets, languages, study):
            columns = (("target", targets), ("language", languages), ("intermediate", candidates))
            places = tuple(
                pd.Index(names).get_indexer(pd.Index(rows[key])) for key, names in columns
            )
            found = predictor.predict(rows)
            gains[number][places] = found.gain
            p_positive[number][places] = found.p_positive
            if number == 0:
                half_widths[places[0], places[2]] = found.half_width
                parts = predictor.contributions(found)
                for plane, added in zip(reasons, _by_group(parts, groups), strict=True):
                    plane[places] = added
    reasons -= np.nanmean(reasons, axis=-1, keepdims=True)
    reasons[..., -1] = 0.0  # `direct` stands where it stands by definition
    names = (studies, tuple(targets), tuple(languages), candidates, groups)
    return ExpectedGains(*names, gains, p_positive, half_widths, reasons)


def _parts(
    selector: TaskSelector,
    training: TrainingSummary,
    targets: Sequence[str],
    languages: Sequence[str],
    study: str,
) -> Iterator[tuple[Predictor, pd.DataFrame]]:
    """Rows to predict, a piece at a time, with their predictor."""
    candidates = (*training.intermediates, DIRECT)
    protocol = {"study": study, "encoder": training.encoder_by_study.get(study, "")}
    predictors = [selector.predictor_for(target) for target in targets]
    step = max(_MOST_ROWS // (len(targets) * len(candidates)), 1)
    for predictor in {id(item): item for item in predictors}.values():
        own = [name for name, item in zip(targets, predictors, strict=True) if item is predictor]
        for start in range(0, len(languages), step):
            queries = pd.DataFrame(
                [(name, code) for name in own for code in languages[start : start + step]],
                columns=["target", "language"],
            ).assign(adaptation="", **protocol)
            rows = candidate_rows(queries, candidates, selector.catalogue)
            other = rows["intermediate"].astype("object") != rows["target"].astype("object")
            yield predictor, rows[other].reset_index(drop=True)


def _by_group(parts: pd.DataFrame, groups: Sequence[Group]) -> Floats:
    """Contributions summed by feature group, shape (n_groups, n_rows)."""
    shares = group_shares(list(parts.columns), groups)
    return np.asarray(shares @ parts.to_numpy(dtype=np.float64).T)
