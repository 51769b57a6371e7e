"""Every feature there is, in one list: tables, ablation, range warnings and docs read it."""

from collections.abc import Collection, Sequence

from metaselect.features import (
    affinity,
    difficulty,
    diversity,
    history,
    language,
    profiles,
    size,
)
from metaselect.features.base import Feature, Group, products_of
from metaselect.features.measured import records

_SINGLE = (
    *size.FEATURES,
    *difficulty.FEATURES,
    *language.FEATURES,
    *diversity.FEATURES,
    *affinity.FEATURES,
    *history.FEATURES,
    *profiles.FEATURES,
    *records.RANKED,
)

# What an intermediate asks, times how far the language is and how much the encoder saw of it:
# a language alone is constant within a query and cannot reorder its candidates.
_PRODUCTS = (
    ("log_size_intermediate", "rasch_intermediate"),
    ("log_size_intermediate", "syntactic_distance"),
    ("log_size_intermediate", "log_pretraining_gib"),
    ("log_size_intermediate", "typology_diversity"),
    ("rasch_intermediate", "syntactic_distance"),
    ("rasch_intermediate", "genetic_distance"),
    ("rasch_intermediate", "log_pretraining_gib"),
    ("rasch_intermediate", "typology_diversity"),
    ("error_intermediate", "syntactic_distance"),
    ("same_kind", "syntactic_distance"),
    ("same_head", "syntactic_distance"),
    ("log_size_intermediate", "fertility"),
    ("unlearnt_share_intermediate", "syntactic_distance"),
    ("unlearnt_share_intermediate", "log_pretraining_gib"),
    ("word_order_reliance_intermediate", "syntactic_distance"),
    ("same_head", "target_doubt"),
)

FEATURES: tuple[Feature, ...] = (*_SINGLE, *products_of(_SINGLE, _PRODUCTS))
"""All features, single ones first."""


def features_of(groups: Collection[Group]) -> Sequence[Feature]:
    """The features whose groups are all among those given, in the registry's order.

    A product of two groups needs both.
    """
    return [feature for feature in FEATURES if set(feature.groups) <= set(groups)]


def reference_table() -> str:
    """The registry as a Markdown table, for the documentation."""
    head = "| feature | groups | unit | range | function of | missing when | source |"
    lines = [head, "|" + "---|" * 7]
    for feature in FEATURES:
        cells = (
            f"`{feature.name}`: {feature.words}",
            ", ".join(feature.groups),
            feature.unit or "–",
            f"{feature.low:g} to {feature.high:g}",
            ", ".join(key for key in feature.keys if key != "held_out"),
            feature.missing,
            feature.source,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
