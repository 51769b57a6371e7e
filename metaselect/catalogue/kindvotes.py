"""What a task asks, by a vote of the tasks most like it, where no rule decides."""

from collections import defaultdict
from collections.abc import Mapping

from metaselect.catalogue.kinds import Shape, normal_label
from metaselect.catalogue.likeness import SAME_DATA, shipped_profiles
from metaselect.catalogue.tasks import Catalogue, Kind, TaskCard

_N_VOTERS = 3
_ALIKE = 0.5  # likeness of texts that outweighs what two texts and two classes mostly are


def kind_of_same_data(
    shape: Shape, likeness: Mapping[str, float], catalogue: Catalogue
) -> tuple[Kind, str] | None:
    """The kind of the task whose data these seem to be, if its head is the same; else None."""
    name = max(likeness, key=lambda name: likeness[name], default=None)
    if name is None or likeness[name] < SAME_DATA or catalogue[name].head != shape.head:
        return None
    return catalogue[name].kind, f"the texts are like those of {name}"


def kind_by_likeness(
    shape: Shape, likeness: Mapping[str, float], catalogue: Catalogue
) -> tuple[Kind, str]:
    """The kind that the most similar tasks of the same head have.

    Likeness of texts, of label names, of lengths and of the numbers of texts and labels are added
    up; the three tasks with the most vote with it. Probing tasks have no vote: they stand for no
    use, and there are many. Two texts with two classes are paraphrases unless a text is alike.
    """
    words = shipped_profiles().mean_words
    voters = {
        name: alike + _likeness_of_shape(shape, catalogue[name], words[name])
        for name, alike in likeness.items()
        if catalogue[name].head == shape.head and catalogue[name].kind != "probing"
    }
    alone = {name for name in voters if _is_of_one_text(catalogue[name])}
    likely = (alone if len(shape.text) == 1 else {*voters} - alone) or {*voters}
    best = sorted(likely, key=lambda name: -voters[name])[:_N_VOTERS]
    paired = shape.head == "classification" and len(shape.text) == 2 and len(shape.labels) == 2
    if paired and max(likeness[name] for name in best) < _ALIKE:
        return "paraphrase", "two texts and two classes"
    votes: defaultdict[Kind, float] = defaultdict(float)
    for name in best:
        votes[catalogue[name].kind] += voters[name]
    kind = max(votes, key=lambda kind: votes[kind])
    return kind, f"most like {', '.join(name for name in best if catalogue[name].kind == kind)}"


def _is_of_one_text(card: TaskCard) -> bool:
    return bool(card.layouts) and len(card.layouts[0].text) == 1


def _likeness_of_shape(shape: Shape, card: TaskCard, mean_words: float) -> float:
    own = {normal_label(label) for label in shape.labels}
    its = {normal_label(label) for label in card.labels}
    names = len(own & its) / len(own | its) if own and its else 0.0
    texts = card.layouts[0].text if card.layouts else ()
    return (
        names
        + 0.5 * (len(texts) == len(shape.text))
        + 0.5 * _closeness(len(own), len(its))
        + 0.5 * _closeness(shape.mean_words, mean_words)
    )


def _closeness(first: float, second: float) -> float:
    """1 for equal sizes, 0.5 for one twice the other."""
    return min(first + 1, second + 1) / max(first + 1, second + 1)
