"""Examples a second of fine-tuning: our loop against the library Trainer, side by side.

python experiments/bench/throughput.py --data DATA --encoder ENCODER

For classification, tagging and QA, the same model, rows, lengths, precision, optimiser (fused
AdamW, clipped at 1) and mean tokens a step go through four arms, in turns: our loop; our loop with
all rows of the embeddings and the library's dropout; the Trainer as it comes (random batches,
padded to the batch's longest); the Trainer grouping by length. A round
trains each arm on the same examples; the first round warms up and is not counted. On a CPU the
rates are of the process's CPU time, with one thread, since that does not change when others use the
machine; wall times stand beside. Beside each rate stand the floating-point operations a second
that it makes, and their share of those of a bare product of matrices as large as the model's.

`--dropout 0` and `--freeze-layers 6` are settings of a grid; the Trainer gets the same dropout and
no frozen layers, which it would run each time. On a GPU, `--shape xlmr-large --length 128` takes
an XLM-R-large made from its config with random weights and texts of one length.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import transformers
from transformers import Trainer, TrainingArguments

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.data.tokens import Encoded
from metaselect.harness.defaults import bfloat16_unit
from metaselect.harness.grid.heap import keep_freed_memory
from metaselect.harness.recipe import Limits, Machine, Recipe
from metaselect.harness.train import bodies, encoders
from metaselect.harness.train import finetune as loop
from metaselect.harness.train.encoders import Encoder
from metaselect.harness.train.finetune import Hooks, Leg, finetune
from metaselect.harness.train.frozen import remember_frozen
from metaselect.harness.train.heads.base import Head, label_count
from metaselect.harness.train.heads.registry import HEADS

TASKS = {"classification": "mnli", "tagging": "udpos", "qa": "squad"}
LENGTHS = {"classification": 128, "tagging": 128, "qa": 384}


def main() -> None:
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.device == "cpu":
        keep_freed_memory()  # for all arms alike
    transformers.utils.logging.set_verbosity_error()
    warnings.filterwarnings("ignore", module="torch|transformers|accelerate")
    results = [measure(task, arguments) for task in arguments.tasks]
    print(json.dumps(results, indent=1))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--examples", type=int, default=16, help="mean examples a step")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--precision", choices=["float32", "bfloat16"],
        help="of both libraries; bfloat16 where the device multiplies it",
    )  # fmt: skip
    parser.add_argument("--shape", choices=["encoder", "xlmr-large"], default="encoder")
    parser.add_argument("--length", type=int, help="texts of this one length (synthetic)")
    parser.add_argument("--dropout", type=float, help="the encoder's own where left out")
    parser.add_argument("--freeze-layers", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.precision is None:
        fast = arguments.device != "cpu" or bfloat16_unit() is not None
        arguments.precision = "bfloat16" if fast else "float32"
    return arguments


def measure(task: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Examples a second of every arm on one task."""
    card = load_catalogue(None)[TASKS[task]]
    head = HEADS[card.head]
    encoder = Encoder(
        name="bench", path=arguments.encoder, revision=None, n_layers=None, random_weights=False
    )
    tokenizer = encoders.load_tokenizer(encoder)
    limits = Limits(max_length=LENGTHS[task], query_length=64, stride=128, max_answer_length=30)
    rows = Corpora(arguments.data).rows(card, "train", "en")
    picked = np.random.default_rng(0).permutation(len(rows))[: arguments.rows]
    encoded = head.encode([rows[i] for i in picked], tokenizer, limits)
    if arguments.length:
        encoded = one_length(encoded, arguments.length)

    machine = Machine(
        device=arguments.device, threads=arguments.threads, inference_tokens=8192, compile=False,
        precision=arguments.precision,
    )  # fmt: skip

    def model(*, ours: bool = False) -> torch.nn.Module:
        if arguments.shape == "xlmr-large":
            return xlmr_large(head, label_count(head, card), len(tokenizer))
        made = encoders.load_model(
            encoder, auto_class=head.auto_class, n_labels=label_count(head, card), seed=0,
            attention=encoders.attention_for(machine) if ours else None, dropout=arguments.dropout,
        )  # fmt: skip
        if ours and arguments.freeze_layers:
            bodies.freeze_layers(made, arguments.freeze_layers)
            remember_frozen(made, encoder, arguments.freeze_layers, machine)
        return made

    arms = make_arms(head, encoded, tokenizer, machine, model, arguments)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for round_number in range(arguments.rounds + 1):
        for name, arm in arms.items():
            taken = arm()
            if round_number:
                times[name].append(taken)
    return summary(task, encoded, times, model().config, arguments)


