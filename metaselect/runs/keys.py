"""Groups of the rows of a table: their keys, and values about the mean of a group."""

import numpy as np
import numpy.typing as npt
import pandas as pd

_SPARSE = 4  # possible keys per row beyond which a lookup table of all keys costs too much


def distinct_keys(
    rows: pd.DataFrame, columns: tuple[str, ...]
) -> tuple[npt.NDArray[np.intp], pd.DataFrame]:
    """Code each row by its key (the values of some columns).

    Returns:
        Codes from 0, shape (n_rows,), and the distinct keys in order of first appearance, so that
        the key of a row is the one at the position of its code.
    """
    combined, size = np.zeros(len(rows), dtype=np.intp), 1
    for name in columns:
        codes, n_names = _codes(rows[name])
        if n_names > 1:
            combined, size = combined * n_names + codes, size * n_names
        if size > _SPARSE * (len(rows) + 1):
            combined, names = pd.factorize(combined)
            size = len(names)
    first = np.full(size, len(rows), dtype=np.intp)
    first[combined[::-1]] = np.arange(len(rows) - 1, -1, -1)  # the last write wins
    met = np.flatnonzero(first < len(rows))
    met = met[np.argsort(first[met])]
    place = np.empty(size, dtype=np.intp)
    place[met] = np.arange(len(met))
    keys = {name: rows[name].array.take(first[met]) for name in columns}
    return place[combined], pd.DataFrame(keys, copy=False)


def centred(
    values: npt.NDArray[np.float64], groups: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Values minus the mean of their group; groups are codes from 0, some perhaps without rows."""
    means = np.bincount(groups, weights=values) / np.maximum(np.bincount(groups), 1)
    return np.asarray(values - means[groups], dtype=np.float64)


def standardised(
    values: npt.NDArray[np.float64], groups: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Values minus the mean of their group, over its standard deviation; missing ones become 0."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    counts = np.maximum(np.bincount(groups, weights=known), 1)
    means = np.bincount(groups, weights=filled) / counts
    away = np.where(known, values - means[groups], 0.0)
    spreads = np.sqrt(np.bincount(groups, weights=away**2) / counts)
    return np.asarray(away / np.where(spreads > 0, spreads, 1.0)[groups], dtype=np.float64)


def _codes(values: pd.Series) -> tuple[npt.NDArray[np.intp], int]:
    """Codes of values, and how many different ones there may be."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return np.asarray(values.cat.codes, dtype=np.intp), len(values.cat.categories)
    codes, names = pd.factorize(values)
    return np.asarray(codes, dtype=np.intp), len(names)
