"""The study's tables in the READMEs are those of its records."""

import importlib.util
import sys

import pytest

from tests.docs.pages import DOCS

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


def test_the_best_choice_is_bold(tables):
    for line in tables.protocols().splitlines()[2:]:
        cells = line.strip("| ").split(" | ")[1:6]  # random to ranker
        bold = {float(cell.strip("*")) for cell in cells if cell.startswith("**")}
        assert bold == {min(float(cell.strip("*")) for cell in cells if cell != "–")}
