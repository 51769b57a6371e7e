"""Every kind of head learns something that it can learn, and scores it by hand-made rules."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.data.rows import MultipleChoice, Pair, Question, Tagged
from metaselect.harness.recipe import Limits
from metaselect.harness.train.encoders import Encoder, load_tokenizer
from metaselect.harness.train.heads.pairs import encode_pairs
from metaselect.harness.train.heads.sequence import encode_choices
from metaselect.harness.train.heads.spans import best_span, encode_questions
from metaselect.harness.train.heads.tagging import encode_tagged
from tests.harness.conftest import qa_rows, sentences, translated, write_rows
from tests.harness.grids import run_tiny, tiny_config

LIMITS = Limits(max_length=32, query_length=12, stride=8, max_answer_length=8)
LEARN = {
    "batch_examples": 8, "learning_rate": 5e-3, "steps": 150, "max_length": 32, "stride": 8,
    "validation_rows": 12,
}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(encoder_folder: Path) -> Any:
    encoder = Encoder(
        name="tiny", path=str(encoder_folder), revision=None, n_layers=None, random_weights=False
    )
    return load_tokenizer(encoder)


def english_scores(folder: Path, data: Path, out: Path, **changes: Any) -> Mapping[str, float]:
    """Test scores in English of directly trained targets."""
    import pandas as pd

    config = tiny_config(folder, data, intermediates=["direct"], training=LEARN, **changes)
    result = run_tiny(config, out)
    assert result.failed == 0, result.failures
    table = pd.read_csv(result.table, keep_default_na=False)
    english = table[table["language"] == "en"]
    return dict(zip(english["target"], english["score"], strict=True))


def test_every_trained_head_learns_its_made_up_task(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    scores = english_scores(
        encoder_folder, data_folder, tmp_path / "out", targets=["xnli", "udpos", "xquad"]
    )
    assert scores["xnli"] > 0.9  # one word tells the label; chance is 1/3
    assert scores["udpos"] > 0.9  # one word, one tag; guessing NOUN gives less than 0.3
    assert scores["xquad"] > 0.7  # the last word but one; a random span of 12 words gives < 0.1


def test_regression_learns_and_is_scored_by_correlation(
    encoder_folder: Path, tmp_path: Path
) -> None:
    rows = [
        {"sentence1": f"the {noun} {verb} .", "sentence2": f"the {noun} is red .",
         "label": {"cat": 0.0, "dog": 2.5, "bird": 5.0}[noun]}
        for noun, verb, _ in sentences(36)
    ]  # fmt: skip
    for name in ("train", "test.en"):
        write_rows(tmp_path / "data" / "sts_semeval" / f"{name}.jsonl", rows)
    scores = english_scores(
        encoder_folder, tmp_path / "data", tmp_path / "out", targets=["sts_semeval"]
    )
    assert scores["sts_semeval"] > 0.9


def test_answer_retrieval_trains_on_squad_and_searches_all_languages(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    for code, foreign in (("en", False), ("de", True)):
        rows = [
            {"id": f"{noun}-{verb}", "question": f"where is the {noun} {verb} ?",
             "target_sentence": f"the {noun} {verb} in the park ."}
            for noun, verb, _ in list(sentences(9))
        ]  # fmt: skip
        if foreign:
            rows = [{key: row[key] if key == "id" else translated(row[key]) for key in row}
                    for row in rows]  # fmt: skip
        write_rows(data_folder / "lareqa_xquad_r" / f"test.{code}.jsonl", rows)
    scores = english_scores(
        encoder_folder, data_folder, tmp_path / "out", targets=["lareqa_xquad_r"]
    )
    # 9 questions, 18 candidates of which 2 are right: a random order gives about 0.2.
    assert scores["lareqa_xquad_r"] > 0.35


def mention(noun: str, verb: str) -> dict[str, Any]:
    """A mention in its context, as Mewsli-X's release nests it."""
    name = f"{noun} {verb}"
    span = {"start": 4, "end": 4 + len(name), "text": name}
    return {
        "context": {"document_title": "t", "language": "en", "text": f"the {name} in the park ."},
        "mention": {"example_id": "1", "mention_span": span, "entity_id": noun + verb},
    }


