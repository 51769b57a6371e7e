import pytest

from metaselect.errors import MetaselectError, MissingExtra, UnknownName


def test_an_unknown_name_names_the_nearest_and_where_all_are_listed():
    error = UnknownName("task", "MNIL", ["mnli", "xnli", "squad"])
    assert str(error) == (
        "Unknown task 'MNIL'. Did you mean mnli? `metaselect ls tasks` lists all 3."
    )
    assert error.name == "MNIL"


def test_a_name_like_no_other_has_no_hint():
    error = UnknownName("study", "zzz", ["ours"])
    assert str(error) == "Unknown study 'zzz'. `metaselect ls studies` lists all 1."


def test_a_missing_extra_says_what_to_install():
    error = MissingExtra("Fine-tuning", "harness")
    told = "Fine-tuning needs more packages; in a clone: "
    assert str(error) == f"{told}pip install -c constraints.txt -e '.[harness]'"


@pytest.mark.parametrize("error", [UnknownName("task", "a", []), MissingExtra("a", "b")])
def test_what_a_user_can_fix_is_one_kind_of_error_of_one_line(error):
    assert isinstance(error, MetaselectError)
    assert "\n" not in str(error)
