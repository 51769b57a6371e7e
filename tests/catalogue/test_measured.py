"""Tables of measured values: read, looked up, written, refused."""

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.catalogue.measured import (
    Measured,
    Value,
    measured_text,
    parse_measured,
    read_measured,
)
from metaselect.errors import MetaselectError

HEAD = "measure,encoder,task,target,language,value,seconds\n"


def value(number, *, encoder="e", measure="drift", task="mnli", target="", language="sw"):
    return Value(measure, encoder, task, target, language, number, 1.0)


def test_the_encoder_s_own_value_is_taken_else_the_mean_of_others() -> None:
    table = Measured([value(0.2), value(0.4, encoder="f")])
    asked = {"task": "mnli", "language": "sw"}
    assert table.of("drift", encoder="f", **asked) == 0.4
    assert table.of("drift", encoder="new", **asked) == pytest.approx(0.3)
    assert table.of("drift", encoder="e", task="mnli", language="fi") is None
    assert table.of("alignment", encoder="e", **asked) is None


def test_later_values_win_and_others_stay() -> None:
    table = Measured([value(0.2), value(0.1, language="fi")]).joined([value(0.5)])
    assert len(table) == 2
    assert table.of("drift", encoder="e", task="mnli", language="sw") == 0.5


def test_gaps_are_filled_without_touching_what_is_known() -> None:
    known = Measured([value(0.2)])
    table = known.filled_from([value(0.8, encoder="f"), value(0.6, language="fi")])
    assert table.of("drift", encoder="new", task="mnli", language="sw") == 0.2
    assert table.of("drift", encoder="new", task="mnli", language="fi") == 0.6


def test_a_table_is_written_sorted_and_read_back() -> None:
    values = [value(0.25), value(-1.5, measure="alignment"), value(3.0, language="no")]
    text = measured_text(values)
    assert text == measured_text(reversed(values))
    assert set(parse_measured(text, where="it")) == set(values)
    assert text.splitlines()[1] == "alignment,e,mnli,,sw,-1.5,1"


def test_names_that_would_break_a_line_are_refused() -> None:
    with pytest.raises(ValueError, match="commas"):
        measured_text([value(1.0, task="a,b")])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2\n", "its columns are to be"),
        (HEAD + "drift,e,mnli,,sw,high,1\n", "line 2: could not convert"),
        (HEAD + "drift,e,mnli,,sw,nan,1\n", "line 2: value and seconds are finite"),
        (HEAD + "drift,e,mnli,,sw,1,nan\n", "line 2: value and seconds are finite"),
        (HEAD + "drift,e,mnli,,sw,1,1,more\n", "line 2: more cells than columns"),
        (HEAD + "drift,e,mnli\n", "line 2"),
        ("", "is no table of measured values"),
    ],
)
def test_broken_tables_are_refused(text, reason, tmp_path) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(text)
    with pytest.raises(MetaselectError, match=reason):
        read_measured(path)


def test_a_missing_table_says_so(tmp_path) -> None:
    with pytest.raises(MetaselectError, match="Cannot read measured values"):
        read_measured(tmp_path / "none.csv")


def test_the_catalogue_takes_a_user_s_values_over_its_own(tmp_path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("# made by me\n" + HEAD + "drift,mine,mnli,,sw,0.75,2\n")
    catalogue = load_catalogue(None, path)
    assert catalogue.measured.of("drift", encoder="mine", task="mnli", language="sw") == 0.75
    assert set(catalogue) == set(load_catalogue(None))


def test_a_cell_longer_than_csv_takes_is_refused() -> None:
    with pytest.raises(MetaselectError, match=r"here is no CSV: field larger"):
        parse_measured(HEAD + "d" * 140_000 + ",e,,,,1,1\n", where="here")
