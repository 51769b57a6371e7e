"""The study's tables in the READMEs are those of its records."""

import importlib.util
import sys

import pytest

from tests.docs.pages import DOCS

BOUNDS = ("oracle", "ceiling")  # what no method can know
SCRIPT = DOCS.parent / "experiments" / "tables.py"


@pytest.fixture(scope="module")
def tables():
    sys.path.insert(0, str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("tables", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPT.parent))


def test_no_table_is_stale(tables, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    assert tables.main() == 0
    shown = "".join(page.read_text(encoding="utf-8") for page in tables.PAGES)
    assert all(f"<!-- table {name} -->" in shown for name in tables.TABLES)


def test_a_changed_digit_is_told_and_written_anew(tables, monkeypatch, tmp_path):
    whole = tables.PAGES[0].read_text(encoding="utf-8")
    row = tables.protocols().splitlines()[2]
    page = tmp_path / "page.md"
    page.write_text(whole.replace(row, row.replace("| target |", "| aim |")), encoding="utf-8")
    monkeypatch.setattr(tables, "PAGES", (page,))
    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    assert tables.main() == 1
    assert "| aim |" in page.read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["tables.py"])
    assert tables.main() == 0
    assert page.read_text(encoding="utf-8") == whole


def test_the_best_choice_is_bold_and_none_that_is_left_out_is_better(tables):
    names = [name for name, _ in tables._judged("evaluation")]
    for name, line in zip(names, tables.protocols().splitlines()[2:], strict=True):
        cells = line.strip("| ").split(" | ")[1 : 1 + len(tables._METHODS)]
        bold = {float(cell.strip("*")) for cell in cells if cell.startswith("**")}
        assert bold == {min(float(cell.strip("*")) for cell in cells if cell != "–")}
        methods = tables._record(f"evaluation-{name}")["methods"]
        known = [tables._regret(methods, other) for other in methods if other not in BOUNDS]
        assert bold == {min(float(regret) for regret in known if regret != "–")}
