import gzip
import json
import os
from pathlib import Path

import pytest

from metaselect.catalogue.cardfiles import cards_text, parse_cards, shipped_catalogue
from metaselect.catalogue.tasks import TaskCard

CARDS = shipped_catalogue()
PACK = Path(os.environ.get("METASELECT_PACK", Path(__file__).parents[3] / "shared" / "pack"))
XTREME = ["xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa_goldp", "bucc2018", "tatoeba"]
XTREME_R = [
    "xnli",
    "xcopa",
    "udpos",
    "panx",
    "xquad",
    "mlqa",
    "tydiqa_goldp",
    "tatoeba",
    "mewslix",
    "lareqa_xquad_r",
]
PHANG = [
    "anli_plus",
    "mnli",
    "qqp",
    "squad",
    "squad_v2",
    "hellaswag",
    "ccg",
    "cosmosqa",
    "commonsenseqa",
]
SUPERGLUE = ["boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"]
GLUE = ["cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli"]
TASKWEB = [
    "anli_r3",
    "boolq",
    "cb",
    "copa",
    "cosmosqa",
    "hellaswag",
    "imdb",
    "mrpc",
    "piqa",
    "qnli",
    "qqp",
    "quartz",
    "rotten_tomatoes",
    "rte",
    "scitail",
    "snli",
    "socialiqa",
    "squad_v2",
    "sst2",
    "stsb",
    "wic",
    "winogrande",
    "wsc",
]


def test_the_shipped_cards_are_ninety_one():
    assert len(CARDS) == 91


@pytest.mark.parametrize(
    ("benchmark", "names"),
    [
        ("xtreme", XTREME),
        ("xtreme_r", XTREME_R),
        ("phang2020", PHANG),
        ("superglue", SUPERGLUE),
        ("glue", GLUE),
        ("taskweb", TASKWEB),
    ],
)
def test_each_benchmark_is_there_whole(benchmark, names):
    found = [card.name for card in CARDS.values() if benchmark in card.benchmarks]
    assert sorted(found) == sorted(names)


def test_sharing_data_is_symmetric_and_names_cards():
    pairs = [(card.name, other) for card in CARDS.values() for other in card.same_source]
    assert len(pairs) == 130
    for name, other in pairs:
        assert name != other
        assert name in CARDS[other].same_source


def test_a_target_shares_data_with_the_task_that_it_trains_on():
    trained = {card.name: card.train_task for card in CARDS.values() if card.train_task}
    assert trained == {
        "xnli": "mnli",
        "americasnli": "mnli",
        "xcopa": "copa",
        "xquad": "squad",
        "mlqa": "squad",
        "lareqa_xquad_r": "squad",
        "afriqa": "squad",
        "nativeqa": "squad",
        "xnli_native": "mnli",
        "masakhapos": "udpos",
        "afrisenti": "umsab",
        "am2ico": "mclwic",
    }
    for target, source in trained.items():
        assert CARDS.share_source(source, target)
        assert CARDS[target].train_size == CARDS[source].train_size


def test_training_sizes_are_the_originals():
    # GLUE and SuperGLUE papers; the subsets that copies hold do not count
    sizes = {"mnli": 392_702, "cb": 250, "rte": 2_490, "sst2": 67_349, "squad": 87_599, "wsc": 554}
    assert {name: CARDS[name].train_size for name in sizes} == sizes


def test_chance_is_that_of_guessing():
    assert CARDS["mnli"].chance == pytest.approx(1 / 3)
    assert CARDS["commonsenseqa"].chance == pytest.approx(0.2)
    assert CARDS["xquad"].chance is None
    assert CARDS["record"].chance is None


def test_superglue_headroom_is_that_of_its_scores():
    checked = 0
    for name in SUPERGLUE:
        card = CARDS[name]
        human, bert, majority = (card.score(m) for m in ("human", "bert_large", "majority"))
        assert card.score("headroom") == pytest.approx(
            (human - bert) / (human - majority), abs=0.0006
        )
        checked += 1
    assert checked == 8


