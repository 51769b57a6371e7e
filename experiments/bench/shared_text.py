"""Which tasks share English text, whatever their cards say.

python experiments/bench/shared_text.py --data DATA

Texts are read through the cards, cut into sentences, lower-cased and stripped of all but letters
and digits; sentences under five words are left out, since short ones agree by chance. A share is
that of the smaller task's different training sentences that the other's training data have too;
`train -> test` is the share of a target's English test sentences that another task trains on.
`declared` pairs share data by their cards, `joined` ones through a third task.
"""

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, permutations
from pathlib import Path

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora, Split
from metaselect.harness.data.rows import Labelled, MultipleChoice, Pair, Question, Row, Tagged

MIN_WORDS = 5
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
WORD = re.compile(r"\w+")

Hashes = Mapping[str, frozenset[int]]


def texts_of(row: Row) -> tuple[str, ...]:
    """Every text of a row."""
    match row:
        case Labelled():
            return row.texts
        case MultipleChoice():
            return (row.text, *row.choices)
        case Question():
            return (row.question, row.context)
        case Tagged():
            return (" ".join(row.tokens),)
        case Pair():
            return (row.source, row.target)


def sentence_hashes(rows: Iterable[Row]) -> Iterator[int]:
    """A hash of each sentence's letters and digits."""
    for row in rows:
        for text in texts_of(row):
            for sentence in SENTENCE_END.split(text):
                words = WORD.findall(sentence.lower())
                if len(words) >= MIN_WORDS:
                    yield hash("".join(words))


def read(corpora: Corpora, catalogue: Catalogue, split: Split) -> Hashes:
    """English sentences by task; a test whose answers are withheld is named and left out."""
    found: dict[str, frozenset[int]] = {}
    for name, card in catalogue.items():
        if corpora.has(card, split, "en"):
            try:
                found[name] = frozenset(sentence_hashes(corpora.rows(card, split, "en")))
            except MetaselectError as error:
                print(f"left out: {error}")
    return found


def joined_groups(catalogue: Catalogue) -> Mapping[str, str]:
    """A name of the group that `same_source` and `train_task` join each task to."""
    group = {name: name for name in catalogue}
    for name, card in catalogue.items():
        for other in (*card.same_source, *filter(None, [card.train_task])):
            old, new = group[other], group[name]
            group = {task: new if place == old else place for task, place in group.items()}
    return group


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--above", type=float, default=0.05)
    chosen = options.parse_args()
    catalogue, corpora = shipped_catalogue(), Corpora(chosen.data)
    train = read(corpora, catalogue, "train")
    tests = read(corpora, catalogue, "test")
    group = joined_groups(catalogue)
    print(f"{len(train)} tasks with English training rows, {len(tests)} with English tests")
    for first, second in sorted(combinations(train, 2)):
        smaller = min(first, second, key=lambda name: len(train[name]))
        share = len(train[first] & train[second]) / max(len(train[smaller]), 1)
        if share > chosen.above:
            how = described(catalogue, group, first, second)
            print(f"{how:10} {share:6.1%}  {first} {second}, of {smaller}'s")
    for name, target in sorted(permutations({*train, *tests}, 2)):
        shared = train.get(name, frozenset()) & tests.get(target, frozenset())
        if len(shared) > chosen.above * len(tests.get(target, ())):
            how = described(catalogue, group, name, target)
            print(f"{how:10} {len(shared) / len(tests[target]):6.1%}  {name} -> {target}'s test")


def described(catalogue: Catalogue, group: Mapping[str, str], first: str, second: str) -> str:
    """What the cards say of a pair."""
    if catalogue.share_source(first, second):
        return "declared"
    return "joined" if group[first] == group[second] else "undeclared"


if __name__ == "__main__":
    main()
