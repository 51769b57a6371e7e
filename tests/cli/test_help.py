"""Every command's help has an example that the command takes."""

import re

import pytest

from tests.cli.command_lines import check_command_line, every_command

COMMANDS = dict(every_command())


def test_the_walk_meets_every_command():
    assert len(COMMANDS) >= 14
    assert {"metaselect", "metaselect runs", "metaselect runs import", "metaselect doctor"} <= set(
        COMMANDS
    )


def _examples(text):
    """Command lines after `Example`, whatever the help's line breaks."""
    after = " ".join(re.split(r"Examples?:", text, maxsplit=1)[1].split())
    lines = re.split(r"(?:; )|(?= Arguments:| Options:| Commands:)", after)
    return [line.strip() for line in lines if line.strip().startswith("metaselect")]


@pytest.mark.parametrize("words", COMMANDS)
def test_the_help_has_an_example_that_the_command_takes(call, words):
    done = call(*words.split()[1:], "--help")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"Examples?:", done.out), done.out
    named = [check_command_line(line) for line in _examples(done.out)]
    assert named
    assert all(name.startswith(words) for name in named)


def test_an_unknown_option_in_a_line_is_noticed():
    with pytest.raises(Exception, match="--colour"):
        check_command_line("metaselect rank --target xnli --language sw --colour red")
    with pytest.raises(Exception, match="budget"):
        check_command_line("metaselect plan")
