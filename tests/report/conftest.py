import pytest

from metaselect.report.page import ReportContent, page_html
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.selector import TaskSelector
from tests.report.parts import ABLATION, EVALUATION, hostile_runs


@pytest.fixture(scope="session")
def content():
    """A report's content whose names try to leave their place in the page."""
    runs = hostile_runs()
    selector = TaskSelector(n_trials=1, n_folds=2, level=0.7, random_state=1).fit(runs)
    return ReportContent(runs, selector, (EVALUATION,), (ABLATION,))


@pytest.fixture(scope="session")
def several():
    """A report's content whose predictor knows two encoders, each from a study of its own."""
    runs = simulated_runs(seed=0, noise=0.005)
    few = runs["target"].isin(["xnli", "xquad", "udpos", "tatoeba"]) & (runs["seed"] == 0)
    runs = check_runs(runs[few].reset_index(drop=True), percent=False)
    selector = TaskSelector(n_trials=1, n_folds=2, level=0.7, random_state=1).fit(runs)
    return ReportContent(runs, selector, (EVALUATION,), (ABLATION,))


@pytest.fixture(scope="session")
def page(content):
    return page_html(content)
