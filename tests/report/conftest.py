import pytest

from metaselect.report.page import ReportContent, page_html
from metaselect.selector import TaskSelector
from tests.report.parts import ABLATION, EVALUATION, hostile_runs


@pytest.fixture(scope="session")
def content():
    """A report's content whose names try to leave their place in the page."""
    runs = hostile_runs()
    selector = TaskSelector(n_trials=1, n_folds=2, level=0.7, random_state=1).fit(runs)
    return ReportContent(runs, selector, (EVALUATION,), (ABLATION,))


@pytest.fixture(scope="session")
def page(content):
    return page_html(content)