def test_entity_retrieval_searches_its_own_pool_of_candidates(
    encoder_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "mewslix"
    words = [(noun, verb) for noun, verb, _ in sentences(9)]
    entities = [
        {"entity_id": noun + verb, "title": noun, "description": f"the {noun} {verb} ."}
        for noun, verb in words
    ]
    pairs = [
        {"contextual_mention": mention(*word), "entity": entity}
        for word, entity in zip(words, entities, strict=True)
    ]
    write_rows(folder / "train.jsonl", pairs * 4)
    write_rows(folder / "candidates.jsonl", entities)
    write_rows(folder / "test.en.jsonl", [mention(*word) for word in words])
    rows = Corpora(tmp_path / "data").rows(load_catalogue(None)["mewslix"], "test", "en")
    assert rows[0] == Pair("cat sings the cat sings in the park .", "", "catsings")
    scores = english_scores(
        encoder_folder, tmp_path / "data", tmp_path / "out", targets=["mewslix"]
    )
    # Nine mentions over the nine candidates that they were trained on; a random order gives
    # (1 + 1/2 + ... + 1/9) / 9 = 0.31.
    assert scores["mewslix"] > 0.9


def test_sentences_are_mined_without_training_and_scored_by_f1(
    encoder_folder: Path, tmp_path: Path
) -> None:
    texts = [f"the {noun} {verb} in the {place} ." for noun, verb, place in sentences(18)]
    rows = [{"source_sentence": text, "target_sentence": text} for text in dict.fromkeys(texts)]
    rows += [{"source_sentence": "who never .", "target_sentence": ""}]
    rows += [{"source_sentence": "", "target_sentence": "what not red blue ?"}]
    write_rows(tmp_path / "data" / "bucc2018" / "test.de.jsonl", rows)
    config = tiny_config(
        encoder_folder, tmp_path / "data", intermediates=["direct"], targets=["bucc2018"],
        testing={"max_length": 32, "margin": True, "layer": 1, "pooling": "first"},
    )  # fmt: skip
    result = run_tiny(config, tmp_path / "out")
    assert result.failed == 0, result.failures
    score = float(result.table.read_text().splitlines()[1].split(",")[7])
    # The lone source may be taken for a pair, everything else is found: n of n, or n of n + 1.
    n_pairs = len(rows) - 2
    assert score >= 2 * n_pairs / (n_pairs + 1 + n_pairs) - 1e-6


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_lora_trains_few_weights_and_leaves_a_plain_model(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, targets=["udpos"], adaptations=["finetune", "lora"],
        training={**LEARN, "steps": 20},
    )  # fmt: skip
    result = run_tiny(config, tmp_path / "out")
    assert (result.done, result.failed) == (4, 0), result.failures
    files = list((tmp_path / "out" / "work" / "weights").glob("*.safetensors"))
    assert len(files) == 6  # mnli, and UD-POS directly and from it, each in two ways
    from safetensors.torch import load_file

    for path in files:
        assert not [name for name in load_file(path) if "lora" in name]


@pytest.mark.parametrize("checkpoint", ["average", "best-english"])
def test_other_checkpoints_than_the_last_can_be_asked_for(
    checkpoint: str, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    scores = english_scores(
        encoder_folder, data_folder, out, targets=["udpos"],
        task_training={"udpos": {"checkpoint": checkpoint, "n_snapshots": 3}},
    )  # fmt: skip
    assert scores["udpos"] > 0.9


def test_the_best_english_checkpoint_needs_validation_rows(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["udpos"],
        task_training={"udpos": {"checkpoint": "best-english", "validation_rows": 0}},
    )  # fmt: skip
    with pytest.raises(MetaselectError, match="needs validation_rows above 0"):
        run_tiny(config, tmp_path / "out")


def test_tags_stand_at_the_first_piece_of_each_word(tokenizer: Any) -> None:
    encoded = encode_tagged([Tagged(("cat", "dog.", "a"), (4, 5, 6))], tokenizer, LIMITS)
    # [CLS] cat dog . a [SEP]: "dog." is two pieces, the second carries no label.
    assert encoded.tokens["tags"].tolist() == [-100, 4, 5, -100, 6, -100]
    assert encoded.weights.tolist() == [3.0]


def test_long_contexts_give_overlapping_windows_and_one_of_them_holds_the_answer(
    tokenizer: Any,
) -> None:
    context = " ".join(["the cat sleeps ."] * 12) + " the dog barks in the park ."
    row = Question("1", "where is the dog ?", context, ("park",), (context.index("park"),))
    encoded = encode_questions([row], tokenizer, LIMITS)
    # 55 words of context; a window holds 32 - 5 question words - 3 specials = 24, and moves on by
    # 24 - 8 = 16: starts 0, 16, 32 cover 56.
    assert encoded.rows.tolist() == [0, 0, 0]
    held = encoded.items["start"] > 0
    assert held.sum() >= 1
    item = int(np.flatnonzero(held)[0])
    start = int(encoded.bounds[item] + encoded.items["start"][item])
    assert context[encoded.tokens["from"][start] : encoded.tokens["to"][start]] == "park"


def test_windows_that_a_question_leaves_no_room_are_refused(tokenizer: Any) -> None:
    row = Question("1", "where is the dog ?", "the dog barks .", ("dog",), (4,))
    # 16 tokens less 5 of the question and 3 specials leave 8: no more than the stride.
    tight = Limits(max_length=16, query_length=12, stride=8, max_answer_length=8)
    with pytest.raises(MetaselectError, match=r"leave 8 for the context .* more than stride = 8"):
        encode_questions([row], tokenizer, tight)
    assert len(encode_questions([row], tokenizer, replace(tight, stride=7)).rows) == 1


def test_the_best_span_starts_before_it_ends_and_stays_inside_the_context() -> None:
    starts = np.array([9.0, 0.0, 3.0, 1.0])
    ends = np.array([9.0, 5.0, 0.0, 2.0])
    span = (np.array([-100, 0, 4, 8]), np.array([-100, 3, 7, 12]))
    # Position 0 is no context; (2, 1) ends before it starts; (1, 1) = 5, (2, 3) = 5: the first
    # start tried is 2 (logit 3), so (2, 3): characters 4 to 12.
    assert best_span(starts, ends, span, longest=4) == (5.0, 4, 12)
    assert best_span(starts, ends, span, longest=1) == (5.0, 0, 3)


def test_choices_of_one_question_stay_together(tokenizer: Any) -> None:
    rows = [
        MultipleChoice("the cat .", ("the cat", "the dog is red"), 1),
        MultipleChoice("a", ("b", "c"), 0),
    ]
    encoded = encode_choices(rows, tokenizer, LIMITS)
    assert (len(encoded), encoded.width) == (2, 2)
    assert encoded.items["label"].tolist() == [1, 0]
    # [CLS] the cat . [SEP] the dog is red [SEP] is the longest of the first: 10
    assert encoded.lengths.tolist() == [10, 5]


def test_equal_answers_in_a_batch_do_not_count_against_each_other(tokenizer: Any) -> None:
    from metaselect.harness.data.tokens import collate
    from metaselect.harness.train.heads.pairs import train_pairs
    from metaselect.harness.train.inference import to_tensors

    rows = [Pair("where", "the park .", "1"), Pair("who", "the park .", "2")]
    encoded = encode_pairs(rows, tokenizer, LIMITS)
    model = _Constant()
    batch = to_tensors(collate(encoded, np.arange(2), pad_id=0, multiple=1), model, "cpu")
    out = train_pairs(model, batch, temperature=1.0)
    assert out.confidence.tolist() == [1.0, 1.0]


class _Constant(torch.nn.Module):
    """A body that embeds everything alike."""

    config = type("Config", (), {"type_vocab_size": 2})()

    def forward(self, **inputs: Any) -> Any:
        shape = inputs["input_ids"].shape
        return type("Out", (), {"last_hidden_state": torch.ones(*shape, 4)})()


def test_questions_of_squad_have_their_columns_read(data_folder: Path) -> None:
    rows = Corpora(data_folder).rows(load_catalogue(None)["squad"], "train", "en")
    assert len(rows) == len(qa_rows(36))
    assert isinstance(rows[0], Question)
