"""Frozen word embeddings that stay in their file: the same model, and the file as it was."""

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from metaselect.files import sha256_of
from metaselect.harness.train import encoders
from metaselect.harness.train.encoders import Encoder, LetGoTokenizer
from metaselect.harness.train.filewords import FileWords
from tests.harness.grids import TRAINING, run_tiny, tiny_config

IDS = torch.tensor([[1, 5, 6, 7, 2], [1, 9, 2, 0, 0]])
LOADED = {"auto_class": "AutoModelForSequenceClassification", "n_labels": 3, "seed": 7}


@pytest.fixture(params=[torch.float32, torch.float16])
def encoder(request: pytest.FixtureRequest, encoder_folder: Path, tmp_path: Path) -> Encoder:
    """The tiny encoder with its file in one type or the other."""
    folder = tmp_path / "encoder"
    transformers.AutoModel.from_pretrained(encoder_folder, dtype=request.param).save_pretrained(
        folder
    )
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((encoder_folder / name).read_bytes())
    return Encoder(
        name="tiny", path=str(folder), revision=None, n_layers=None, random_weights=False
    )


@pytest.mark.parametrize("n_layers", [None, 1])
def test_a_model_with_words_in_the_file_is_the_model(encoder: Encoder, n_layers: Any) -> None:
    cut = replace(encoder, n_layers=n_layers)
    whole: Any = encoders.load_model(cut, **LOADED).eval()
    light: Any = encoders.load_on_file_words(cut, **LOADED).eval()
    words = light.bert.embeddings.word_embeddings
    assert isinstance(words, FileWords)
    assert words.weight.dtype == transformers.AutoModel.from_pretrained(encoder.path).dtype
    expected = whole.state_dict()
    for name, value in light.state_dict().items():  # the new head's weights among them
        assert torch.equal(value.float(), expected.pop(name)), name
    assert not expected
    with torch.no_grad():
        assert torch.equal(light(input_ids=IDS).logits, whole(input_ids=IDS).logits)
    assert [p.dtype for p in light.parameters() if p.requires_grad] == [torch.float32] * (
        len(list(whole.parameters())) - 1
    )


def test_training_the_rest_leaves_the_file_as_it_was(encoder: Encoder) -> None:
    path = Path(encoder.path) / "model.safetensors"
    before = sha256_of(path)
    model: Any = encoders.load_on_file_words(encoder, **LOADED)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 1
    del model
    gc.collect()
    assert sha256_of(path) == before


def test_weights_in_several_files_load_as_a_whole(encoder: Encoder, tmp_path: Path) -> None:
    transformers.AutoModel.from_pretrained(encoder.path).save_pretrained(
        tmp_path / "parts", max_shard_size="20KB"
    )
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    model: Any = encoders.load_on_file_words(
        replace(encoder, path=str(tmp_path / "parts")), **LOADED
    )
    assert not isinstance(model.bert.embeddings.word_embeddings, FileWords)


@pytest.mark.parametrize("frozen", [{"freeze_embeddings": True}, {"freeze_layers": 1}])
def test_a_grid_is_the_same_to_the_last_digit_wherever_its_words_are(
    frozen: dict[str, Any], encoder: Encoder, data_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def table(name: str) -> bytes:
        config = tiny_config(Path(encoder.path), data_folder, training={**TRAINING, **frozen})
        result = run_tiny(config, tmp_path / name)
        assert result.failed == 0, result.failures
        assert result.table is not None
        return result.table.read_bytes()

    in_file = table("file")
    monkeypatch.setattr(encoders, "load_on_file_words", encoders.load_model)
    assert table("memory") == in_file


def test_a_tokenizer_that_was_let_go_comes_back_when_it_is_asked(encoder: Encoder) -> None:
    held = LetGoTokenizer(encoder)
    plain = encoders.load_tokenizer(encoder)
    assert held(["the cat"])["input_ids"] == plain(["the cat"])["input_ids"]
    loaded = weakref.ref(held._loaded)
    held.let_go()
    gc.collect()
    assert loaded() is None
    assert held.pad_token_id == plain.pad_token_id
    assert held._loaded is None  # the padding id needs no tokenizer
    assert held.num_special_tokens_to_add(pair=True) == plain.num_special_tokens_to_add(pair=True)