def make_arms(
    head: Head, encoded: Encoded, tokenizer: Any, machine: Machine,
    model: Callable[..., torch.nn.Module], arguments: argparse.Namespace,
) -> dict[str, Callable[[], tuple[float, float]]]:  # fmt: skip
    """Each arm trains one pass over the rows and returns wall and CPU seconds."""
    batch_tokens = int(arguments.examples * encoded.lengths.mean())
    limits = Limits(max_length=512, query_length=64, stride=128, max_answer_length=30)
    recipe = Recipe(
        limits=limits, train_rows=None, validation_rows=0, steps=None, epochs=1.0,
        batch_tokens=batch_tokens, batch_examples=None, learning_rate=3e-5, warmup=0.1,
        weight_decay=0.01, clip_norm=1.0, checkpoint="last", n_snapshots=1, temperature=0.05,
        lora_rank=8, lora_alpha=16, freeze_embeddings=False,
        freeze_layers=arguments.freeze_layers, dropout=arguments.dropout,
    )  # fmt: skip

    def ours() -> tuple[float, float]:
        leg = Leg(model(ours=True).to(arguments.device), head, encoded)
        steps: list[tuple[float, float]] = [clock(arguments.device)]
        finetune(
            [leg], replace(recipe, steps=n_steps(encoded, recipe), epochs=None),
            tokenizer=tokenizer, machine=machine, seed=0, hooks=Hooks(lambda i, n: None, None),
        )  # fmt: skip
        return since(steps[0], arguments.device)

    def ours_plain() -> tuple[float, float]:
        with (
            mock.patch.object(loop, "used_rows_only", return_value=nullcontext()),
            mock.patch.object(loop, "CheapDropout", return_value=nullcontext()),
        ):
            return ours()

    def library(strategy: str) -> Callable[[], tuple[float, float]]:
        return lambda: train_with_library(head, encoded, tokenizer, model(), strategy, arguments)

    return {
        "ours": ours,
        "ours_plain": ours_plain,
        "trainer": library("random"),
        "trainer_grouped": library("group_by_length"),
    }


def n_steps(encoded: Encoded, recipe: Recipe) -> int:
    """Steps of exactly one pass: the number of batches that our bucketing cuts."""
    from metaselect.harness.data.tokens import epoch_batches

    batches = epoch_batches(
        encoded.lengths, batch_tokens=recipe.batch_tokens, batch_examples=None,
        rng=np.random.default_rng(np.random.default_rng(0).integers(2**63)),
    )  # fmt: skip
    return len(batches)


def train_with_library(
    head: Head, encoded: Encoded, tokenizer: Any, model: torch.nn.Module, strategy: str,
    arguments: argparse.Namespace,
) -> tuple[float, float]:  # fmt: skip
    rows = [features(head, encoded, item) for item in range(len(encoded))]
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder, per_device_train_batch_size=arguments.examples,
                num_train_epochs=1, learning_rate=3e-5, weight_decay=0.01, save_strategy="no",
                train_sampling_strategy=strategy, disable_tqdm=True, report_to="none",
                use_cpu=arguments.device == "cpu", bf16=arguments.precision == "bfloat16",
                dataloader_pin_memory=arguments.device != "cpu",
            ),
            train_dataset=rows,
            data_collator=collator(tokenizer),
        )  # fmt: skip
        trainer.log = lambda *args, **kwargs: None
        started = clock(arguments.device)
        trainer.train()
        return since(started, arguments.device)


def features(head: Head, encoded: Encoded, item: int) -> dict[str, Any]:
    """One item as the library's examples lay it out."""
    part = slice(encoded.bounds[item], encoded.bounds[item + 1])
    ids = encoded.ids[part].tolist()
    row = {"input_ids": ids, "token_type_ids": encoded.types[part].tolist(),
           "attention_mask": [1] * len(ids)}  # fmt: skip
    if "tags" in encoded.tokens:
        return {**row, "labels": encoded.tokens["tags"][part].tolist()}
    if "start" in encoded.items:
        places = {"start": "start_positions", "end": "end_positions"}
        return {**row, **{new: int(encoded.items[old][item]) for old, new in places.items()}}
    return {**row, "labels": int(encoded.items["label"][item])}


