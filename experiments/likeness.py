"""Does likeness by an encoder's frozen vectors find better relatives than character 3-grams?

    python experiments/likeness.py DATA ENCODER

Each task of the folder that has an unrelated task of its kind there is left out in turn with all
that share its data: is the most similar of the others of its kind? Both likenesses read the same
200 rows a task, evenly spaced, and are cosines without the mean over tasks. A vector is the mean
of a text's last states (up to 40 tokens); that of a task is the mean over its texts, each of
length 1.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from profiles import task_names, texts_in
from transformers import AutoModel, AutoTokenizer

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.likeness import profile

Floats = npt.NDArray[np.float64]

N_ROWS = 200
N_TOKENS = 40
BATCH = 50


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="Folder of tasks.")
    parser.add_argument("encoder", help="Folder or hub id of an encoder.")
    asked = parser.parse_args()
    names = task_names(asked.folder)
    texts = [_spaced(texts_in(asked.folder / name)) for name in names]
    tokenizer = AutoTokenizer.from_pretrained(asked.encoder)
    model = AutoModel.from_pretrained(asked.encoder, dtype=torch.bfloat16).eval()
    judge("3-grams", names, np.array([profile(own) for own in texts]))
    judge("vectors", names, np.array([task_vector(own, tokenizer, model) for own in texts]))


def _spaced(texts: list[str]) -> list[str]:
    return texts[:: max(1, len(texts) // N_ROWS)][:N_ROWS]


@torch.inference_mode()
def task_vector(texts: list[str], tokenizer, model) -> Floats:  # type: ignore[no-untyped-def]
    """The mean vector of some texts, shape (hidden,)."""
    found = []
    for start in range(0, len(texts), BATCH):
        inputs = tokenizer(
            [f"query: {text}" for text in texts[start : start + BATCH]],  # as E5 was trained
            padding=True, truncation=True, max_length=N_TOKENS, return_tensors="pt",
        )  # fmt: skip
        states = model(**inputs).last_hidden_state.float()
        mask = inputs["attention_mask"][:, :, None].float()
        means = (states * mask).sum(dim=1) / mask.sum(dim=1)
        found.append(torch.nn.functional.normalize(means, dim=1).numpy())
    return np.asarray(np.concatenate(found).mean(axis=0), dtype=np.float64)


def judge(words: str, names: list[str], rows: Floats) -> None:
    """Print how often the nearest task is of the same kind, and how far relatives stand out."""
    cards = shipped_catalogue()
    centred = rows - rows.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    alike = centred @ centred.T
    n_tasks = n_right = n_right_of_head = 0
    for place, name in enumerate(names):
        others = [at for at, other in enumerate(names) if not cards.share_training(name, other)]
        same = [at for at in others if cards[names[at]].kind == cards[name].kind]
        if not same or cards[name].kind == "probing":
            continue
        of_head = [at for at in others if cards[names[at]].head == cards[name].head]
        n_tasks += 1
        n_right += max(others, key=lambda at: alike[place, at]) in same
        n_right_of_head += max(of_head, key=lambda at: alike[place, at]) in same
    first, second = np.triu_indices(len(names), 1)
    shared = np.array(
        [cards.share_training(names[a], names[b]) for a, b in zip(first, second, strict=True)]
    )
    values = alike[first, second]
    unlike = float((values[shared][:, None] > values[~shared][None, :]).mean())
    print(
        f"{words}: of {len(names)} tasks the nearest is of the same kind for {n_right} of "
        f"{n_tasks}, the nearest of the same head for {n_right_of_head}; {int(shared.sum())} pairs "
        f"that share data are above {unlike:.1%} of those that share none"
    )


if __name__ == "__main__":
    main()
