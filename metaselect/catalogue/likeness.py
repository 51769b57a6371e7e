"""How alike two tasks' texts are, by the frequencies of their character 3-grams.

A profile is the square root of the frequencies of hashed 3-grams over up to 1,000 rows; two
profiles are compared by the cosine of what they differ in from the catalogue's mean profile. The
package ships a profile for each task whose English training rows were at hand
(`experiments/profiles.py`), never a text.

Measured there on the 79 tasks, between halves of up to 500 rows that have no row in common: a
task's own halves are at 0.87 (median; 0.69 for one in ten), tasks that share data by their cards
at 0.71, and the 3,034 pairs that share none at -0.04 (0.37 for one in twenty, 0.78 at most). From
0.8, where a user is warned, are 56 of 79 tasks' own halves, 15 of 47 pairs that share data and no
other. Cosines of tf-idf without the mean taken off part them badly: 0.985 for a task's own halves,
up to 0.983 for pairs that share none. An encoder's frozen vectors find no better relatives: of 56
tasks, the most similar unrelated one is of the same kind for 22 by 3-grams and for 19 by mean
vectors of multilingual-e5-small (`experiments/likeness.py`).

Source:
    Hellinger's affinity of frequencies; hashing as in Weinberger et al. 2009 (0902.2206), by
    scikit-learn's `HashingVectorizer`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PROFILES = "profiles.npz"
N_ROWS = 1000
SAME_DATA = 0.8
"""Likeness from which data may be the same: no two of the tasks that share none reach it."""

_N_BUCKETS = 1024
_LONGEST = 1000  # characters of a row that are read


@dataclass(frozen=True, slots=True)
class TextProfiles:
    """The catalogue's profiles.

    Attributes:
        names: Tasks.
        roots: Square roots of frequencies, shape (n_tasks, 1024).
        mean_words: Mean words of a row, by task.
    """

    names: tuple[str, ...]
    roots: Floats
    mean_words: Mapping[str, float]

    def likeness(self, texts: Sequence[str]) -> dict[str, float]:
        """Likeness of some rows' texts to each task, in [-1, 1]; 1 is the same profile."""
        mean = self.roots.mean(axis=0)
        own = profile(texts) - mean
        others = self.roots - mean
        lengths = np.linalg.norm(others, axis=1) * (np.linalg.norm(own) or 1.0)
        return dict(zip(self.names, (others @ own / lengths).tolist(), strict=True))


def profile(texts: Sequence[str]) -> Floats:
    """Square roots of the frequencies of hashed character 3-grams, shape (1024,), of length 1.

    Args:
        texts: One a row; up to 1,000, evenly spaced, are read, and of each 1,000 characters. All
            zeros where none has three characters.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        analyzer="char", ngram_range=(3, 3), n_features=_N_BUCKETS, alternate_sign=False, norm=None
    )
    step = max(1, -(-len(texts) // N_ROWS))
    counts = hashed.transform(text[:_LONGEST] for text in texts[::step]).sum(axis=0)
    total = counts.sum()
    roots: Floats = np.sqrt(np.asarray(counts, dtype=np.float64).ravel() / (total or 1.0))
    return roots


@cache
def shipped_profiles() -> TextProfiles:
    """The profiles that come with the package."""
    file = resources.files("metaselect.catalogue") / PROFILES
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        names = tuple(arrays["names"].tolist())
        words = dict(zip(names, arrays["mean_words"].tolist(), strict=True))
        return TextProfiles(names, arrays["roots"].astype(np.float64), words)
