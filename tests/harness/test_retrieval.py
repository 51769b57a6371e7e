"""The pool of answers: equal sentences are one candidate."""

from pathlib import Path

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.harness import recipe
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.recipe import Limits, Machine
from metaselect.harness.score.metrics import COMMONEST_SHARE
from metaselect.harness.score.retrieval import Pool
from metaselect.harness.train.encoders import Encoder, load_model, load_tokenizer
from metaselect.harness.train.inference import InferenceModel
from tests.harness.conftest import write_rows

LIMITS = Limits(max_length=32, query_length=12, stride=8, max_answer_length=8)
TESTING = recipe.Testing(
    limits=LIMITS, rows=None, languages=None, layer=-1, pooling="mean", margin=False, n_neighbours=4
)
MACHINE = Machine(
    device="cpu", threads=1, inference_tokens=256, compile=False, precision="float32"
)  # fmt: skip


@pytest.fixture(scope="module")
def predictor(encoder_folder: Path) -> InferenceModel:
    encoder = Encoder(
        name="tiny", path=str(encoder_folder), revision=None, n_layers=None, random_weights=False
    )
    model = load_model(encoder, auto_class="AutoModel", n_labels=None, seed=0)
    return InferenceModel(model, load_tokenizer(encoder), LIMITS, MACHINE)


def test_a_right_answer_never_counts_as_wrong_for_being_another_row_s_too(
    predictor: InferenceModel, tmp_path: Path
) -> None:
    card = load_catalogue(None)["lareqa_xquad_r"]
    sentence = "the cat sings in the park ."
    rows = [
        {"id": "1", "question": "who sings ?", "target_sentence": sentence},
        {"id": "2", "question": "where is the cat ?", "target_sentence": sentence},
    ]
    write_rows(tmp_path / card.name / "test.en.jsonl", rows)
    foreign = {"id": "2", "question": "kato ?", "target_sentence": "kato kantas parko ."}
    write_rows(tmp_path / card.name / "test.de.jsonl", [foreign])
    corpora = Corpora(tmp_path)
    pool = Pool(predictor, corpora, card, TESTING)
    assert pool.n_candidates == 2
    found = pool.score(corpora.rows(card, "test", "en"))
    # Both of question 2's candidates are right in any order; question 1 has one, first or second.
    assert found["map@20"] in (1.0, (1 / 2 + 1) / 2)
    assert pool.score(corpora.rows(card, "test", "de"))["map@20"] == 1.0
    assert found[COMMONEST_SHARE] in (0.5, 1.0)
