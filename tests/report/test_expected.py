"""The page shows what `rank` computes: every candidate, its gain, interval and reasons."""

import re

import numpy as np
import pytest

from metaselect.features.base import GROUPS
from metaselect.report.expected import expected_gains, page_targets
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
        table = selector.rank(target=target, languages=LANGUAGES).set_index(
            ["language", "intermediate"]
        )
        for place, language in enumerate(LANGUAGES):
            for number, name in enumerate(page.candidates):
                row = table.loc[(language, name)]
                assert page.gains[at, place, number] == pytest.approx(row["gain"], abs=1e-12)
                half = (row["high"] - row["low"]) / 2
                assert page.half_widths[at, number] == pytest.approx(half, abs=1e-12)
                for added, group in REASON.findall("; ".join(row["reasons"])):
                    own = page.reasons[page.groups.index(group), at, place, number]
                    assert f"{own * 100:+.1f}" == added
                    n_reasons += 1
            best = page.candidates[page.order(at, place)[0]]
            assert table.loc[language].iloc[0]["gain"] == table.loc[(language, best), "gain"]
    assert n_reasons > len(targets) * len(LANGUAGES)
    assert set(page.groups) <= set(GROUPS)
    assert np.isfinite(page.gains).all()
