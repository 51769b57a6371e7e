"""The page in a headless Chromium: no error, no request, accessible, and it chooses as it says."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from metaselect.cli.rank_shown import record_of
from metaselect.report.page import write_report
from metaselect.selector.doubts import doubts_of

pytestmark = pytest.mark.slow
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SHOTS = "METASELECT_TEST_SHOTS"  # folder to keep screenshots in, to look at them
SIZES = {"desktop": (1400, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser():
    """A Chromium, or the reason why there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH (Debian's package is chromium)")
    for name in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: it comes with metaselect[browser]")
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(several, tmp_path_factory):
    return write_report(tmp_path_factory.mktemp("report"), several).as_uri()


class Opened:
    """A page that is open, and what the browser said and asked meanwhile."""

    def __init__(self, page, address):
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready]", timeout=30_000)

    def keep(self, name):
        """Keep a screenshot where someone wants to look at it."""
        if folder := os.environ.get(SHOTS):
            self.page.screenshot(path=Path(folder, f"{name}.png"))

    def choose_language(self, text):
        self.page.focus("#language")
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def rows(self):
        return self.page.eval_on_selector_all(
            "#ranking tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )


@pytest.fixture(params=[f"{size}-{scheme}" for size in SIZES for scheme in ("light", "dark")])
def opened(request, browser, address):
    """The page at a desktop's and a phone's width, light and dark."""
    size, scheme = request.param.split("-")
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        bypass_csp=True,  # for axe, which is put into the page
    )
    yield Opened(context.new_page(), address)
    context.close()


@pytest.fixture
def strict(browser, address):
    """The page under its own security policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Opened(context.new_page(), address)
    context.close()


def test_axe_finds_no_fault_at_any_width_or_in_any_colours(opened, request):
    from axe_playwright_python.sync_playwright import Axe

    name = request.node.callspec.params["opened"]
    opened.keep(f"{name}-top")
    opened.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = Axe().run(opened.page)
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) >= 20
    assert opened.said == []


def test_a_closed_page_is_short_and_open_nothing_is_wider_than_the_screen(opened):
    height = opened.page.evaluate("document.documentElement.scrollHeight / innerHeight")
    assert height < (6 if opened.page.viewport_size["width"] > 1000 else 12)
    opened.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    opened.page.wait_for_timeout(200)  # for what watches sizes
    wide = opened.page.eval_on_selector_all(
        ".scroll", "boxes => boxes.map(box => [box.scrollWidth > box.clientWidth + 1,"
        " getComputedStyle(box, '::before').content !== 'none'])"
    )  # fmt: skip
    assert len(wide) > 10
    assert all(scrolls == told for scrolls, told in wide)
    wider = opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0


def test_the_page_speaks_to_nobody_and_its_console_is_empty(strict):
    strict.choose_language("zulu")
    strict.page.select_option("#target", index=3)
    strict.page.select_option("#study", index=1)
    assert strict.said == []
    assert [url for url in strict.asked if not url.startswith(("file:", "data:"))] == []


def test_a_choice_shows_the_ranking_that_rank_gives(strict, several):
    selector = several.selector
    for number, study in enumerate([None, *selector.training_.encoder_by_study]):
        strict.page.select_option("#study", index=number)
        strict.page.select_option("#target", label="xquad")
        strict.choose_language("hindi")
        ranked = selector.rank(target="xquad", languages=["hi"], study=study)
        shown = strict.rows()
        names = [row[1].removesuffix("choice") for row in shown]
        by_name = ranked.set_index("intermediate")["gain"]
        assert sorted(names) == sorted(by_name.index)
        # best first, but for gains that the page's rounding to 0.001 points makes alike
        assert by_name[names].tolist() == pytest.approx(ranked["gain"].tolist(), abs=2e-5)
        gains = [float(row[3]) / 100 for row in shown]
        assert gains == pytest.approx(by_name[names].tolist(), abs=1e-4)
        own = several.runs if study is None else several.runs[several.runs["study"] == study]
        doubts = doubts_of(
            several.runs, "xquad", ranked["intermediate"], selector.catalogue, study=study
        )
        record = record_of(ranked, "xquad", "mean", own, doubts=doubts, simulated=True)
        status = strict.page.text_content("#ranking-status")
        assert status.startswith("xquad in Hindi (hi)")
        assert status.endswith(record["answer"])
        assert (study or "xquad") in status
        by_name = {entry["intermediate"]: entry["measured"] for entry in record["ranking"]}
        measured = [by_name[name] for name in names]
        assert any(measured)
        for row, found in zip(shown, measured, strict=True):
            gain = float(row[6].split()[0]) / 100 if row[6] else None
            assert gain == (found and pytest.approx(found["gain"], abs=6e-5))
            assert not found or row[6].endswith(f"({found['n_seeds']})")


def test_gains_whose_intervals_reach_0_are_grey_and_a_choice_is_marked_once(strict):
    for target in ("xquad", "udpos"):
        strict.page.select_option("#target", label=target)
        rows = strict.page.eval_on_selector_all(
            "#ranking tr", "rows => rows.map(row => [row.className, row.cells[4].textContent])"
        )
        for kind, interval in rows:
            ends = [float(end) for end in interval.split(" to ")] if " to " in interval else None
            assert ("unclear" in kind) == (ends is not None and ends[0] <= 0 <= ends[1])
        assert sum("chosen" in kind for kind, _ in rows) <= 1


def test_reasons_sum_to_what_sets_a_candidate_apart(strict):
    for number in range(3):
        strict.page.select_option("#study", index=number)
        gains = {row[1].removesuffix("choice"): float(row[3]) for row in strict.rows()}
        reasons = strict.page.eval_on_selector_all(
            "#reasons tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
        assert len(reasons) == len(gains) - 1  # `direct` has none
        apart = [gains[row[0]] - sum(map(float, row[1:])) for row in reasons]
        # what is left is one constant, but for rounding to a hundredth of a point in each group
        assert max(apart) - min(apart) < 0.1


def test_a_language_is_found_by_keys_alone(strict):
    strict.page.focus("#language")
    strict.page.keyboard.press("Control+A")
    strict.page.keyboard.type("yorub")
    strict.keep("combobox")
    assert strict.page.get_attribute("#language", "aria-expanded") == "true"
    strict.page.keyboard.press("Enter")
    assert strict.page.input_value("#language") == "Yoruba (yo)"
    strict.page.select_option("#study", index=2)
    strict.keep("encoder-chosen")
