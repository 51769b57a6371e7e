"""What narrows the question of a record."""

import pytest

from metaselect.evaluation.words import restriction_options, restriction_words


@pytest.mark.parametrize(
    ("record", "words", "options"),
    [
        ({}, "", ""),
        ({"with_direct": True, "with_same_source": True}, "", ""),
        (
            {"with_direct": False, "with_same_source": True},
            ", the choice among intermediates alone",
            " --without-direct",
        ),
        (
            {"with_direct": False, "with_same_source": False},
            ", the choice among intermediates alone, without shared training data",
            " --without-direct --without-same-source",
        ),
    ],
)
def test_it_is_told_in_words_and_as_options(record, words, options):
    assert restriction_words(record) == words
    assert restriction_options(record) == options
    assert restriction_options({**record, "arms": {"size": {}}}) == f"{options} --ladder"
    assert restriction_options({**record, "arms": {"size alone": {}}}) == options
