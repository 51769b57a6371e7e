"""Choosing languages that differ, and saying how well a set of languages covers another.

Distances and values are those of `catalogue.uriel`, most of them imputed. A language in two
scripts counts once. The diversity indices of a set stand in `features.diversity`.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from metaselect.catalogue.languages import resolve_language
from metaselect.catalogue.uriel import Distance, load_uriel
from metaselect.errors import MetaselectError
from metaselect.features.base import Floats

_DECIMALS = 12  # of distances: equal ones then tie whatever the order of a sum

Rule = Literal["sum", "min"]


def mean_pairwise_distance(codes: Iterable[str], *, kind: Distance) -> float:
    """Mean distance of all pairs of languages; higher is more diverse.

    Args:
        codes: At least two different languages, by any of their codes.
        kind: Which distance of `catalogue.uriel`.

    Returns:
        In [0, 1].

    Raises:
        ValueError: Fewer than two different languages.
        MetaselectError: An unknown code, or a language without such a distance.

    Source:
        MPD of Ploeger et al. 2024 (2407.05022), there on Grambank's vectors.
    """
    names, distances = _distances(codes, kind)
    if len(names) < 2:
        raise ValueError(f"need at least two different languages, got {len(names)}")
    return float(distances[np.triu_indices(len(names), k=1)].mean())


def max_sum_sample(codes: Iterable[str], *, n_languages: int, kind: Distance) -> tuple[str, ...]:
    """Languages chosen one by one, each the farthest in sum from those chosen before.

    Args:
        codes: Languages to choose from, by any of their codes.
        n_languages: How many to choose, at least 1.
        kind: Which distance of `catalogue.uriel`.

    Returns:
        Codes as given, in the order chosen, so a smaller sample is the start of a larger one. The
        first has the largest sum of distances to all. Ties go to the code that sorts first.

    Raises:
        ValueError: n_languages below 1 or above the number of different languages.
        MetaselectError: An unknown code, or a language without such a distance.

    Source:
        MaxSum of Ploeger et al. 2024 (2407.05022), as in esther2000/typdiv-sampling.
    """
    return _sample(codes, n_languages, kind, "sum")


def max_min_sample(codes: Iterable[str], *, n_languages: int, kind: Distance) -> tuple[str, ...]:
    """Languages chosen one by one, each the farthest from the nearest of those chosen before.

    Arguments, result, errors and source are those of `max_sum_sample`, with MaxMin for MaxSum.
    """
    return _sample(codes, n_languages, kind, "min")


def spread_out(distances: Floats, n_chosen: int, *, rule: Rule) -> list[int]:
    """Positions chosen one by one, each the farthest from those chosen before.

    Args:
        distances: Between all pairs, shape (n, n), symmetric.
        n_chosen: How many, 1 to n.
        rule: Farthest by the "sum" of distances to the chosen, or by the "min", the nearest one.

    Returns:
        Positions in the order chosen; the first has the largest sum of distances to all. Ties go
        to the earlier position.

    Raises:
        ValueError: Not square, or n_chosen out of range.

    Example:
        >>> line = np.array([0.0, 1.0, 4.0, 5.0])  # ends first, by sum; then what is left
        >>> spread_out(np.abs(line[:, None] - line), 3, rule="sum")
        [0, 3, 1]
    """
    if distances.ndim != 2 or distances.shape[0] != distances.shape[1]:
        raise ValueError(f"distances must be square, got shape {distances.shape}")
    if not 1 <= n_chosen <= len(distances):
        raise ValueError(f"can choose 1 to {len(distances)}, got {n_chosen}")
    chosen = [int(np.round(distances.sum(axis=1), _DECIMALS).argmax())]
    while len(chosen) < n_chosen:
        to_chosen = distances[:, chosen]
        worth = to_chosen.sum(axis=1) if rule == "sum" else to_chosen.min(axis=1)
        worth = np.round(worth, _DECIMALS)
        worth[chosen] = -np.inf
        chosen.append(int(worth.argmax()))
    return chosen


def jaccard_minmax(codes: Iterable[str], reference: Iterable[str]) -> float:
    """How far a set of languages covers a reference set's grammar, by min over max of its bins.

    A bin is one of the 103 syntactic features, its height the set's languages that have it, scaled
    so that both sets' heights have one sum.

    Args:
        codes: Languages of the set, by any of their codes, at least one.
        reference: Languages of the reference, such as a typologist's sample, at least one.

    Returns:
        In [0, 1]; 1.0 where the sets have the features in equal proportion. Symmetric.

    Raises:
        ValueError: A set is empty.
        MetaselectError: An unknown code, or a language without vectors.

    Source:
        J_mm of Samardžić et al. 2024 (2403.03909) on `syntax_knn`, scaled as in
        MorphDiv/jmm_diversity, whose reference is the TeDDi sample.
    """
    heights = []
    for chosen in (codes, reference):
        languages = _languages(chosen)
        if not languages:
            raise ValueError("need at least one language in the set and in the reference")
        counts = load_uriel().vectors("syntax_knn", list(languages)).sum(axis=0)
        heights.append(counts / counts.sum())
    return float(np.minimum(*heights).sum() / np.maximum(*heights).sum())


def _sample(codes: Iterable[str], n_languages: int, kind: Distance, rule: Rule) -> tuple[str, ...]:
    names, distances = _distances(codes, kind)
    if not 1 <= n_languages <= len(names):
        raise ValueError(f"can choose 1 to {len(names)} different languages, got {n_languages}")
    return tuple(names[place] for place in spread_out(distances, n_languages, rule=rule))


def _distances(codes: Iterable[str], kind: Distance) -> tuple[list[str], Floats]:
    """Codes in order, and the distances of all pairs of their languages."""
    languages = _languages(codes)
    names, vectors_codes = list(languages.values()), list(languages)
    uriel = load_uriel()
    if kind == "geographic":
        rows = [uriel.distances(kind, vectors_codes, origin) for origin in vectors_codes]
        distances = np.array(rows).reshape(len(names), len(names))
    else:
        distances = uriel.pairwise(kind, vectors_codes)
    _refuse([name for name, own in zip(names, distances.diagonal(), strict=True) if own != own])
    return names, distances


def _languages(codes: Iterable[str]) -> dict[str, str]:
    """Code as given, by code of the vectors, in the order of the codes; the first of equals."""
    found: dict[str, str] = {}
    unknown = []
    for code in sorted(set(codes)):
        vectors_code = resolve_language(code).vectors_code
        if vectors_code is None:
            unknown.append(code)
        else:
            found.setdefault(vectors_code, code)
    _refuse(unknown)
    return found


def _refuse(codes: Sequence[str]) -> None:
    if codes:
        raise MetaselectError(
            f"lang2vec has no such values for {', '.join(codes)}. Leave them out, or take another "
            "distance."
        )
