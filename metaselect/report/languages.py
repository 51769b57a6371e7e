"""Which languages a page computes gains for, and which of them stands for each other language.

A page cannot hold the gains of every pair of target and intermediate in 8,000 languages. It has
those of the training runs, those with known pretraining or resources, and then languages chosen so
that every other one is close to one of them in what the predictor sees of a language.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metaselect.catalogue.languages import Language, resolve_language, shipped_languages
from metaselect.catalogue.uriel import load_uriel

MAX_LANGUAGES = 160
"""Enough for the 104 languages with known facts and 50 spread over the rest."""

MAX_CELLS = 500_000
"""Pairs of query and candidate: with their reasons, a page of about 3 MB."""

Floats = npt.NDArray[np.float32]

_EVERY = 8


@dataclass(frozen=True, slots=True)
class PageLanguages:
    """Languages of a page.

    Attributes:
        listed: Every language that can be chosen, by name.
        computed: Those with gains of their own; a subset, in the order of the gains.
        stand_in: For each listed language the position among `computed` of the one whose gains
            are shown for it: itself where it has its own.
        seen: Canonical codes of the training runs' languages.
    """

    listed: tuple[Language, ...]
    computed: tuple[Language, ...]
    stand_in: tuple[int, ...]
    seen: frozenset[str]


def page_languages(training: Iterable[str], *, n_most: int) -> PageLanguages:
    """Choose languages to compute, those of training first.

    Args:
        training: Codes of the training runs; all of them are computed, however many.
        n_most: How many to compute, if training has not more.

    Returns:
        The choice; a language that is not computed is shown with the gains of the computed one
        that shares its script (Latin or not) and whether XLM-R was pretrained on it, then its
        family where one does, and is nearest in grammar (cosine of URIEL's syntax vectors).
    """
    own = list(dict.fromkeys(resolve_language(code).code for code in training))
    listed = {**shipped_languages(), **{code: resolve_language(code) for code in own}}
    known = [code for code, item in listed.items() if _has_facts(item) and code not in own]
    chosen = [*own, *known[: max(n_most - len(own), 0)]]
    codes = list(listed)
    near = _nearness(list(listed.values()))
    picked = _spread(near, [codes.index(code) for code in chosen], n_most=n_most)
    stand_in = (near @ near[picked].T).argmax(axis=1)
    stand_in[picked] = np.arange(len(picked))
    order = sorted(range(len(codes)), key=lambda at: (listed[codes[at]].name.lower(), codes[at]))
    return PageLanguages(
        listed=tuple(listed[codes[at]] for at in order),
        computed=tuple(listed[codes[at]] for at in picked),
        stand_in=tuple(int(stand_in[at]) for at in order),
        seen=frozenset(own),
    )


def _has_facts(language: Language) -> bool:
    return language.in_xlmr or language.joshi_class is not None or bool(language.in_mbert)


def _nearness(languages: Sequence[Language]) -> Floats:
    """Vectors whose dot product is highest for languages that may stand for each other.

    Cosine of grammar, at most 1, plus 1 for one family, plus 3 for each of the two facts that must
    agree before either counts: Latin script, and text in XLM-R's pretraining.
    """
    codes = [item.vectors_code or "" for item in languages]
    grammar = np.nan_to_num(load_uriel().vectors("syntax_knn", codes)).astype(np.float32)
    length = np.linalg.norm(grammar, axis=1, keepdims=True)
    family, _ = pd.factorize(np.array([item.family or item.code for item in languages]))
    latin = np.array([item.script == "Latn" for item in languages])
    seen = np.array([item.in_xlmr for item in languages])
    parts = [_one_hot(family), 3**0.5 * _one_hot(latin), 3**0.5 * _one_hot(seen)]
    return np.concatenate([grammar / np.maximum(length, 1e-9), *parts], axis=1)


def _one_hot(values: npt.NDArray[Any]) -> Floats:
    return np.asarray(values[:, None] == np.unique(values), dtype=np.float32)


def _spread(near: Floats, chosen: Sequence[int], *, n_most: int) -> list[int]:
    """The chosen, then again and again the one that brings all languages nearest to a picked one.

    One in `_EVERY` is tried, so that their nearness to all fits in memory.
    """
    picked = list(chosen)
    tried = np.arange(0, len(near), _EVERY)
    likeness = near[tried] @ near.T
    best = np.max(near[picked] @ near.T, axis=0, initial=0.0)
    while len(picked) < n_most:
        total = np.maximum(likeness, best).sum(axis=1)
        total[np.isin(tried, picked)] = -1.0
        picked.append(int(tried[total.argmax()]))
        best = np.maximum(best, near @ near[picked[-1]])
    return picked
