import pytest

from metaselect.report.languages import page_languages


@pytest.fixture(scope="module")
def chosen():
    return page_languages(["sw", "zho_Hans", "quy"], n_most=130)


def test_languages_of_training_are_computed_first_under_their_canonical_codes(chosen):
    assert [item.code for item in chosen.computed[:3]] == ["sw", "zh", "quy"]
    assert len(chosen.computed) == 130
    assert chosen.seen == {"sw", "zh", "quy"}


def test_training_languages_are_computed_however_few_are_asked():
    found = page_languages(["sw", "ta", "te"], n_most=1)
    assert [item.code for item in found.computed] == ["sw", "ta", "te"]


def test_a_stand_in_shares_script_and_pretraining(chosen):
    pairs = [
        (item, chosen.computed[at]) for item, at in zip(chosen.listed, chosen.stand_in, strict=True)
    ]
    assert len(pairs) > 7000
    for item, other in pairs:
        assert (item.script == "Latn") == (other.script == "Latn"), (item.code, other.code)
        assert item.in_xlmr == other.in_xlmr, (item.code, other.code)


def test_a_stand_in_is_of_the_same_family_for_most_languages(chosen):
    same = [
        item.family == chosen.computed[at].family
        for item, at in zip(chosen.listed, chosen.stand_in, strict=True)
    ]
    assert sum(same) / len(same) > 0.7


def test_languages_are_listed_by_name(chosen):
    names = [item.name.lower() for item in chosen.listed]
    assert names == sorted(names)
