"""The text profiles that ship with the package: made, and judged by what they tell apart.

    python experiments/profiles.py make DATA
    python experiments/profiles.py measure DATA

`make` writes `metaselect/catalogue/profiles.npz` from the first columns of each task's English
training rows (up to 1,000, evenly spaced); texts stay where they are. `measure` guesses each task
of the folder from its rows with its own profile, and those of tasks that share its data by their
cards, left out.
"""

import argparse
import io
import itertools
from pathlib import Path

import numpy as np

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.columns import find_columns, text_of
from metaselect.catalogue.datafile import read_data_file
from metaselect.catalogue.likeness import PROFILES, SAME_DATA, profile, shipped_profiles
from metaselect.catalogue.newtask import Overrules, guess_task
from metaselect.files import write_bytes

SHIPPED = Path(__file__).parents[1] / "metaselect" / "catalogue" / PROFILES


def main() -> None:
    """Make or measure, by the first argument."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["make", "measure"])
    parser.add_argument("folder", type=Path, help="Folder of tasks.")
    asked = parser.parse_args()
    texts = {name: texts_in(asked.folder / name) for name in task_names(asked.folder)}
    if asked.what == "make":
        make(texts)
    else:
        measure_halves(texts)
        measure_guesses(asked.folder, list(texts))


def task_names(folder: Path) -> list[str]:
    """Tasks with a card and with English training rows."""
    catalogue = shipped_catalogue()
    return sorted(path.parent.name for path in folder.glob("*/train.*")
                  if path.parent.name in catalogue)  # fmt: skip


def texts_in(folder: Path) -> list[str]:
    """The text of each training row."""
    data = read_data_file(folder)
    columns = find_columns(data)
    return [text_of(row, columns) for row in data.rows]


def make(texts: dict[str, list[str]]) -> None:
    """Write the profiles of all tasks."""
    arrays = {
        "names": np.array(list(texts)),
        "mean_words": np.array(
            [np.mean([len(text.split()) for text in own]) for own in texts.values()],
            dtype=np.float32,
        ),
        "roots": np.array([profile(own) for own in texts.values()], dtype=np.float16),
    }
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_bytes(SHIPPED, packed.getvalue())
    print(f"{SHIPPED}: {len(texts)} tasks, {SHIPPED.stat().st_size:,} bytes")


def measure_halves(texts: dict[str, list[str]]) -> None:
    """Likeness between halves of tasks that have no row in common."""
    catalogue, names = shipped_catalogue(), list(texts)
    mean = shipped_profiles().roots.mean(axis=0)
    halves = [
        np.array([profile(texts[name][start::2][:500]) for name in names]) - mean
        for start in (0, 1)
    ]
    first, second = (half / np.linalg.norm(half, axis=1, keepdims=True) for half in halves)
    found = (first @ second.T + second @ first.T) / 2
    pairs = list(itertools.combinations(range(len(names)), 2))
    shared = [catalogue.share_training(names[one], names[other]) for one, other in pairs]
    values = np.array([found[pair] for pair in pairs])
    for words, own in (
        ("a task's own halves", found.diagonal()),
        ("tasks that share data", values[shared]),
        ("tasks that share none", values[~np.array(shared)]),
    ):
        quantiles = np.quantile(own, [0, 0.1, 0.5, 0.95, 0.99, 1]).round(3)
        print(f"{words}: n={len(own)}, least, 10%, median, 95%, 99%, most: {quantiles}, "
              f"from {SAME_DATA}: {(own >= SAME_DATA).sum()}")  # fmt: skip
    strangers = [(values[place], *(names[one] for one in pairs[place]))
                 for place in np.argsort(-values) if not shared[place]]  # fmt: skip
    print(strangers[:3])


def measure_guesses(folder: Path, names: list[str]) -> None:
    """How often head and kind are guessed right, and what decided."""
    catalogue = shipped_catalogue()
    right = {"head": 0, "kind": 0, "kind by rule": 0, "kind by likeness": 0}
    n_by = {"rule": 0, "likeness": 0}
    for name in names:
        unseen = {other for other in catalogue if catalogue.share_training(name, other)}
        found = guess_task(folder / name, catalogue, Overrules(), unseen=unseen)
        card, by = catalogue[name], "likeness" if found.by_likeness else "rule"
        n_by[by] += 1
        right["head"] += found.card.head == card.head
        right["kind"] += found.card.kind == card.kind
        right[f"kind by {by}"] += found.card.kind == card.kind
        if (found.card.head, found.card.kind) != (card.head, card.kind):
            print(f"  {name}: {found.card.head}, {found.card.kind} by {by} ({found.because}), "
                  f"is {card.head}, {card.kind}")  # fmt: skip
    print(f"of {len(names)}: {right}; decided by {n_by}")


if __name__ == "__main__":
    main()
