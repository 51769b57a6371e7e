"""Word embeddings that train move in the rows of their own tokens, as if all of them trained."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from metaselect.harness.train.usedrows import used_rows_only

IDS = torch.tensor([[5, 9, 3, 0], [9, 7, 0, 0]])
VOCABULARY = 20


def model() -> Any:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=8, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return BertModel(config)


def trained(*, rows_only: bool) -> tuple[Any, int]:
    """A model after four steps of AdamW, and how many weights trained."""
    made = model().train()
    used = np.unique(IDS.numpy())
    with used_rows_only([made], used) if rows_only else nullcontext():
        parameters = [p for p in made.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.0)
        for _ in range(4):
            optimizer.zero_grad()
            made(IDS, attention_mask=(IDS != 0).long()).last_hidden_state.pow(2).mean().backward()
            torch.nn.utils.clip_grad_norm_(parameters, 0.1)
            optimizer.step()
    return made, sum(p.numel() for p in parameters)


def test_used_rows_learn_what_they_would_learn_among_all_rows() -> None:
    all_rows, n_all = trained(rows_only=False)
    own_rows, n_own = trained(rows_only=True)
    assert list(own_rows.state_dict()) == list(all_rows.state_dict())
    for name, value in all_rows.state_dict().items():
        assert torch.allclose(value, own_rows.state_dict()[name], atol=1e-6), name
    assert n_all - n_own == 8 * (VOCABULARY - 5)  # 0, 3, 5, 7, 9 are used


def test_unused_rows_and_the_padding_keep_their_values() -> None:
    before = model().embeddings.word_embeddings.weight.detach().clone()
    after = trained(rows_only=True)[0].embeddings.word_embeddings.weight.detach()
    moved = {int(row) for row in (before != after).any(1).nonzero()}
    assert moved == {3, 5, 7, 9}


def test_texts_with_other_tokens_can_be_scored_on_the_way() -> None:
    made = model()
    other = torch.tensor([[11, 9, 3]])
    expected = made.eval()(other).last_hidden_state
    with used_rows_only([made], np.unique(IDS.numpy())):
        assert torch.equal(made.eval()(other).last_hidden_state, expected)
        with pytest.raises(IndexError):  # a step would have nothing to train for token 11
            made.train()(other)
    assert made.embeddings.word_embeddings.weight.requires_grad


def test_frozen_embeddings_and_bodies_of_another_kind_stay_as_they_are() -> None:
    made, other = model(), torch.nn.Linear(2, 2)
    made.embeddings.word_embeddings.weight.requires_grad_(False)
    with used_rows_only([made, other], np.array([1])):
        assert isinstance(made.embeddings.word_embeddings, torch.nn.Embedding)
    assert not made.embeddings.word_embeddings.weight.requires_grad


def test_models_that_share_their_body_train_the_same_rows() -> None:
    first, second = model(), model()
    second.embeddings = first.embeddings
    with used_rows_only([first, second], np.array([1, 2])):
        rows = first.embeddings.word_embeddings.rows
        assert rows is second.embeddings.word_embeddings.rows
        assert rows.shape == (2, 8)
    assert isinstance(second.embeddings.word_embeddings, torch.nn.Embedding)
