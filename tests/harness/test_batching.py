"""Length buckets: each item once, little padding, an order that the seed alone fixes."""

from itertools import islice

import numpy as np
import pytest

from metaselect.harness.data.tokens import epoch_batches, inference_batches, training_batches


def lengths_of(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(5, 120, count)


@pytest.mark.parametrize(("tokens", "examples"), [(512, None), (None, 16)])
def test_an_epoch_holds_each_item_once(tokens: int | None, examples: int | None) -> None:
    lengths = lengths_of(1000)
    batches = epoch_batches(
        lengths, batch_tokens=tokens, batch_examples=examples, rng=np.random.default_rng(0)
    )
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))


def test_batches_by_tokens_stay_within_their_budget_padding_included() -> None:
    lengths = lengths_of(1000)
    batches = epoch_batches(
        lengths, batch_tokens=512, batch_examples=None, rng=np.random.default_rng(0)
    )
    assert max(len(batch) * lengths[batch].max() for batch in batches) <= 512


def test_padding_is_under_two_percent() -> None:
    lengths = lengths_of(4000)
    batches = epoch_batches(
        lengths, batch_tokens=1024, batch_examples=None, rng=np.random.default_rng(0)
    )
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    assert padded / lengths.sum() < 1.02


def test_the_seed_fixes_the_order_and_another_seed_changes_it() -> None:
    def first(seed: int) -> list[list[int]]:
        stream = training_batches(
            lengths_of(300), batch_tokens=256, batch_examples=None, rng=np.random.default_rng(seed)
        )
        return [batch.tolist() for batch in islice(stream, 200)]  # beyond the first epoch

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_an_item_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    batches = inference_batches(np.array([10, 900, 10]), batch_tokens=64)
    assert [batch.tolist() for batch in batches] == [[1], [0, 2]]


def test_one_way_of_counting_is_asked_for() -> None:
    with pytest.raises(ValueError, match="need one of batch_tokens=8 and batch_examples=8"):
        next(
            training_batches(
                np.array([3]), batch_tokens=8, batch_examples=8, rng=np.random.default_rng(0)
            )
        )
    with pytest.raises(ValueError, match="no items"):
        next(
            training_batches(
                np.zeros(0, int), batch_tokens=8, batch_examples=None, rng=np.random.default_rng(0)
            )
        )