def collator(tokenizer: Any) -> Callable[[Any], Any]:
    """The library's own collator for the kind of label."""
    tagged = transformers.DataCollatorForTokenClassification(tokenizer)
    plain = transformers.DataCollatorWithPadding(tokenizer)

    def collate(rows: Any) -> Any:
        return (tagged if isinstance(rows[0].get("labels"), list) else plain)(rows)

    return collate


def one_length(encoded: Encoded, length: int) -> Encoded:
    """The same number of items, each of one length of random tokens."""
    rng = np.random.default_rng(0)
    n_items = len(encoded)
    return replace(
        encoded,
        ids=rng.integers(5, 1000, n_items * length).astype(np.int32),
        types=np.zeros(n_items * length, np.int8),
        bounds=np.arange(n_items + 1) * length,
        tokens={name: np.zeros(n_items * length, np.int32) for name in encoded.tokens},
        items={name: np.minimum(values, length - 1) for name, values in encoded.items.items()},
    )


def xlmr_large(head: Head, n_labels: int | None, n_tokens: int) -> torch.nn.Module:
    config = transformers.XLMRobertaConfig(
        vocab_size=max(250002, n_tokens), hidden_size=1024, num_hidden_layers=24,
        num_attention_heads=16, intermediate_size=4096, max_position_embeddings=514,
        num_labels=n_labels or 2,
    )  # fmt: skip
    return getattr(transformers, head.auto_class).from_config(config)


def summary(
    task: str, encoded: Encoded, times: dict[str, list[tuple[float, float]]], config: Any,
    arguments: argparse.Namespace,
) -> dict[str, Any]:  # fmt: skip
    """Median examples a second by arm, ours against each, and how much of the device that is."""
    which = 1 if arguments.device == "cpu" else 0
    rate = {
        name: len(encoded) / statistics.median(taken[which] for taken in found)
        for name, found in times.items()
    }
    out: dict[str, Any] = {
        "task": task,
        "examples": len(encoded),
        "mean_length": round(float(encoded.lengths.mean()), 1),
        "counted": "CPU seconds" if which else "wall seconds",
        "examples_per_s": {name: round(value, 2) for name, value in rate.items()},
        "ours_against": {
            name: round(rate["ours"] / value, 2) for name, value in rate.items() if name != "ours"
        },
        "wall_s": {name: [round(t[0], 1) for t in found] for name, found in times.items()},
    }
    length = float(encoded.lengths.mean())
    bare = matmul_rate(config, int(arguments.examples * length), arguments)
    made = {
        name: value
        * operations(config, length, arguments.freeze_layers if name.startswith("ours") else 0)
        for name, value in rate.items()
    }
    out["tflop_per_s"] = {name: round(value / 1e12, 3) for name, value in made.items()}
    out["matmul_tflop_per_s"] = round(bare / 1e12, 3)
    out["matmul_share"] = {name: round(value / bare, 3) for name, value in made.items()}
    return out


def operations(config: Any, length: float, n_frozen: int) -> float:
    """Floating-point operations of training on an example, without those of frozen layers.

    Six a weight and token, twelve an attention score and dimension (Narayanan et al. 2021).
    """
    layers, hidden = config.num_hidden_layers - n_frozen, config.hidden_size
    weights = layers * (4 * hidden**2 + 2 * hidden * config.intermediate_size)
    return length * (6 * weights + 12 * layers * hidden * length)


def matmul_rate(config: Any, n_tokens: int, arguments: argparse.Namespace) -> float:
    """Operations a second of a bare product as large as the model's largest."""
    dtype = getattr(torch, arguments.precision)
    left = torch.randn(n_tokens, config.hidden_size, device=arguments.device, dtype=dtype)
    right = torch.randn(
        config.hidden_size, config.intermediate_size, device=arguments.device, dtype=dtype
    )
    for repeat in range(60):
        if repeat == 10:
            started = clock(arguments.device)
        left @ right
    which = 1 if arguments.device == "cpu" else 0
    n_operations = 2 * n_tokens * config.hidden_size * config.intermediate_size
    return 50 * n_operations / since(started, arguments.device)[which]


def clock(device: str) -> tuple[float, float]:
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def since(started: tuple[float, float], device: str) -> tuple[float, float]:
    now = clock(device)
    return now[0] - started[0], now[1] - started[1]


if __name__ == "__main__":
    main()
