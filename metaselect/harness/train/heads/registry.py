"""Which head serves which kind of task."""

from collections.abc import Mapping

from metaselect.catalogue import tasks
from metaselect.harness.train.heads.base import Head
from metaselect.harness.train.heads.pairs import DUAL
from metaselect.harness.train.heads.sequence import CLASSIFICATION, MULTIPLE_CHOICE, REGRESSION
from metaselect.harness.train.heads.spans import EXTRACTIVE_QA
from metaselect.harness.train.heads.tagging import TAGGING

HEADS: Mapping[tasks.Head, Head] = {
    "classification": CLASSIFICATION,
    "regression": REGRESSION,
    "multiple-choice": MULTIPLE_CHOICE,
    "extractive-qa": EXTRACTIVE_QA,
    "tagging": TAGGING,
    "sentence-retrieval": DUAL,
    "answer-retrieval": DUAL,
    "entity-retrieval": DUAL,
}
