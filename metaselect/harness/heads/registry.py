"""Which head serves which kind of task."""

from collections.abc import Mapping

from metaselect.catalogue import tasks
from metaselect.harness.heads.base import Head
from metaselect.harness.heads.pairs import DUAL
from metaselect.harness.heads.sequence import CLASSIFICATION, MULTIPLE_CHOICE, REGRESSION
from metaselect.harness.heads.spans import EXTRACTIVE_QA
from metaselect.harness.heads.tagging import TAGGING

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
