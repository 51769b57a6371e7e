"""Measuring as a whole: what is planned, measured once, kept, and joined into a table."""

import math
from dataclasses import replace

import numpy as np
import pytest

from metaselect.features.measured import cross_lingual, learning, task_measures
from metaselect.features.measured.bench import texts_of
from metaselect.features.measured.compute import compute_jobs
from metaselect.features.measured.jobs import NAMES, MeasureRequest, cost_of, measures_of, plan_jobs
from metaselect.features.measured.records import BY_NAME, MEASURES
from metaselect.features.measured.vectors import labelled_vectors
from metaselect.harness.data.rows import Labelled, MultipleChoice, Question, Tagged
from metaselect.harness.data.tokens import pack

ALL = tuple(name for names in NAMES.values() for name in names)
REQUEST = MeasureRequest(
    tasks=("mnli", "copa"), targets=("udpos", "xquad", "mlqa", "tatoeba"), languages=("fi", "sw"),
    measures=ALL,
)  # fmt: skip


def measured(bench, folder, request=REQUEST, lines=None):
    report = (lambda line: None) if lines is None else lines.append
    return compute_jobs(
        bench, plan_jobs(bench, request), folder=folder, n_workers=1, progress=report
    )


def test_every_measure_is_given_by_a_job_or_by_records() -> None:
    given = set(ALL) | {"collapse_share", "response_difficulty"}
    assert given == {measure.name for measure in MEASURES}
    assert len(ALL) == len(set(ALL))


def test_a_whole_set_is_measured_in_range_once(bench, tmp_path) -> None:
    lines: list[str] = []
    first = measured(bench, tmp_path / "kept", lines=lines)
    assert not first.failures
    for value in first.values:
        measure = BY_NAME[value.measure]
        assert measure.low <= value.value <= measure.high, value
        assert value.encoder == ("" if value.measure in NAMES["data"] else "tiny")
    found = {(item.measure, item.task, item.target, item.language) for item in first.values}
    assert ("unlearnt_share", "mnli", "", "") in found
    assert ("logme", "mnli", "udpos", "") in found
    assert ("drift", "copa", "", "sw") in found
    assert ("target_doubt", "udpos", "", "fi") in found
    assert not any("tatoeba" in key for key in found)  # it has no English rows to learn from
    assert not any(key[0] == "pseudo_perplexity" for key in found)  # no language-model head
    again = measured(bench, tmp_path / "kept", lines=lines)
    assert again.n_known == again.n_jobs == first.n_jobs
    assert set(again.values) == set(first.values)


def test_targets_on_the_same_training_data_are_measured_once(bench, tmp_path) -> None:
    request = replace(REQUEST, tasks=("copa",), measures=("vocabulary_overlap",))
    jobs = plan_jobs(bench, request)
    by_target = {job.target: job.key for job in jobs}
    assert by_target["xquad"] == by_target["mlqa"] != by_target["udpos"]
    outcome = measured(bench, tmp_path, request)
    values = {
        item.target: item.value for item in outcome.values if item.measure == "vocabulary_overlap"
    }
    assert outcome.n_jobs == 2
    assert values["xquad"] == values["mlqa"]


def test_two_processes_measure_what_one_does(bench, tmp_path) -> None:
    request = replace(REQUEST, tasks=("mnli",), targets=("udpos",), measures=NAMES["learning"])
    jobs = plan_jobs(bench, request)
    alone = measured(bench, tmp_path / "one", request)
    other = replace(bench, work=type(bench.work)(tmp_path / "elsewhere"))
    both = compute_jobs(
        other, jobs, folder=tmp_path / "two", n_workers=2, progress=lambda line: None
    )
    plain = [
        {(item.measure, item.task, round(item.value, 5)) for item in outcome.values}
        for outcome in (alone, both)
    ]
    assert plain[0] == plain[1]


def test_a_language_without_text_fails_alone(bench, tmp_path) -> None:
    request = replace(REQUEST, languages=("sw", "cy"), measures=("fertility",))
    outcome = measured(bench, tmp_path, request)
    assert list(outcome.failures) == ["language cy"]
    assert "No task has text of cy" in outcome.failures["language cy"]
    assert {item.language for item in outcome.values} == {"sw"}


def test_cost_counts_one_training_once() -> None:
    one = cost_of(["unlearnt_share"], n_tasks=3, n_targets=2, n_languages=5)
    two = cost_of(["unlearnt_share", "forgetting"], n_tasks=3, n_targets=2, n_languages=5)
    assert one == two == 3 * BY_NAME["unlearnt_share"].seconds
    assert cost_of(["drift"], n_tasks=3, n_targets=2, n_languages=5) == pytest.approx(
        15 * BY_NAME["drift"].seconds
    )


def test_groups_name_their_measures() -> None:
    assert "fertility" in measures_of(["language"])
    assert not set(measures_of(["language"])) & set(measures_of(["difficulty", "affinity"]))
    assert set(measures_of(["difficulty", "affinity", "language"])) == set(ALL)


class TestNullEntropy:
    """What a model that sees no input must pay."""

    def encoded(self, labels, length=3):
        items = {"label": np.array(labels)}
        ids = [[1] * length for _ in labels]
        return pack(ids, None, width=1, items=items, tokens={}, rows=None)

    def test_classes_by_their_frequencies(self) -> None:
        train, held_out = self.encoded([0, 0, 0, 1]), self.encoded([0, 1])
        want = -(math.log(4 / 6) + math.log(2 / 6)) / 2  # one more of each label
        assert learning.null_entropy("classification", train, held_out) == pytest.approx(want)

    def test_positions_are_alike(self) -> None:
        found = learning.null_entropy("extractive-qa", self.encoded([0]), self.encoded([0, 0], 8))
        assert found == pytest.approx(math.log(8))

    def test_ratings_by_their_spread_around_the_training_mean(self) -> None:
        train, held_out = self.encoded([0.0, 1.0]), self.encoded([0.5, 1.0])
        assert learning.null_entropy("regression", train, held_out) == pytest.approx(0.125)


