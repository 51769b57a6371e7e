import numpy as np
import pytest

from metaselect.catalogue.uriel import load_uriel
from metaselect.errors import MetaselectError, UnknownName
from metaselect.features.sampling import (
    jaccard_minmax,
    max_min_sample,
    max_sum_sample,
    mean_pairwise_distance,
    spread_out,
)

TYDIQA = ["ar", "bn", "en", "fi", "id", "ja", "ko", "ru", "sw", "te", "th"]
XCOPA = ["et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh"]
KINDS = ["syntactic", "phonological", "inventory", "featural", "geographic"]
TEDDI_CODES = (  # the reference of Samardžić et al. 2024: Data/isomappings/teddi500.csv
    "abk amp aey apu bmi bsn gry eus ape bsk ram tzm cha ckt zoc dgz hae arz fij fin gni khk hau "
    "heb hin hix hnj qvi imn ind kal gyd kio kor kut laj lvk dni lue ayz myh cmn arn vma mph ote "
    "ell naq tur kat kan mya jpn pwn gug myp plt jac rma rap rus sag mig xsu spa fra eng deu swh "
    "tgl tml tha tiw vie wyb wba pav pes kew kjq wic mzh yad yaq yor zul crk kgo spp"
)
TEDDI = TEDDI_CODES.split()


def line(*places):
    return np.abs(np.subtract.outer(np.array(places, float), np.array(places, float)))


# Choosing


def test_the_sum_rule_goes_on_to_the_far_group_and_the_min_rule_to_the_gaps():
    # places 0, 1, 10, 19, 20: sums 50, 47, 38, 47, 50, so 0 first (the earlier of equals), then 20;
    # by sum all others are worth 20: the earliest, 1. By the nearest, 10 is worth 10, others 1
    distances = line(0, 1, 10, 19, 20)
    assert spread_out(distances, 3, rule="sum") == [0, 4, 1]
    assert spread_out(distances, 3, rule="min") == [0, 4, 2]


def test_rounding_does_not_break_a_tie():
    # 0 and 1 come first; then 2 is worth .3 + 0 and 3 is worth .1 + .2, a little more in floats
    distances = np.zeros((4, 4))
    distances[0, 1:], distances[1, 2:] = [9.0, 0.3, 0.1], [0.0, 0.2]
    assert 0.1 + 0.2 > 0.3
    assert spread_out(distances + distances.T, 3, rule="sum") == [0, 1, 2]


