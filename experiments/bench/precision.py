"""Loss curves of a training in float32 and in bfloat16, seed by seed.

python experiments/bench/precision.py --data DATA --encoder ENCODER [--task mnli --rows 1600]

The same rows, order and head for either precision; dropout is off, so that nothing but rounding
differs. Printed are mean losses of successive parts of the training, and the last part's mean over
seeds with its standard deviation: a change of precision should move it less than a change of seed.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import transformers

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.recipe import Limits, Machine, Precision, Recipe
from metaselect.harness.train import bodies, encoders
from metaselect.harness.train.encoders import Encoder
from metaselect.harness.train.finetune import Hooks, Leg, finetune
from metaselect.harness.train.heads.base import label_count
from metaselect.harness.train.heads.registry import HEADS

N_PARTS = 5
LIMITS = Limits(max_length=96, query_length=40, stride=64, max_answer_length=30)
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--encoder", required=True)
    options.add_argument("--task", default="mnli")
    options.add_argument("--rows", type=int, default=1600)
    options.add_argument("--seeds", type=int, default=3)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    parts = " | ".join(f"part {part + 1}" for part in range(N_PARTS))
    print(f"| precision | seed | {parts} |\n|---|---|{'---|' * N_PARTS}")
    for precision in PRECISIONS:
        last = []
        for seed in range(chosen.seeds):
            losses = curve(chosen.data, chosen.encoder, chosen.task, chosen.rows, precision, seed)
            means = [float(part.mean()) for part in np.array_split(losses, N_PARTS)]
            last.append(means[-1])
            print(f"| {precision} | {seed} | {' | '.join(f'{mean:.4f}' for mean in means)} |")
        print(
            f"{precision}: last part {np.mean(last):.4f}, SD over seeds {np.std(last, ddof=1):.4f}"
        )


def curve(
    data: Path, encoder_path: str, task: str, n_rows: int, precision: Precision, seed: int
) -> np.ndarray:
    """Loss of every step of one pass over the rows."""
    card = load_catalogue(None)[task]
    head = HEADS[card.head]
    encoder = Encoder(
        name="bench", path=encoder_path, revision=None, n_layers=None, random_weights=False
    )
    machine = Machine(
        device="cpu", threads=1, inference_tokens=8192, compile=False, precision=precision
    )
    tokenizer = encoders.load_tokenizer(encoder)
    rows = Corpora(data).rows(card, "train", "en")
    picked = np.random.default_rng(seed).permutation(len(rows))[:n_rows]
    model = encoders.load_model(
        encoder, auto_class=head.auto_class, n_labels=label_count(head, card), seed=seed,
        attention=encoders.attention_for(machine), dropout=0.0,
    )  # fmt: skip
    bodies.freeze_embeddings(model)
    leg = Leg(model, head, head.encode([rows[index] for index in picked], tokenizer, LIMITS))
    recipe = Recipe(
        limits=LIMITS, train_rows=None, validation_rows=0, steps=None, epochs=1.0,
        batch_tokens=None, batch_examples=16, learning_rate=1e-4, warmup=0.1, weight_decay=0.01,
        clip_norm=1.0, checkpoint="last", n_snapshots=1, temperature=0.05, lora_rank=8,
        lora_alpha=16, freeze_embeddings=True, freeze_layers=0, dropout=0.0,
    )  # fmt: skip
    hooks = Hooks(lambda done, n_steps: None, None)
    return finetune(
        [leg], recipe, tokenizer=tokenizer, machine=machine, seed=seed, hooks=hooks
    ).losses


if __name__ == "__main__":
    main()
