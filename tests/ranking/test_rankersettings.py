import pytest

from metaselect.ranking.ranker import TreeSizes, sizes_for


@pytest.mark.parametrize(
    ("n_queries", "n_candidates", "sizes"),
    [
        # 80 rows: 4 x 8.9 = 35 trees, raised to 40; 2 // 3 leaves, raised to 4; 2 rows, raised to 5
        (8, 10, TreeSizes(40, 4, 5)),
        # 400 rows: 4 x 20 trees; 20 // 3 = 6 leaves, under 400 // 50 = 8; 400 // 40 rows
        (20, 20, TreeSizes(80, 6, 10)),
        # 900 rows: 4 x 30 trees; 30 // 3 = 10 leaves, under 18; 22 rows, cut to 20
        (30, 30, TreeSizes(120, 10, 20)),
        # 8,100 rows: 4 x 90 = 360 trees, cut to 300; 45 leaves, cut to 16
        (135, 60, TreeSizes(300, 16, 20)),
    ],
)
def test_sizes_of_trees_follow_the_size_of_the_table(n_queries, n_candidates, sizes):
    assert sizes_for(n_rows=n_queries * n_candidates, n_queries=n_queries) == sizes


def test_rows_of_few_queries_do_not_make_trees_larger():
    # 10,000 rows either way: 10 queries allow 3 leaves, raised to 4; 100 allow 33, cut to 16
    assert sizes_for(n_rows=10_000, n_queries=10).n_leaves == 4
    assert sizes_for(n_rows=10_000, n_queries=100).n_leaves == 16


def test_queries_of_few_candidates_do_not_make_trees_larger():
    # 100 queries allow 16 leaves, 300 rows allow 300 // 50 = 6
    assert sizes_for(n_rows=300, n_queries=100).n_leaves == 6
