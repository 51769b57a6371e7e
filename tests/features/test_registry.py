import pytest

from metaselect.features.base import GROUPS
from metaselect.features.registry import FEATURES, features_of, reference_table

SINGLE = [feature for feature in FEATURES if "_x_" not in feature.name]
PRODUCTS = [feature for feature in FEATURES if "_x_" in feature.name]


def test_names_are_unique_and_every_group_has_members():
    names = [feature.name for feature in FEATURES]
    assert len(names) == len(set(names)) == len(SINGLE) + len(PRODUCTS) >= 49
    assert {group for feature in FEATURES for group in feature.groups} == set(GROUPS)
    assert len(PRODUCTS) >= 11


def test_all_groups_together_are_the_whole_registry_and_none_is_none():
    assert list(features_of(GROUPS)) == list(FEATURES)
    assert list(features_of(())) == []


@pytest.mark.parametrize("group", GROUPS)
def test_without_a_group_nothing_of_it_is_left(group):
    rest = [name for name in GROUPS if name != group]
    kept = features_of(rest)
    assert all(group not in feature.groups for feature in kept)
    gone = [feature for feature in FEATURES if feature not in kept]
    assert gone
    assert all(group in feature.groups for feature in gone)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda feature: feature.name)
def test_a_product_is_of_the_groups_of_its_factors_and_goes_when_either_goes(product):
    by_name = {feature.name: feature for feature in SINGLE}
    first, second = (by_name[name] for name in product.name.split("_x_"))
    assert set(product.groups) == {*first.groups, *second.groups}
    for group in product.groups:
        assert product not in features_of([name for name in GROUPS if name != group])
    assert product in features_of(product.groups)


def test_a_language_alone_can_reorder_nothing_so_products_pair_it_with_a_candidate():
    for product in PRODUCTS:
        assert {"intermediate", "intermediate_kind"} & set(product.keys), product.name


def test_the_reference_has_a_row_for_every_feature():
    lines = reference_table().splitlines()
    assert len(lines) == 2 + len(FEATURES)
    for feature, line in zip(FEATURES, lines[2:], strict=True):
        assert f"`{feature.name}`" in line
        assert line.count("|") == lines[0].count("|")
