import subprocess
import sys

from metaselect.seeding import derive_seed


def test_a_seed_depends_on_what_a_thing_is_and_on_nothing_else():
    code = "from metaselect.seeding import derive_seed; print(derive_seed(7, 'mnli', 'xnli'))"
    found = {
        int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(2)
    }
    assert found == {derive_seed(7, "mnli", "xnli")}


def test_other_roots_labels_and_orders_give_other_seeds():
    given = [(7,), (8,), (7, "a"), (7, "b"), (7, "a", "b"), (7, "b", "a"), (7, "ab"), (7, "", "a")]
    assert len({derive_seed(*labels) for labels in given}) == len(given)


def test_seeds_fill_32_bits_evenly():
    seeds = [derive_seed(0, str(number)) for number in range(4000)]
    assert len(set(seeds)) > 3990  # 4000^2 / 2^33: 0.002 collisions are expected
    assert 0 <= min(seeds) < 2**24
    assert 2**32 - 2**24 < max(seeds) < 2**32
    # the mean of 4,000 even draws from [0, 1) lies within 4 * sqrt(1 / 12 / 4000) = .018 of .5
    assert abs(sum(seeds) / 4000 / 2**32 - 0.5) < 0.018