def test_squad_v2_has_no_item_response_difficulty():
    # its responses are coded as exact match, the others' otherwise
    assert CARDS["squad_v2"].score("rasch_b") is None
    assert CARDS["hellaswag"].score("rasch_b") == pytest.approx(1.565)


def test_errors_that_follow_from_a_published_score_are_its():
    signed = ("matthews_correlation", "mean(pearson,spearman)")
    derived = {
        card.name: score.value
        for card in CARDS.values()
        for score in card.scores
        if score.source == "fairseq_error"
    }
    assert set(derived) == {"cola", "mrpc", "qnli", "qqp", "squad", "squad_v2", "sst2", "stsb"}
    for name, value in derived.items():
        card = CARDS[name]
        chance = 0.0 if card.metric in signed else card.chance or 0.0
        published = card.score("roberta_large")
        assert value == pytest.approx(1 - (published - chance) / (1 - chance), abs=5e-4)


def test_every_score_lies_in_its_range():
    scores = [score for card in CARDS.values() for score in card.scores]
    # SuperGLUE 8 x 5, less ReCoRD's RoBERTa; 15 tasks x 6 of item responses; 32 of other sources,
    # 8 errors of RoBERTa-large that follow from these
    assert len(scores) == 39 + 90 + 32 + 8
    for score in scores:
        low, high = (-4, 4) if score.measure == "rasch_b" else (0, 1.2)
        assert low < score.value < high


def test_every_fact_that_has_a_source_is_a_field():
    named = [(card, field) for card in CARDS.values() for field in card.fact_sources]
    assert len(named) > 100
    for card, field in named:
        assert getattr(card, field) not in (None, ())


def test_hub_ids_have_a_namespace():
    hubs = [card.hub for card in CARDS.values() if card.hub is not None]
    assert len(hubs) == 48  # not anli_plus, ccg, sts_semeval
    assert all(hub.id.count("/") == 1 for hub in hubs)


def test_values_in_a_label_column_are_as_many_as_the_outcomes():
    checked = 0
    for card in CARDS.values():
        for layout in card.layouts:
            if layout.values:
                assert len(layout.values) == (card.n_choices or len(card.labels))
                checked += 1
    assert checked == 6


def _pack_tasks() -> list[Path]:
    if not PACK.is_dir():
        pytest.skip(f"no task data at {PACK}; METASELECT_PACK names the folder")
    return sorted(path.parent for path in PACK.glob("*/meta.json"))


def _first_row(path: Path) -> dict[str, object]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return json.loads(next(lines))


def test_every_local_file_fits_a_layout_of_its_card():
    tasks = _pack_tasks()
    assert len(tasks) == 81
    files = [path for task in tasks for path in sorted(task.glob("*.jsonl.gz"))]
    assert len(files) == 79 * 2 + 885  # train and validation (two tasks have none); test.<language>
    for path in files:
        card, row = CARDS[path.parent.name], _first_row(path)
        assert any(layout.columns <= set(row) for layout in card.layouts), path


def test_every_local_label_is_one_of_its_card():
    checked = 0
    for task in _pack_tasks():
        card: TaskCard = CARDS[task.name]
        row = _first_row(next(iter(sorted(task.glob("test.*"))), task / "train.jsonl.gz"))
        layout = next(layout for layout in card.layouts if layout.columns <= set(row))
        label = row[layout.label] if layout.label else None
        if card.head == "classification":
            assert label in card.labels if isinstance(label, str) else label in range(2)
        elif card.head == "multiple-choice":
            assert label in range(card.n_choices or 0)
        elif card.head == "tagging":
            assert isinstance(label, list)
            assert set(label) <= set(card.labels)
        else:
            continue
        checked += 1
    assert checked == 65  # all but 8 of extractive QA, 2 of retrieval, 6 of regression


def test_tasks_joined_by_a_plus_share_the_data_of_each():
    assert CARDS.share_source("sst2+mnli", "mnli")
    assert CARDS.share_training("xnli", "sst2+mnli")
    assert not CARDS.share_source("sst2+mnli", "squad")


def test_written_cards_are_read_as_they_were():
    cards = list(shipped_catalogue().values())
    assert parse_cards(cards_text(cards), where="written") == cards
