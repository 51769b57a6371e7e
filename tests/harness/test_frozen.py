"""Frozen layers: run once a text, left out of weights, and nothing changes by that."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from metaselect.harness.recipe import Machine
from metaselect.harness.train import encoders, frozen, weights
from metaselect.harness.train.encoders import Encoder
from metaselect.harness.train.frozen import remember_frozen
from metaselect.harness.train.inference import autocast
from tests.harness.grids import run_tiny, tiny_config

MACHINE = Machine(device="cpu", threads=1, inference_tokens=64, compile=False, precision="float32")
IDS = torch.tensor([[1, 5, 6, 7, 2], [1, 9, 2, 0, 0], [1, 5, 6, 7, 2]])
TYPES = torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])


def model_of(encoder: Encoder) -> Any:
    return encoders.load_model(
        encoder, auto_class="AutoModelForSequenceClassification", n_labels=3, seed=0
    ).eval()


def encoder_at(folder: Path) -> Encoder:
    return Encoder(
        name="tiny", path=str(folder), revision=None, n_layers=None, random_weights=False
    )


def logits(model: Any, ids: torch.Tensor = IDS, types: torch.Tensor = TYPES) -> np.ndarray:
    with torch.no_grad():
        mask = (ids != 0).long()
        out = model(input_ids=ids, token_type_ids=types, attention_mask=mask).logits
    return np.asarray(out)


def test_a_model_on_remembered_layers_answers_as_the_whole_one(encoder_folder: Path) -> None:
    encoder = encoder_at(encoder_folder)
    whole, upper = model_of(encoder), model_of(encoder)
    remember_frozen(upper, encoder, 1, MACHINE)
    for _ in range(2):  # computed, then remembered
        np.testing.assert_allclose(logits(upper), logits(whole), atol=1e-6)
    # Rows with the same tokens and other types are other texts.
    assert abs(logits(upper)[0] - logits(upper)[2]).max() > 1e-6
    names = set(upper.state_dict())
    assert not any("embeddings" in name or "layer.0." in name for name in names)
    assert any("layer.1." in name for name in names)


def test_what_was_dropped_for_want_of_memory_is_computed_again(
    encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "STATES_BYTES", 32 * 4 * 6)  # six tokens: one text at a time
    encoder = encoder_at(encoder_folder)
    whole = model_of(encoder)
    lower = frozen.LowerLayers(
        Encoder(name="t", path=encoder.path, revision=None, n_layers=1, random_weights=False),
        MACHINE,
    )
    monkeypatch.setattr(frozen, "_lower", lambda *_: lower)
    upper = model_of(encoder)
    remember_frozen(upper, encoder, 1, MACHINE)
    for _ in range(3):
        np.testing.assert_allclose(logits(upper), logits(whole), atol=1e-6)
    assert len(lower._states) == 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_states_of_a_text_do_not_depend_on_what_came_with_it(
    encoder_folder: Path, precision: Any
) -> None:
    encoder = replace(encoder_at(encoder_folder), n_layers=1)
    draw = torch.Generator().manual_seed(0)
    texts = [
        torch.randint(5, 20, (int(length),), generator=draw)
        for length in torch.randint(3, 30, (40,), generator=draw)
    ]

    def states(order: list[int], size: int) -> dict[int, torch.Tensor]:
        lower = frozen.LowerLayers(encoder, replace(MACHINE, precision=precision))
        found = {}
        for some in (order[at : at + size] for at in range(0, len(order), size)):
            ids = torch.nn.utils.rnn.pad_sequence([texts[at] for at in some], batch_first=True)
            with autocast(lower._machine):
                out = lower.states(ids, torch.zeros_like(ids))
            found |= {at: out[row, : len(texts[at])] for row, at in enumerate(some)}
        return found

    alone = states(list(range(40)), 1)
    shuffled = states(torch.randperm(40, generator=draw).tolist(), 7)
    assert all(torch.equal(alone[at], shuffled[at]) for at in alone)


def table_of(encoder: Path, data: Path, out: Path, **training: Any) -> pd.DataFrame:
    from tests.harness.grids import TRAINING

    config = tiny_config(encoder, data, training={**TRAINING, "dropout": 0.0, **training})
    result = run_tiny(config, out)
    assert result.failed == 0, result.failures
    return pd.read_csv(result.table)


def test_a_grid_scores_alike_whether_frozen_layers_are_remembered_or_run_each_time(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = table_of(encoder_folder, data_folder, tmp_path / "one", freeze_layers=1)
    monkeypatch.setattr("metaselect.harness.train.training.remember_frozen", lambda *_: None)
    monkeypatch.setattr("metaselect.harness.score.scoring.remember_frozen", lambda *_: None)
    run_each_time = table_of(encoder_folder, data_folder, tmp_path / "two", freeze_layers=1)
    pd.testing.assert_frame_equal(remembered, run_each_time, atol=1e-5)


def test_weights_hold_what_a_grid_has_trained_and_no_more(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    kept = []
    drop = "metaselect.harness.grid.workfolder.WorkFolder.drop_weights"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drop, lambda self, key: None)
        table_of(encoder_folder, data_folder, tmp_path / "frozen", freeze_layers=1)
        table_of(encoder_folder, data_folder, tmp_path / "words", freeze_embeddings=True)
    for path in (tmp_path / "frozen" / "work" / "weights").glob("*.safetensors"):
        kept.append(path)
        assert weights.n_left_out(path) == 1
    assert len(kept) >= 4  # mnli, xnli and udpos directly and after mnli
    for path in (tmp_path / "words" / "work" / "weights").glob("*.safetensors"):
        assert not any("word_embeddings" in name for name in weights.names_in(path))
        assert any("position_embeddings" in name for name in weights.names_in(path))


def test_a_grid_scores_alike_whether_weights_keep_moved_rows_or_all_embeddings(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    def made(name: str) -> tuple[pd.DataFrame, dict[str, np.ndarray | None]]:
        table = table_of(encoder_folder, data_folder, tmp_path / name)
        files = (tmp_path / name / "work" / "weights").glob("*.safetensors")
        return table, {path.name: weights.rows_in(path) for path in files}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "metaselect.harness.grid.workfolder.WorkFolder.drop_weights", lambda self, key: None
        )
        moved, rows = made("moved")
        patch.setattr("metaselect.harness.train.training._moved_rows", lambda *_: None)
        whole, no_rows = made("whole")
    pd.testing.assert_frame_equal(moved, whole)
    assert rows.keys() == no_rows.keys()
    assert set(no_rows.values()) == {None}
    sizes = {len(found) for found in rows.values() if found is not None}
    assert len(sizes) > 1  # a target's after an intermediate are those of both
    n_tokens = json.loads((encoder_folder / "config.json").read_text())["vocab_size"]
    assert max(sizes) < n_tokens


def test_freezing_every_layer_says_that_nothing_is_left_to_train(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    from tests.harness.grids import TRAINING

    config = tiny_config(encoder_folder, data_folder, training={**TRAINING, "freeze_layers": 2})
    result = run_tiny(config, tmp_path / "out")
    assert result.done == 0
    assert any("leaves nothing to train of 2 layers" in why for why in result.failures.values())
