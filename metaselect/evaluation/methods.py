"""What each method of an evaluation chooses, in words."""

from collections.abc import Mapping

METHOD_WORDS: Mapping[str, str] = {
    "random": "any, exact expectation",
    "size": "the largest training data",
    "history": "best on average",
    "history_kind": "best on targets of the kind",
    "history_target": "best on the target elsewhere",
    "mnli": "MNLI, always",
    "direct": "no intermediate",
    "composite": "sum of the single signals",
    "rrf": "rank fusion of the signals",
    "ridge": "ridge regression",
    "ranker": "the predictor",
    "oracle": "the best, as it turned out",
    "ceiling": "the best by half of the seeds",
}
