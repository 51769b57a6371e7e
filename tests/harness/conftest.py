"""A tiny encoder and tiny data of every kind of task, made here: no download, no shared folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

WORDS = [
    *("the", "a", "cat", "dog", "bird", "sings", "barks", "sleeps", "loud", "quiet", "red", "blue"),
    *("not", "never", "is", "was", "in", "on", "park", "house", "who", "where", "what", "."),
    *("kato", "hundo", "birdo", "kantas", "bojas", "dormas", "laute", "parko", "domo", "?"),
]
NOUNS = ("cat", "dog", "bird")
VERBS = ("sings", "barks", "sleeps")
FOREIGN = {
    "cat": "kato", "dog": "hundo", "bird": "birdo", "sings": "kantas", "barks": "bojas",
    "sleeps": "dormas", "park": "parko", "house": "domo",
}  # fmt: skip
PLACES = ("park", "house")


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of 2 layers and 32 dimensions with random weights, and a word tokenizer."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("encoder")
    vocabulary = {token: i for i, token in enumerate(["[PAD]", "[CLS]", "[SEP]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )  # fmt: skip
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        unk_token="[UNK]", model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    fast.save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(1)
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def sentences(count: int) -> Iterator[tuple[str, str, str]]:
    """Subject, verb and place of simple sentences, cycling."""
    for i in range(count):
        yield NOUNS[i % 3], VERBS[(i // 3) % 3], PLACES[(i // 2) % 2]


def translated(text: str) -> str:
    """A text in the made-up language."""
    return " ".join(FOREIGN.get(word, word) for word in text.split())


def nli_rows(count: int, *, foreign: bool = False) -> list[dict[str, Any]]:
    """Pairs whose label follows from one word: same, negated, or another place."""
    rows = []
    for i, (noun, verb, place) in enumerate(sentences(count)):
        text = f"the {noun} {verb} in the {place} ."
        second = [text, f"the {noun} is red .", f"the {noun} never {verb} ."][i % 3]
        label = ["entailment", "neutral", "contradiction"][i % 3]
        texts = (translated(text), translated(second)) if foreign else (text, second)
        rows.append({"premise": texts[0], "hypothesis": texts[1], "label": label})
    return rows


def pos_rows(count: int, *, foreign: bool = False) -> list[dict[str, Any]]:
    """Tagged sentences: every word has one tag whatever the context."""
    tags = ["DET", "NOUN", "VERB", "ADP", "DET", "NOUN", "PUNCT"]
    rows = []
    for i, (noun, verb, place) in enumerate(sentences(count)):
        text = f"the {noun} {verb} in the {place} ."
        words = (translated(text) if foreign else text).split()
        start = 1 if i % 4 == 3 else 0  # lengths differ
        rows.append({"tokens": words[start:], "upos": tags[start:]})
    return rows


def qa_rows(count: int, *, foreign: bool = False) -> list[dict[str, Any]]:
    """Questions whose answer is the place named in the context."""
    rows = []
    for i, (noun, verb, place) in enumerate(sentences(count)):
        context = f"the bird sings . the {noun} {verb} in the {place} ."
        question = f"where is the {noun} ?"
        if foreign:
            context, question, place = translated(context), translated(question), FOREIGN[place]
        answers = {"text": [place], "answer_start": [context.rindex(place)]}
        rows.append({"id": f"q{i}", "context": context, "question": question, "answers": answers})
    return rows


def choice_rows(count: int, *, foreign: bool = False) -> list[dict[str, Any]]:
    """COPA's columns: the right choice repeats the subject."""
    rows = []
    for i, (noun, verb, _) in enumerate(sentences(count)):
        other = NOUNS[(i + 1) % 3]
        pair = [f"the {noun} {verb} .", f"the {other} is red ."]
        if i % 2:
            pair.reverse()
        texts = [f"the {noun} is loud .", *pair]
        texts = [translated(text) for text in texts] if foreign else texts
        rows.append(
            {"premise": texts[0], "choice1": texts[1], "choice2": texts[2], "question": "cause",
             "label": i % 2}
        )  # fmt: skip
    return rows


def pair_rows(count: int) -> list[dict[str, Any]]:
    """Tatoeba's columns: a made-up sentence and its English."""
    texts = dict.fromkeys(
        f"the {noun} {verb} in the {place} ."
        for noun in NOUNS for verb in VERBS for place in PLACES
    )  # fmt: skip
    return [
        {"source_sentence": translated(text), "target_sentence": text}
        for text in list(texts)[:count]
    ]


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Tiny data of the grid's tasks, in the folder format."""
    folder = tmp_path / "data"
    splits = {
        "mnli": {"train": nli_rows(60), "validation": nli_rows(12)},
        "xnli": {"test.en": nli_rows(12), "test.sw": nli_rows(12, foreign=True)},
        "squad": {"train": qa_rows(36), "validation": qa_rows(8)},
        "xquad": {"test.en": qa_rows(8), "test.de": qa_rows(8, foreign=True)},
        "mlqa": {"test.en": qa_rows(6), "test.de": qa_rows(6, foreign=True)},
        "udpos": {
            "train": pos_rows(40), "validation": pos_rows(8),
            "test.en": pos_rows(8), "test.fi": pos_rows(8, foreign=True),
        },
        "tatoeba": {"test.deu": pair_rows(12), "test.swh": pair_rows(10)},
        "copa": {"train": choice_rows(24), "validation": choice_rows(6)},
        "xcopa": {"test.en": choice_rows(8), "test.sw": choice_rows(8, foreign=True)},
    }  # fmt: skip
    for task, files in splits.items():
        for name, rows in files.items():
            write_rows(folder / task / f"{name}.jsonl", rows)
    return folder
