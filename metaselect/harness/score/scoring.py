"""Carrying out a scoring stage: each language on its own, so that one failure stays one."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from metaselect.errors import MetaselectError
from metaselect.harness.data.rows import Row
from metaselect.harness.data.sampling import sample_test_rows
from metaselect.harness.grid.stages import ScoreStage
from metaselect.harness.score.majority import majority_score
from metaselect.harness.score.metrics import COMMONEST_SHARE, primary
from metaselect.harness.score.retrieval import Pool, score_sentences
from metaselect.harness.train import encoders, weights
from metaselect.harness.train.frozen import remember_frozen
from metaselect.harness.train.heads.base import label_count
from metaselect.harness.train.heads.registry import HEADS
from metaselect.harness.train.inference import InferenceModel
from metaselect.harness.train.training import Workshop, model_loader
from metaselect.seeding import derive_seed

OnStep = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Scorer:
    """What scores one language's rows.

    Attributes:
        score: Rows and their language to measures by name.
        n_candidates: Size of the pool that all languages search, if there is one.
    """

    score: Callable[[Sequence[Row], str], Mapping[str, float]]
    n_candidates: int | None = None


def run_scoring(stage: ScoreStage, shop: Workshop, *, on_step: OnStep) -> dict[str, str]:
    """Score the languages that have no file yet; seal the stage when all have one.

    Returns:
        Reason by language, of those that could not be scored.

    Raises:
        MetaselectError: The model or the pool cannot be had, so that no language can be scored.
    """
    torch.set_num_threads(shop.machine.threads)
    shop.work.discard_changed(stage.key)
    scorer = _scorer(stage, shop)
    failed: dict[str, str] = {}
    for done, language in enumerate(stage.languages, start=1):
        path = shop.work.language_file(stage.key, language)
        if not path.is_file():
            try:
                shop.work.write(path, _score_language(stage, shop, scorer, language))
            except MetaselectError as error:
                failed[language] = str(error)
        on_step(done, len(stage.languages))
    if not failed:
        shop.work.seal(stage.key, {"label": stage.label, "languages": list(stage.languages)})
    return failed


def _score_language(
    stage: ScoreStage, shop: Workshop, scorer: Scorer, language: str
) -> dict[str, Any]:
    started = time.perf_counter()
    card = stage.card
    rows = shop.corpora.rows(card, "test", language)
    seed = derive_seed(0, "test", card.name)
    chosen = [
        rows[index] for index in sample_test_rows(rows, card, wanted=stage.testing.rows, seed=seed)
    ]
    measures = scorer.score(chosen, language)
    return {
        "score": primary(measures, card.metric),
        "majority_score": majority_score(
            chosen, card, language=language, n_candidates=scorer.n_candidates
        ),
        "collapsed": len(chosen) > 1 and measures[COMMONEST_SHARE] == 1.0,
        "n_examples": len(chosen),
        "measures": dict(measures),
        "wall_s": time.perf_counter() - started,
    }


def _scorer(stage: ScoreStage, shop: Workshop) -> Scorer:
    """What scores one language's rows with the stage's weights."""
    card, head = stage.card, HEADS[stage.card.head]
    trained = None if stage.parent is None else shop.work.checked_weights(stage.parent)
    model = model_loader(shop.machine, frozen_words=True, trained=trained)(
        stage.encoder,
        auto_class=head.auto_class,
        n_labels=label_count(head, card),
        seed=0,
        attention=encoders.attention_for(shop.machine),
    )
    if trained is not None:
        load = weights.load_all if head.score is not None else weights.load_body
        load(model, trained)
        if head.score is not None:
            remember_frozen(model, stage.encoder, weights.n_left_out(trained), shop.machine)
    predictor = InferenceModel(
        model.to(shop.machine.device),
        encoders.load_tokenizer(stage.encoder),
        stage.testing.limits,
        shop.machine,
    )
    if head.score is not None:
        scored = head.score
        return Scorer(lambda rows, language: scored(predictor, rows, card, language))
    if card.head == "sentence-retrieval":
        return Scorer(lambda rows, _: score_sentences(predictor, rows, testing=stage.testing))
    pool = Pool(predictor, shop.corpora, card, stage.testing)
    return Scorer(lambda rows, _: pool.score(rows), pool.n_candidates)


def _full_disk(error: BaseException) -> str | None:
    """What to do where the disk is full, whoever met it; None where it is not."""
    if "No space left on device" not in str(error):
        return None
    return (
        "the disk is full: make room, name another --out, or bound the weights by disk_gb; the "
        "same command goes on from what is done"
    )


def failure_record(label: str, error: BaseException) -> dict[str, str]:
    """What is kept of a failure: reason and traceback."""
    return {
        "label": label,
        "reason": _full_disk(error) or f"{type(error).__name__}: {error}",
        "traceback": "".join(traceback.format_exception(error)),
    }
