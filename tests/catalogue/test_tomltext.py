"""Broken TOML is told in plain words, with its line."""

from pathlib import Path

import pytest

from metaselect.catalogue.tomltext import lines_of, one_of, read_text, tables_of
from metaselect.errors import MetaselectError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = 1\n[mine\n", "line 2, column 6, '[mine': a table's name stands between [ and ]"),
        ("a = [1\n[b]", "line 2, column 1, '[b]': a list before this lacks its ]"),
        ("a = True", "line 1, column 5, 'a = True': no value stands here; put texts between"),
        ("a = xnli", "line 1, column 5, 'a = xnli': no value stands here; put texts between"),
        ("a = 'x' 'y'", "line 1, column 9, \"a = 'x' 'y'\": something stands behind a value"),
        ("a = 1\na = 2\n", "line 2, column 6, 'a = 2': this name is there already; give it once"),
        ("[a]\n[a]\n", "line 2, column 3, '[a]': this table is there already; join the two"),
        ("a", "at its end, line 1, 'a': a setting is written name = value"),
        ('a = "x', "at its end, line 1, 'a = \"x': a text lacks the quotation marks"),
        ('a = "C:\\data"', '\\ starts a code in a text between ""; write \\\\, or put the text'),
        ("a = " + "9" * 5000, "a number has too many digits"),
        ("a = " + "[" * 5000, "lists or tables stand too deep in each other"),
        ("é = 1", "line 1, column 1, 'é = 1': allowed are name = value, [table]"),
    ],
)
def test_what_is_no_toml_is_one_line_that_says_where_and_what_to_do(text: str, told: str) -> None:
    with pytest.raises(MetaselectError) as refused:
        tables_of(text, where="grid.toml")
    line = str(refused.value)
    assert line.startswith("grid.toml is not TOML: ")
    assert told in line
    assert "\n" not in line
    assert "(at " not in line


def test_a_byte_order_mark_is_no_part_of_a_text_and_other_bytes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_text(path, what="it") == "a = 1"
    path.write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(MetaselectError, match=r"^Cannot read it: line 2 is not UTF-8 text; save"):
        read_text(path, what="it")


def test_settings_are_found_by_their_lines_in_tables_and_lists_of_tables() -> None:
    text = """a = 1
"b c" = [
  {x = 1},
]
[[budgets]]
name = "one"
[budgets.training]
steps = 3
[[budgets]]
training.steps = 4  # a comment
[d."e.f"]
"""
    found = lines_of(text)
    lines = {
        ("a",): 1, ("b c",): 2, ("budgets",): 5, ("budgets", 0): 5, ("budgets", 0, "name"): 6,
        ("budgets", 0, "training"): 7, ("budgets", 0, "training", "steps"): 8, ("budgets", 1): 9,
        ("budgets", 1, "training", "steps"): 10, ("d", "e.f"): 11,
    }  # fmt: skip
    assert found == lines


def test_a_choice_is_told_with_the_nearest() -> None:
    told = "one of mlflow, tensorboard, not 'MLFlo' (did you mean mlflow?)"
    assert one_of(["mlflow", "tensorboard"], "MLFlo") == told
    assert one_of(["last", "average"], 3) == "one of last, average, not 3"