class TestShuffledWords:
    """The same words, in another order, labels with them."""

    def test_each_kind_of_row(self) -> None:
        words = " ".join(f"w{i}" for i in range(12))
        labelled = learning.shuffled_words(Labelled((words, words), 1), seed=0)
        assert labelled.label == 1
        assert sorted(labelled.texts[0].split()) == sorted(words.split())
        assert labelled.texts[0] != words
        tagged = Tagged(tuple(words.split()), tuple(range(12)))
        mixed = learning.shuffled_words(tagged, seed=1)
        assert dict(zip(mixed.tokens, mixed.tags, strict=True)) == dict(
            zip(tagged.tokens, tagged.tags, strict=True)
        )
        question = Question("k", words, "a b", ("b",), (2,))
        asked = learning.shuffled_words(question, seed=0)
        assert asked.context == "a b"
        assert asked.question != words
        choice = learning.shuffled_words(MultipleChoice(words, (words, "x"), 0), seed=0)
        assert choice.choices[1] == "x"
        assert choice.label == 0


class TestVectors:
    """Which items carry labels."""

    def test_each_head(self, bench) -> None:
        for name, n_classes in (("mnli", 3), ("copa", 2), ("udpos", 5), ("squad", 2)):
            found = labelled_vectors(bench, name, tuned_on=None)
            assert found.features.shape == (len(found.labels), 32)
            assert set(found.labels) == set(range(n_classes)), name

    def test_answers_and_other_words_are_as_many(self, bench) -> None:
        found = labelled_vectors(bench, "squad", tuned_on=None)
        assert found.labels.mean() == pytest.approx(0.5)
        assert found.chance == pytest.approx(0.5)

    def test_one_choice_of_each_row_is_right(self, bench) -> None:
        found = labelled_vectors(bench, "copa", tuned_on=None)
        assert found.labels.reshape(-1, 2).sum(axis=1).tolist() == [1] * (len(found.labels) // 2)

    def test_tuning_moves_them_and_retrieval_has_none(self, bench) -> None:
        before = labelled_vectors(bench, "udpos", tuned_on=None)
        after = labelled_vectors(bench, "udpos", tuned_on="mnli")
        assert not np.allclose(before.features, after.features)
        assert labelled_vectors(bench, "tatoeba", tuned_on=None) is None


class TestSpoken:
    """What a language is to an encoder."""

    def test_fertility_and_unknown_words_by_hand(self, bench, monkeypatch) -> None:
        texts = ["la kato kantas .", "xyz hundo"]
        monkeypatch.setattr(cross_lingual, "language_texts", lambda bench, code: texts)
        found = cross_lingual.language_measures(bench, "sw")
        assert found["fertility"] == pytest.approx(6 / 6)
        assert found["unknown_share"] == pytest.approx(2 / 6)  # la, xyz

    def test_pairs_are_those_that_scorings_draw_last(self, bench, monkeypatch) -> None:
        from metaselect.harness.train.training import sampled
        from metaselect.seeding import derive_seed

        monkeypatch.setattr(cross_lingual, "N_TEXTS", 4)
        card = bench.catalogue["tatoeba"]
        rows = bench.corpora.rows(card, "test", "de")
        scored = sampled(len(rows), 8, seed=derive_seed(0, "test", "tatoeba"))
        pairs = cross_lingual.held_out_pairs(bench, "de")
        assert len(pairs) == 4
        assert not {rows[index] for index in scored} & set(pairs)

    def test_an_encoder_tuned_on_nothing_new_does_not_drift(self, bench, monkeypatch) -> None:
        monkeypatch.setattr(type(bench), "source", lambda self, name: None)
        monkeypatch.setattr(cross_lingual, "task_counts", lambda bench, name: {})
        found = cross_lingual.task_in_language_measures(bench, "mnli", "sw")
        assert found["drift"] == pytest.approx(0.0, abs=1e-5)
        assert found["alignment"] == 0.0
        assert found["subword_overlap"] == 0.0


def test_likeness_of_a_task_with_itself_is_whole(bench) -> None:
    found = task_measures.similarity_measures(bench, "mnli", "mnli")
    assert found["vocabulary_overlap"] == 1.0
    assert found["text_similarity"] == pytest.approx(1.0)
    assert task_measures.similarity_measures(bench, "mnli", "udpos")["vocabulary_overlap"] < 1.0


def test_a_fisher_diagonal_is_a_sum_of_squares_of_the_body(bench) -> None:
    found = task_measures.fisher_diagonal(bench, "mnli")
    assert all((values >= 0).all() and values.max() > 0 for values in found.values())
    assert not any("embeddings" in name or "pooler" in name for name in found)


def test_texts_of_rows_hold_all_that_they_say() -> None:
    rows = [
        Labelled(("a", "b"), 0), MultipleChoice("c", ("d", "e"), 0),
        Question("k", "f", "g", (), ()), Tagged(("h", "i"), (0, 0)),
    ]  # fmt: skip
    assert texts_of(rows) == ["a b", "c d e", "f g", "h i"]
