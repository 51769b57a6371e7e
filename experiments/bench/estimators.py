"""LogME against the published implementations, taking turns in one process.

    python experiments/bench/estimators.py [--items 5000] [--dims 384] [--classes 3] [--repeats 7]

Times are the best of several turns on float64 features that are ready in memory, one thread each.
Beside them stands how far the values are apart. References that are not installed are skipped, with
how to get them; none is needed by the package:

    transformer-ranker   pip install --no-deps transformer-ranker   (uses the harness extra's torch)
    thuml/LogME          git clone https://github.com/thuml/LogME; pip install numba; --logme LogME
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import numpy as np

from metaselect.features.measured.evidence import logme

Estimate = Callable[[np.ndarray, np.ndarray], float]
HOW_TO_GET = {
    "transformer-ranker": "pip install --no-deps transformer-ranker",
    "thuml/LogME": "clone it, pip install numba, and pass --logme FOLDER",
}


def main() -> None:
    given = read_arguments()
    features, labels = made_up(given.items, given.dims, given.classes)
    print(f"{given.items} items, {given.dims} dimensions, {given.classes} classes; best of")
    print(f"{given.repeats} turns in milliseconds, ratio to ours, difference of values")
    rivals = {"transformer-ranker": transformer_ranker(), "thuml/LogME": thuml(given.logme)}
    for name, missing in HOW_TO_GET.items():
        if not rivals[name]:
            print(f"skipped {name}: {missing}")
    arms = {"metaselect": logme} | {name: own for name, own in rivals.items() if own is not None}
    report(arms, (features, labels), given.repeats)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--logme", type=Path, help="folder with thuml/LogME's LogME.py")
    return parser.parse_args()


def made_up(n_items: int, n_dims: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Features with a spectrum like an encoder's, some of it about the labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(n_classes, size=n_items)
    features = rng.normal(size=(n_items, n_dims))
    features[:, :n_classes] += np.eye(n_classes)[labels]
    scales = np.exp(-np.arange(n_dims) * 4 / n_dims)
    rotation, _ = np.linalg.qr(rng.normal(size=(n_dims, n_dims)))
    return features * scales @ rotation, labels


def transformer_ranker() -> Estimate | None:
    try:
        torch = importlib.import_module("torch")
        package = importlib.import_module("transformer_ranker.estimators")
    except ImportError:
        return None
    torch.set_num_threads(1)
    return lambda x, y: float(package.LogME().fit(torch.from_numpy(x), torch.from_numpy(y)))


def thuml(folder: Path | None) -> Estimate | None:
    if folder is None:
        return None
    sys.path.insert(0, str(folder))
    kind = importlib.import_module("LogME").LogME
    return lambda x, y: float(kind().fit(x, y))


def report(
    arms: Mapping[str, Estimate],
    data: tuple[np.ndarray, np.ndarray],
    repeats: int,
) -> None:
    values = {name: arm(*data) for name, arm in arms.items()}  # first calls warm up
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(repeats):
        for name, arm in arms.items():
            start = time.perf_counter()
            arm(*data)
            times[name].append(time.perf_counter() - start)
    own = min(times["metaselect"])
    for name, taken in times.items():
        away = abs(values[name] - values["metaselect"])
        print(f"{name:20}{min(taken) * 1e3:9.1f}{min(taken) / own:8.2f}x{away:10.1e}")


if __name__ == "__main__":
    main()
