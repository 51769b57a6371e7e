import pytest

from metaselect.catalogue.cardfiles import load_catalogue, parse_cards
from metaselect.catalogue.tasks import Catalogue, Layout
from metaselect.errors import MetaselectError, UnknownName

CARD = """
[sources]
paper = "A paper, table 2"

[mine]
title = "My task"
kind = "nli"
head = "classification"
metric = "accuracy"
labels = ["no", "yes"]
same_source = ["other"]
scores = [{measure = "human", value = 0.9, source = "paper"}]
"""


def _card(**lines):
    text = CARD
    for field, value in lines.items():
        text += f"{field} = {value}\n"
    return text


def test_a_card_is_read_with_its_scores():
    [card] = parse_cards(CARD, where="mine.toml")
    assert (card.name, card.kind, card.chance, card.languages) == ("mine", "nli", 0.5, ("en",))
    assert card.score("human") == 0.9
    assert card.score("majority") is None


def test_a_layout_names_its_top_level_columns():
    layout = Layout(text=("question",), choices=("choices.text",), label="answerKey")
    assert layout.columns == {"question", "choices", "answerKey"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("not toml", "is not TOML"),
        (_card(colour='"red"'), r"\[mine\] colour"),
        (
            CARD.replace('"nli"', '"nonsense"'),
            r"\[mine\] kind \(line 7\): one of .*, paraphrase, .* not 'nonsense'",
        ),
        (CARD.replace('source = "paper"', 'source = "nowhere"'), "'nowhere' is not in"),
        (CARD.replace("[mine]", '["../mine"]'), "task names start with"),
        (CARD.replace("[mine]", '[""]'), "task names start with"),
        (CARD.replace("[mine]", "[direct]"), "are not 'direct'"),
        (_card(name='"other"'), "the table's own name is the task's"),
        ("mine = 1", "a table of one task, not 1"),
        ("sources = 1\n[mine]\nkind = 1", r"\[sources\] \(line 1\): a table of key = \"text\""),
    ],
)
def test_a_fault_of_a_card_is_named(text, fault):
    with pytest.raises(MetaselectError, match=fault):
        parse_cards(text, where="mine.toml")


def test_every_fault_is_listed_at_once():
    text = CARD.replace('"accuracy"', "1") + "[second]\nkind = 2\n"
    with pytest.raises(
        MetaselectError, match=r"(?s)\[mine\] metric.*\[second\] kind.*\[second\] head"
    ):
        parse_cards(text, where="mine.toml")


def test_an_unknown_task_is_refused_with_the_nearest():
    catalogue = Catalogue(parse_cards(CARD, where="mine.toml"))
    with pytest.raises(UnknownName, match="Did you mean mine"):
        catalogue["mime"]
    assert catalogue.find("mime") is None
    assert "mime" not in catalogue


def test_sharing_data_is_known_from_either_side():
    catalogue = Catalogue(parse_cards(CARD, where="mine.toml"))
    assert catalogue.share_source("mine", "other")
    assert catalogue.share_source("other", "mine")
    assert catalogue.share_source("absent", "absent")
    assert not catalogue.share_source("mine", "third")


def test_a_users_cards_join_the_shipped_ones_and_win(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(CARD + CARD.split("[mine]")[1].join(["[rte]", ""]), encoding="utf-8")
    catalogue = load_catalogue(path)
    assert catalogue["mine"].title == catalogue["rte"].title == "My task"
    assert len(catalogue) == len(load_catalogue(None)) + 1


def test_a_missing_file_of_cards_is_refused(tmp_path):
    with pytest.raises(MetaselectError, match="Cannot read task cards"):
        load_catalogue(tmp_path / "absent.toml")


SHIPPED = load_catalogue(None)


def test_clusters_join_targets_that_share_data_along_chains():
    names = ["xquad", "qnli", "stsb", "sts_semeval", "xnli", "tatoeba", "bucc2018", "nowhere"]
    expected = {
        **dict.fromkeys(["xquad", "qnli"], "qnli"),
        **dict.fromkeys(["stsb", "sts_semeval"], "sts_semeval"),
        **dict.fromkeys(["tatoeba", "bucc2018"], "sentence-retrieval"),
        **{"xnli": "mnli", "nowhere": "nowhere"},
    }
    assert SHIPPED.clusters(names) == SHIPPED.clusters(names[::-1]) == expected


def test_a_collection_joins_its_parts_only_where_it_is_a_target():
    parts = ["snli", "xnli", "anli_r3"]
    assert SHIPPED.clusters(parts) == {"snli": "snli", "xnli": "mnli", "anli_r3": "anli_r3"}
    assert set(SHIPPED.clusters([*parts, "anli_plus"]).values()) == {"anli_plus"}


def test_no_two_clusters_share_data():
    found = SHIPPED.clusters(SHIPPED)
    for first in SHIPPED:
        for second in SHIPPED:
            assert found[first] == found[second] or not SHIPPED.share_source(first, second)
