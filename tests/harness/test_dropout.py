"""Masks of dropout on a CPU: their share, their scale, their seed."""

import pytest
import torch
from torch.nn.functional import dropout

from metaselect.harness.train.dropout import CheapDropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropped_values_are_zero_and_the_others_make_up_for_them(
    p: float, dtype: torch.dtype
) -> None:
    with CheapDropout(0):
        out = dropout(torch.ones(300, 1001, dtype=dtype), p, training=True)
    assert out.dtype == dtype
    assert float((out == 0).float().mean()) == pytest.approx(p, abs=0.003)
    kept = out[out != 0]
    assert torch.allclose(kept, torch.full_like(kept, 1 / (1 - p)), rtol=1e-4)


def test_gradients_pass_where_values_did() -> None:
    values = torch.randn(50, 7, requires_grad=True)
    with CheapDropout(0):
        out = torch.nn.Dropout(0.3)(values)
    out.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad != 0, out != 0)


def test_the_seed_fixes_the_masks_and_each_is_another() -> None:
    def masks(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        with CheapDropout(seed):
            return dropout(torch.ones(999), 0.5), dropout(torch.ones(999), 0.5)

    first, second = masks(1)
    assert torch.equal(first, masks(1)[0])
    assert not torch.equal(first, second)
    assert not torch.equal(first, masks(2)[0])


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_dropped_without_a_rate_or_out_of_training(p: float, training: bool) -> None:
    values = torch.randn(9)
    with CheapDropout(0):
        assert torch.equal(dropout(values, p, training=training), values)


def test_everything_is_dropped_at_a_rate_of_one() -> None:
    with CheapDropout(0):
        assert not dropout(torch.ones(9), 1.0, training=True).any()
