"""The page shows what `rank` computes: every candidate, its gain, interval, chance and reasons."""

import re

import numpy as np
import pandas as pd
import pytest

from metaselect.features.base import GROUPS
from metaselect.report.expected import ExpectedGains, expected_gains, page_targets
from metaselect.report.page import ReportContent
from metaselect.selector.selector import TaskSelector
from metaselect.selector.shipped import shipped_predictor

LANGUAGES = ("sw", "ta", "de")
REASON = re.compile(r"([+-]\d+\.\d) points, (\w+): ")


@pytest.fixture(scope="module")
def selector() -> TaskSelector:
    return TaskSelector.from_pretrained(str(shipped_predictor()))


def test_the_page_s_numbers_are_those_of_rank_for_every_candidate(selector: TaskSelector) -> None:
    targets = page_targets(selector)
    page = expected_gains(selector, targets=targets, languages=LANGUAGES)
    n_reasons = 0
    for at, target in enumerate(targets):
        table = selector.rank(target=target, languages=LANGUAGES)
        n_reasons += _same(page, at, table)
        best = table[table["rank"] == 1].set_index("language")["gain"]
        for place, language in enumerate(LANGUAGES):
            first = page.order(0, at, place)[0]
            assert page.gains[0, at, place, first] == best[language]
    assert n_reasons > len(targets) * len(LANGUAGES)
    assert set(page.groups) <= set(GROUPS)
    # A target that is a candidate too has no gain as its own intermediate, and all others have one.
    n_own = sum(target in page.candidates for target in targets)
    assert np.isnan(page.gains).sum() == n_own * len(LANGUAGES) * len(page.studies)


def test_the_encoder_of_each_study_has_the_gains_that_rank_gives_it(several: ReportContent) -> None:
    selector = several.selector
    page = expected_gains(selector, targets=["xnli"], languages=LANGUAGES)
    assert page.studies == ("", *selector.training_.encoder_by_study)
    assert len(page.studies) == 3
    for number, study in enumerate(page.studies[1:], start=1):
        table = selector.rank(target="xnli", languages=LANGUAGES, study=study)
        table = table.set_index(["language", "intermediate"])
        for place, language in enumerate(LANGUAGES):
            rows = table.loc[[(language, name) for name in page.candidates]]
            assert page.gains[number, 0, place] == pytest.approx(rows["gain"].to_numpy())
            assert page.p_positive[number, 0, place] == pytest.approx(rows["p_positive"].to_numpy())


def test_a_target_is_no_candidate_for_itself_as_in_rank(selector: TaskSelector) -> None:
    both = selector.training_.intermediates[:2]
    page = expected_gains(selector, targets=both, languages=LANGUAGES)
    for at, target in enumerate(page.targets):
        table = selector.rank(target=target, languages=LANGUAGES)
        assert target not in set(table["intermediate"])
        assert _same(page, at, table) > 0
        own = page.candidates.index(target)
        assert np.isnan(page.gains[0, at, :, own]).all()
        assert all(own not in page.order(0, at, place) for place in range(len(LANGUAGES)))


def _same(page: ExpectedGains, at: int, table: pd.DataFrame) -> int:
    """Check every row of a ranking against the page's arrays; how many reasons there were."""
    n_reasons = 0
    for row in table.to_dict("records"):
        number = page.candidates.index(row["intermediate"])
        cell = (at, page.languages.index(row["language"]), number)
        assert page.gains[0][cell] == pytest.approx(row["gain"], abs=1e-12)
        assert page.p_positive[0][cell] == pytest.approx(row["p_positive"], abs=1e-12)
        half = (row["high"] - row["low"]) / 2
        assert page.half_widths[at, number] == pytest.approx(half, abs=1e-12)
        for added, group in REASON.findall("; ".join(row["reasons"])):
            own = page.reasons[page.groups.index(group)][cell]
            assert f"{own * 100:+.1f}" == added
            n_reasons += 1
    return n_reasons