def test_everything_is_chosen_once_in_the_end():
    points = np.random.default_rng(0).normal(size=(12, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    for rule in ("sum", "min"):
        assert sorted(spread_out(distances, 12, rule=rule)) == list(range(12))
    assert spread_out(np.zeros((4, 4)), 4, rule="min") == [0, 1, 2, 3]


@pytest.mark.parametrize("rule", ["sum", "min"])
def test_each_choice_is_the_farthest_of_what_is_left(rule):
    points = np.random.default_rng(1).normal(size=(20, 4))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    chosen = spread_out(distances, 8, rule=rule)
    assert chosen[0] == distances.sum(axis=1).argmax()
    for step in range(1, 8):
        rest = sorted(set(range(20)) - set(chosen[:step]))
        worth = [getattr(distances[item, chosen[:step]], rule)() for item in rest]
        assert chosen[step] == rest[int(np.argmax(worth))]


@pytest.mark.parametrize("sample", [max_sum_sample, max_min_sample])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_the_start_of_a_larger_one_whatever_the_order_of_codes(sample, kind):
    large = sample(TYDIQA, n_languages=7, kind=kind)
    assert set(large) <= set(TYDIQA)
    assert len(set(large)) == 7
    for n_languages in range(1, 7):
        found = sample(reversed(TYDIQA), n_languages=n_languages, kind=kind)
        assert found == large[:n_languages]


@pytest.mark.parametrize("sample", [max_sum_sample, max_min_sample])
def test_a_chosen_sample_is_more_diverse_than_all_of_them(sample):
    chosen = sample(TYDIQA, n_languages=4, kind="syntactic")
    spread = mean_pairwise_distance(chosen, kind="syntactic")
    assert spread > mean_pairwise_distance(TYDIQA, kind="syntactic") + 0.03


def test_the_two_rules_differ_on_real_languages():
    by_sum = max_sum_sample(TYDIQA, n_languages=4, kind="syntactic")
    assert by_sum != max_min_sample(TYDIQA, n_languages=4, kind="syntactic")


def test_a_language_in_two_scripts_counts_once():
    assert max_sum_sample(["zh-Hant", "zh", "en"], n_languages=2, kind="syntactic") == ("en", "zh")
    with pytest.raises(ValueError, match="1 to 2 different languages, got 3"):
        max_sum_sample(["zh-Hant", "zh", "en"], n_languages=3, kind="syntactic")


@pytest.mark.parametrize("n_languages", [0, -1, 12])
@pytest.mark.parametrize("sample", [max_sum_sample, max_min_sample])
def test_only_so_many_can_be_chosen(sample, n_languages):
    with pytest.raises(ValueError, match="can choose 1 to 11"):
        sample(TYDIQA, n_languages=n_languages, kind="syntactic")


def test_a_matrix_of_distances_is_square():
    with pytest.raises(ValueError, match="square"):
        spread_out(np.zeros((3, 4)), 1, rule="sum")
    with pytest.raises(ValueError, match="can choose 1 to 3, got 4"):
        spread_out(np.zeros((3, 3)), 4, rule="sum")


# Describing


@pytest.mark.parametrize("kind", [*KINDS, "genetic"])
def test_the_mean_distance_is_that_of_the_pairs(kind):
    codes = ["arb", "fin", "kor"]
    pairs = [load_uriel().distances(kind, codes[place + 1 :], codes[place]) for place in (0, 1)]
    expected = float(np.concatenate(pairs).mean())
    assert mean_pairwise_distance(["fi", "ko", "ar"], kind=kind) == pytest.approx(expected)
    assert 0 < expected <= 1


def test_the_known_mean_distances_of_tydiqa_and_xcopa_languages():
    # computed apart from this package, to two places; TyDiQA's gold passages lack two languages
    gold_passages = [code for code in TYDIQA if code not in ("ja", "th")]
    found = [mean_pairwise_distance(codes, kind="syntactic") for codes in (gold_passages, XCOPA)]
    assert found == pytest.approx([0.41, 0.42], abs=0.005)


@pytest.mark.parametrize(("codes", "published"), [(TYDIQA, 0.7512), (XCOPA, 0.7367)])
def test_the_published_coverage_of_the_teddi_sample(codes, published):
    # MorphDiv/jmm_diversity, Jaccard_syntax.ipynb ("scaling1"), which takes the vectors of the
    # macro-languages ara, que, swa and zho where we take those of arb, quy, swh and cmn
    assert len(TEDDI) == 89
    assert jaccard_minmax(codes, TEDDI) == pytest.approx(published, abs=0.005)


def test_the_coverage_of_one_language_by_another_by_hand():
    # heights 1/n and 1/m over the features that each has, s of them shared, n >= m:
    # minima s / n; maxima s / m + (n - s) / n + (m - s) / m
    first, second = load_uriel().vectors("syntax_knn", ["fin", "kor"])
    n, m = sorted([first.sum(), second.sum()], reverse=True)
    shared = (first * second).sum()
    expected = (shared / n) / (shared / m + (n - shared) / n + (m - shared) / m)
    assert 0 < shared < m
    assert jaccard_minmax(["fi"], ["ko"]) == pytest.approx(expected)


def test_coverage_is_whole_for_the_reference_itself_and_the_same_both_ways():
    assert jaccard_minmax(TYDIQA, reversed(TYDIQA)) == pytest.approx(1.0)
    assert jaccard_minmax(TYDIQA, XCOPA) == pytest.approx(jaccard_minmax(XCOPA, TYDIQA))
    assert jaccard_minmax(["en", "de", "nl"], TEDDI) < jaccard_minmax(TYDIQA, TEDDI)


# Refusing


def test_what_is_no_language_is_refused():
    for ask in (
        lambda: mean_pairwise_distance(["en", "qqq"], kind="syntactic"),
        lambda: max_sum_sample(["en", "qqq"], n_languages=1, kind="syntactic"),
        lambda: jaccard_minmax(["en"], ["qqq"]),
    ):
        with pytest.raises(UnknownName, match="qqq"):
            ask()


def test_languages_without_values_are_named():
    with pytest.raises(MetaselectError, match="no such values for eu"):  # an isolate
        mean_pairwise_distance(["en", "eu", "fi"], kind="genetic")
    with pytest.raises(MetaselectError, match="no such values for sgn"):  # not one language
        jaccard_minmax(["en", "sgn"], ["fi"])


def test_empty_sets_are_refused():
    with pytest.raises(ValueError, match="at least two different languages, got 1"):
        mean_pairwise_distance(["en"], kind="syntactic")
    with pytest.raises(ValueError, match="can choose 1 to 0"):
        max_sum_sample([], n_languages=1, kind="syntactic")
    for codes, reference in [([], ["en"]), (["en"], [])]:
        with pytest.raises(ValueError, match="at least one language"):
            jaccard_minmax(codes, reference)
