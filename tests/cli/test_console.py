import io
import json
import re
import sys
import threading

import pytest

from metaselect.cli.console import (
    print_json,
    print_table,
    quiet_stopped_pools,
    ready_streams,
    say,
    warn,
)


def _stdout(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    return stream.buffer


def test_json_is_one_line_on_stdout(capsys):
    print_json({"items": ["a\nb", None, 0.5]})
    out, err = capsys.readouterr()
    assert (out, err) == ('{"items": ["a\\nb", null, 0.5]}\n', "")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_never_has_what_json_has_no_word_for(capsys, number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"gain": number})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", '["Yorùbá →"]\n'),
        ("UTF8", '["Yorùbá →"]\n'),
        ("ascii", '["Yor\\u00f9b\\u00e1 \\u2192"]\n'),
        ("latin-1", '["Yor\\u00f9b\\u00e1 \\u2192"]\n'),
    ],
)
def test_json_is_readable_in_every_encoding(monkeypatch, encoding, written):
    buffer = _stdout(monkeypatch, encoding)
    print_json(["Yorùbá →"])
    assert buffer.getvalue().decode(encoding) == written
    assert json.loads(written) == ["Yorùbá →"]


def test_a_table_pipes_as_plain_text_with_its_title_unbroken(capsys):
    title = "a title that is much longer than its narrow table [of one column]"
    print_table(title, ["name", ">size"], [["[red]rte[/red]", "2"], ["mnli", "300"]], note="[end]")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == title
    assert [line.rstrip() for line in lines[1:]] == [
        "name            size",
        "[red]rte[/red]     2",
        "mnli             300",
        "[end]",
    ]


def test_long_cells_are_not_broken_where_programs_read(capsys):
    print_table("t", ["why", "n"], [["word " * 100 + "end", "1"]])
    assert capsys.readouterr().out.splitlines()[2] == "word " * 100 + "end  1"


def test_wide_letters_keep_columns_in_line(capsys):
    print_table("t", ["name", "code"], [["한국어", "ko"], ["German", "de"]])  # two cells a letter
    assert capsys.readouterr().out.splitlines()[1:] == ["name    code", "한국어  ko", "German  de"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("n_rows", "longest"), [(2, 40), (1000, 99)])
def test_a_terminal_gets_a_table_that_fits_unless_it_is_endless(monkeypatch, n_rows, longest):
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    print_table("t", ["why"], [["[b]word " * 12 + "end"]] * n_rows)  # 8 * 12 + 3 letters
    text = re.sub(r"\x1b\[\d*m", "", terminal.getvalue())  # heads are bold
    assert max(map(len, text.splitlines())) <= longest
    assert text.count("end") == n_rows
    assert "[b]word" in text


def test_progress_and_warnings_go_to_stderr(capsys):
    say("1/3 folds")
    warn(["few runs", "no card"])
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "1/3 folds\nwarning: few runs\nwarning: no card\n"


def test_streams_take_any_text_once_made_ready(monkeypatch):
    buffer = _stdout(monkeypatch, "ascii")
    monkeypatch.setattr(sys, "stderr", None)
    ready_streams()
    print("– and \udcff")
    say("into nothing")
    assert buffer.getvalue() == b"\\u2013 and \\udcff\n"
    sys.stderr.close()


@pytest.mark.parametrize(
    ("thread", "failure", "told"),
    [
        ("ExecutorManagerThread", {}.__getitem__, False),  # as loky's, stopped with jobs waiting
        ("ExecutorManagerThread", [].__getitem__, True),
        ("another", {}.__getitem__, True),
    ],
)
def test_only_a_stopped_pool_fails_in_silence(monkeypatch, capsys, thread, failure, told):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # put back after
    quiet_stopped_pools()
    failing = threading.Thread(name=thread, target=failure, args=(6,))
    failing.start()
    failing.join()
    assert ("Traceback" in capsys.readouterr().err) == told
