"""Measures of a task and of a task pair: data, frozen difficulty, similarity, transferability.

Similarities are higher for tasks that are more alike.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from metaselect.features.measured import probes
from metaselect.features.measured.bench import N_SAMPLE, Bench, texts_of
from metaselect.features.measured.cross_lingual import task_counts
from metaselect.features.measured.evidence import logme
from metaselect.features.measured.hardness import chance_corrected_error, label_entropy
from metaselect.features.measured.labelled import Floats
from metaselect.features.measured.learning import class_labels
from metaselect.features.measured.vectors import Vectors, labelled_vectors
from metaselect.harness.score.retrieval import embed_texts
from metaselect.harness.train.heads.registry import HEADS
from metaselect.harness.train.inference import autocast, padded_batch, to_tensors

_N_FISHER = 128  # rows whose gradients make a task's embedding
_N_WORDS = 5000


def text_similarity(mean_a: np.ndarray, mean_b: np.ndarray) -> float:
    """Cosine of two corpora's mean embeddings; higher is more alike.

    Args:
        mean_a: Mean of the embeddings of one corpus's texts, shape (n_dims,), finite, not zero.
        mean_b: The other's, same shape, from the same encoder.

    Returns:
        In [-1, 1]; usually near 1, since encoders' embeddings share a direction: subtract a
        common mean first to see more.

    Raises:
        ValueError: Shapes differ, NaN or infinite values, or a vector of zeros.

    Source:
        TextEmb of Vu et al. 2020 (2005.00770), section 3.1.

    Example:
        >>> text_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0]))
        0.96
    """
    return _cosine(*_pair(mean_a, mean_b))


def fisher_similarity(fisher_a: np.ndarray, fisher_b: np.ndarray) -> float:
    """Cosine of two tasks' diagonals of the Fisher information; higher is more alike.

    Args:
        fisher_a: Mean squared gradient of each parameter of the shared encoder on one task, shape
            (n_parameters,), at least 0, finite, not all zero.
        fisher_b: The other's, same shape and parameters.

    Returns:
        In [0, 1].

    Raises:
        ValueError: Shapes differ, NaN, infinite or negative values, or a vector of zeros.

    Source:
        TaskEmb of Vu et al. 2020 (2005.00770), section 3.2, over all parameters at once (there
        also layer by layer, with the layers' ranks fused).

    Example:
        >>> fisher_similarity(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
        0.0
    """
    first, second = _pair(fisher_a, fisher_b)
    if min(first.min(), second.min()) < 0:
        raise ValueError("a Fisher diagonal is at least 0 everywhere, got a negative value")
    return _cosine(first, second)


def _pair(vector_a: np.ndarray, vector_b: np.ndarray) -> tuple[Floats, Floats]:
    first, second = np.asarray(vector_a, np.float64), np.asarray(vector_b, np.float64)
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise ValueError(f"need two vectors of one shape, got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("vectors hold NaN or infinite values")
    if not (first.any() and second.any()):
        raise ValueError("a vector of zeros has no direction")
    return first, second


def _cosine(first: Floats, second: Floats) -> float:
    first, second = first / np.abs(first).max(), second / np.abs(second).max()  # no overflow
    cosine = float(first @ second / np.sqrt((first @ first) * (second @ second)))
    return min(max(cosine, -1.0), 1.0)


def data_measures(bench: Bench, name: str) -> dict[str, float]:
    """Measures of a task's English training rows that need no encoder."""
    card = bench.source(name)
    if card is None:
        return {}
    rows = bench.rows(card, "train", N_SAMPLE)
    words = [text.lower().split() for text in texts_of(rows)]
    first = [word for text in words for word in text][:_N_WORDS]
    found = {
        "log_text_length": float(np.log10(max(1.0, sum(map(len, words)) / len(words)))),
        "type_token_ratio": len(set(first)) / len(first),
    }
    labels = class_labels(rows) if card.head != "regression" else None
    if labels is not None:
        found["label_entropy"] = label_entropy(labels)
    return found


def frozen_measures(bench: Bench, name: str) -> dict[str, float]:
    """Difficulty of a task for simple models on the encoder's frozen vectors."""
    vectors = frozen_vectors(bench, name)
    if vectors is None:
        return {}
    features, labels = vectors.features, vectors.labels
    n_classes = int(labels.max()) + 1
    linear = probes.linear_accuracy(features, labels, seed=0)
    nearest = probes.nearest_neighbour_accuracy(features, labels)
    bits = probes.prequential_bits(features, labels, seed=0)
    return {
        "probe_difficulty": error_of(linear, vectors),
        "neighbour_difficulty": error_of(nearest, vectors),
        "description_length": min(bits / float(np.log2(n_classes)), 4.0),
    }


def error_of(accuracy: float, vectors: Vectors) -> float:
    """Error above chance level, at most 2."""
    return min(2.0, chance_corrected_error(accuracy, chance=vectors.chance))


def similarity_measures(bench: Bench, task: str, target: str) -> dict[str, float]:
    """Similarity of a task's English texts and a target's."""
    counts = [task_counts(bench, name) for name in (task, target)]
    if not all(counts):
        return {}
    types = [{token for token, count in found.items() if count > 1} for found in counts]
    means = [mean_vector(bench, name) for name in (task, target)]
    return {
        "vocabulary_overlap": len(types[0] & types[1]) / max(1, len(types[0] | types[1])),
        "text_similarity": text_similarity(*means),
    }


def transfer_measures(bench: Bench, task: str, target: str) -> dict[str, float]:
    """Transferability estimates: target labels against vectors of the encoder tuned on the task."""
    found = _task_similarity(bench, task, target)
    vectors = labelled_vectors(bench, target, tuned_on=task)
    if vectors is None:
        return found
    linear = probes.linear_accuracy(vectors.features, vectors.labels, seed=0)
    return found | {
        "logme": logme(vectors.features, vectors.labels),
        "linear_transfer": 1.0 - error_of(linear, vectors),
    }


@lru_cache(maxsize=64)
def mean_vector(bench: Bench, name: str) -> npt.NDArray[np.float64]:
    """Mean unit vector of a task's English training texts under the pretrained encoder."""
    card = bench.source(name)
    if card is None:
        raise ValueError(f"{name} has no English training rows")
    predictor = bench.predictor(bench.body(None), card)
    texts = texts_of(bench.rows(card, "train", N_SAMPLE))
    found = embed_texts(predictor, texts, max_length=96, layer=-1, pooling="mean")
    return np.asarray(found.mean(axis=0), dtype=np.float64)


@lru_cache(maxsize=64)
def frozen_vectors(bench: Bench, name: str) -> Vectors | None:
    """A task's labelled vectors under the pretrained encoder."""
    return labelled_vectors(bench, name, tuned_on=None)


def _task_similarity(bench: Bench, task: str, target: str) -> dict[str, float]:
    fishers = [fisher_diagonal(bench, name) for name in (task, target)]
    if fishers[0] is None or fishers[1] is None:
        return {}
    shares = [
        fisher_similarity(fishers[0][name], fishers[1][name])
        for name in fishers[0].keys() & fishers[1].keys()
    ]
    return {"task_similarity": float(np.mean(shares))}


@lru_cache(maxsize=64)
def fisher_diagonal(bench: Bench, name: str) -> Mapping[str, npt.NDArray[np.float32]] | None:
    """Empirical Fisher diagonal of the model tuned on a task, by weight matrix of its body.

    Squared gradients of batches' summed losses, a cheap stand-in for squared gradients of single
    examples; embeddings, which do not train, are left out.
    """
    card = bench.source(name)
    if card is None or HEADS[card.head].score is None:
        return None
    model, head = bench.tuned(card), HEADS[card.head]
    predictor = bench.predictor(model, card)
    rows = bench.rows(card, "train", _N_FISHER)
    encoded = head.encode(rows, predictor.tokenizer, predictor.limits)
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    weights = {
        name.removeprefix(prefix): weight
        for name, weight in model.named_parameters()
        if name.startswith(prefix) and "embeddings" not in name and weight.ndim > 1
    }
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    model.eval()
    for index in np.array_split(np.arange(len(encoded)), max(1, len(encoded) // 4)):
        batch = padded_batch(
            encoded, index, tokenizer=predictor.tokenizer, machine=predictor.machine
        )
        with autocast(predictor.machine):
            tensors = to_tensors(batch, model, predictor.machine.device)
            loss = head.train(model, tensors, temperature=1.0).loss_sum
        model.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for name, weight in weights.items():
            if weight.grad is not None:
                total[name] += weight.grad**2
    return {
        name: values.flatten().cpu().numpy()
        for name, values in total.items()
        if "pooler" not in name
    }
