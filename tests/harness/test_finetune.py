"""The training loop on a model of three numbers: memory, dynamics, snapshots, what pairs runs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from metaselect.harness.data.tokens import Encoded, collate, pack
from metaselect.harness.recipe import Limits, Machine, Recipe
from metaselect.harness.train.dynamics import DynamicsLog
from metaselect.harness.train.finetune import Hooks, Interrupted, Leg, TrainingFailed, finetune
from metaselect.harness.train.heads.base import BatchResult, Head
from metaselect.harness.train.inference import Tensors
from metaselect.harness.train.snapshots import Snapshots
from metaselect.harness.train.training import sampled

LIMITS = Limits(max_length=16, query_length=8, stride=4, max_answer_length=4)
RECIPE = Recipe(
    limits=LIMITS, train_rows=None, validation_rows=0, steps=6, epochs=None, batch_tokens=None,
    batch_examples=4, learning_rate=0.1, warmup=0.0, weight_decay=0.0, clip_norm=10.0,
    checkpoint="last", n_snapshots=3, temperature=1.0, lora_rank=1, lora_alpha=1,
    freeze_embeddings=False, freeze_layers=0, dropout=None,
)  # fmt: skip
MACHINE = Machine(device="cpu", threads=1, inference_tokens=64, compile=False, precision="float32")
TOKENIZER = type("Tokenizer", (), {"pad_token_id": 0})()
QUIET = Hooks(lambda done, n_steps: None, None)


class Counter(torch.nn.Module):
    """Logits of two classes from how often token 1 stands in a text; runs out of memory at will."""

    def __init__(self, most_items: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.most_items = most_items
        self.seen: list[int] = []

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(ids))
        if len(ids) > self.most_items:
            raise torch.OutOfMemoryError("too many")
        return (ids == 1).sum(1, keepdim=True) * self.weight


def train(model: Any, batch: Tensors, *, temperature: float) -> BatchResult:
    logits = model(batch.inputs["input_ids"])
    losses = torch.nn.functional.cross_entropy(logits, batch.items["label"], reduction="none")
    right = logits.argmax(-1) == batch.items["label"]
    return BatchResult(losses.sum(), torch.exp(-losses.detach()), right)


HEAD = Head("", None, None, train, None)  # type: ignore[arg-type]


def texts(count: int) -> Encoded:
    """Texts of ones (class 1) and of twos (class 0), of several lengths."""
    ids = [[1 + i % 2] * (2 + i % 5) for i in range(count)]
    label = np.array([1 - i % 2 for i in range(count)])
    return pack(ids, None, width=1, items={"label": label}, tokens={}, rows=None)


def fitted(model: Counter, recipe: Recipe = RECIPE, seed: int = 0) -> tuple[Counter, Any]:
    training = finetune(
        [Leg(model, HEAD, texts(20))], recipe, tokenizer=TOKENIZER, machine=MACHINE, seed=seed,
        hooks=QUIET,
    )  # fmt: skip
    return model, training


def test_running_out_of_memory_halves_the_parts_and_gives_the_same_weights() -> None:
    whole, _ = fitted(Counter(most_items=99))
    halved, training = fitted(Counter(most_items=1))
    assert training.n_parts == 4  # 4 items: halved to 2, then to 1, and kept so
    assert halved.seen[:3] == [4, 2, 1]
    assert torch.allclose(whole.weight, halved.weight, atol=1e-6)


def test_an_example_that_does_not_fit_alone_is_a_failed_run() -> None:
    with pytest.raises(TrainingFailed, match="One example does not fit into memory"):
        fitted(Counter(most_items=0))


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def broken(model: Any, batch: Tensors, *, temperature: float) -> BatchResult:
        raise RuntimeError("shapes differ")

    head = replace(HEAD, train=broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        finetune(
            [Leg(Counter(9), head, texts(8))], RECIPE, tokenizer=TOKENIZER, machine=MACHINE,
            seed=0, hooks=QUIET,
        )  # fmt: skip


def test_a_training_takes_its_fixed_number_of_steps_and_reports_each() -> None:
    told: list[tuple[int, int]] = []
    training = finetune(
        [Leg(Counter(9), HEAD, texts(20))], RECIPE, tokenizer=TOKENIZER, machine=MACHINE, seed=0,
        hooks=Hooks(lambda done, n_steps: told.append((done, n_steps)), None),
    )  # fmt: skip
    assert told == [(step, 6) for step in range(1, 7)]
    assert len(training.losses) == 6
    assert training.losses[0] == pytest.approx(np.log(2), rel=1e-5)  # both logits are 0
    assert training.losses[-1] < training.losses[0]


def test_asking_to_stop_stops_after_the_step_under_way() -> None:
    def stop(done: int, n_steps: int) -> None:
        if done == 2:
            raise Interrupted

    model = Counter(9)
    with pytest.raises(Interrupted):
        finetune(
            [Leg(model, HEAD, texts(20))], RECIPE, tokenizer=TOKENIZER, machine=MACHINE, seed=0,
            hooks=Hooks(stop, None),
        )  # fmt: skip
    assert len(model.seen) == 2


def test_the_order_of_the_data_depends_on_the_seed_alone() -> None:
    first, second = Counter(9), Counter(9)
    second.weight.data += 1  # another starting point, as after an intermediate task
    _, one = fitted(first)
    _, two = fitted(second)
    _, other = fitted(Counter(9), seed=1)
    seen = [log.summary(np.arange(20)).n_seen.tolist() for log in
            (one.logs[0], two.logs[0], other.logs[0])]  # fmt: skip
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
    assert sum(seen[0]) == one.n_examples == 24


def test_dynamics_are_means_spreads_and_forgetting_by_row() -> None:
    log = DynamicsLog(3)
    for confidence, correct in ((0.2, False), (0.8, True), (0.4, False), (0.6, True)):
        log.add(np.array([0]), np.array([confidence]), np.array([correct]))
    log.add(np.array([1]), np.array([1.0]), np.array([True]))
    log.add(np.array([2]), np.array([0.0]), np.array([False]))
    found = log.summary(np.array([5, 9, 9]))  # items 1 and 2 are windows of row 9
    assert found.rows.tolist() == [5, 9]
    assert found.n_seen.tolist() == [4, 2]
    assert found.confidence.tolist() == pytest.approx([0.5, 0.5])
    # Row 5: deviations 0.3, 0.3, 0.1, 0.1: sqrt((0.09 + 0.09 + 0.01 + 0.01) / 4) = 0.2236
    assert found.variability.tolist() == pytest.approx([0.05**0.5, 0.5], rel=1e-5)
    assert found.correctness.tolist() == [0.5, 0.5]
    assert found.n_forgotten.tolist() == [1, 0]


def test_the_averaged_checkpoint_is_the_mean_of_evenly_spaced_snapshots() -> None:
    model = Counter(9)
    snapshots = Snapshots(list(model.parameters()), "average", 6, 3, english=None)
    for step in range(1, 7):
        model.weight.data[:] = float(step)
        snapshots.after(step)
    snapshots.finish()
    assert model.weight.tolist() == pytest.approx([4.0, 4.0])  # (2 + 4 + 6) / 3


def test_the_best_english_checkpoint_is_the_first_of_the_best() -> None:
    model = Counter(9)
    scores = iter([0.2, 0.7, 0.7])
    snapshots = Snapshots(
        list(model.parameters()), "best-english", 3, 3, english=lambda: next(scores)
    )
    for step in range(1, 4):
        model.weight.data[:] = float(step)
        snapshots.after(step)
    snapshots.finish()
    assert model.weight.tolist() == [2.0, 2.0]


def test_several_tasks_take_turns_by_their_size() -> None:
    small, large = Counter(9), Counter(9)
    training = finetune(
        [Leg(small, HEAD, texts(10)), Leg(large, HEAD, texts(90))],
        replace(RECIPE, steps=200), tokenizer=TOKENIZER, machine=MACHINE, seed=0, hooks=QUIET,
    )  # fmt: skip
    assert len(training.logs) == 2
    assert 0.05 < len(small.seen) / 200 < 0.16  # a tenth of the tokens
    assert len(small.seen) + len(large.seen) == 200


@pytest.mark.parametrize("batch", [{"batch_examples": 4}, {"batch_tokens": 24}])
def test_several_tasks_of_very_different_size_get_the_epochs_asked_each(
    batch: dict[str, int],
) -> None:
    recipe = replace(RECIPE, steps=None, epochs=3.0, batch_examples=None, batch_tokens=None)
    sizes = (100, 3000)
    training = finetune(
        [Leg(Counter(99), HEAD, texts(size)) for size in sizes], replace(recipe, **batch),
        tokenizer=TOKENIZER, machine=MACHINE, seed=0, hooks=QUIET,
    )  # fmt: skip
    for size, log in zip(sizes, training.logs, strict=True):
        epochs = log.summary(np.arange(size)).n_seen.sum() / size
        assert epochs == pytest.approx(3.0, rel=0.02)


def test_a_batch_is_padded_to_its_longest_or_to_a_multiple() -> None:
    encoded = texts(5)  # lengths 2, 3, 4, 5, 6
    tight = collate(encoded, np.array([0, 2]), pad_id=7, multiple=1)
    assert tight.inputs["input_ids"].tolist() == [[1, 1, 7, 7], [1, 1, 1, 1]]
    assert tight.inputs["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert collate(encoded, np.array([0, 4]), pad_id=7, multiple=8).inputs["input_ids"].shape == (
        2, 8,
    )  # fmt: skip


def test_a_sample_is_fixed_by_its_seed_and_no_larger_than_the_data() -> None:
    assert sampled(5, None, seed=1).tolist() == [0, 1, 2, 3, 4]
    assert sampled(5, 9, seed=1).tolist() == [0, 1, 2, 3, 4]
    assert sampled(100, 10, seed=1).tolist() == sampled(100, 10, seed=1).tolist()
    assert sampled(100, 10, seed=1).tolist() != sampled(100, 10, seed=2).tolist()
