from importlib import metadata

import numpy as np
import pytest

from metaselect.catalogue.language_facts import recorded_languages
from metaselect.catalogue.uriel import load_uriel

# Distances from English, computed apart from this package from lang2vec 1.1.2 with numpy:
# syntactic, phonological, inventory, featural, genetic
FROM_ENGLISH = {
    "arb": (0.3556, 0.2748, 0.2680, 0.3046, 1.0000),
    "deu": (0.0975, 0.1942, 0.2372, 0.1808, 0.4557),
    "jpn": (0.4998, 0.3326, 0.3461, 0.4123, 1.0000),
    "swh": (0.5262, 0.0909, 0.2419, 0.3389, 1.0000),
    "wol": (0.3609, 0.1419, 0.3292, 0.3211, 1.0000),
}
KINDS = ("syntactic", "phonological", "inventory", "featural", "genetic")


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path / "cache"))
    load_uriel.cache_clear()
    recorded_languages.cache_clear()
    yield tmp_path / "cache"
    load_uriel.cache_clear()
    recorded_languages.cache_clear()


@pytest.mark.parametrize(("column", "kind"), list(enumerate(KINDS)))
def test_distances_are_cosines_of_lang2vecs_vectors(column, kind):
    found = load_uriel().distances(kind, list(FROM_ENGLISH), "eng")
    expected = [row[column] for row in FROM_ENGLISH.values()]
    assert found == pytest.approx(expected, abs=0.00006)


def test_pairwise_distances_hold_the_distances_from_one():
    uriel = load_uriel()
    pairs = uriel.pairwise("syntactic", ["eng", *FROM_ENGLISH])
    assert np.allclose(pairs, pairs.T)
    assert np.allclose(pairs[0, 1:], uriel.distances("syntactic", list(FROM_ENGLISH), "eng"))


def test_places_reproduce_the_distances_they_were_solved_from():
    # lang2vec, geo: English to the grid point at 54 N 5 W is 0.0141, Wolof to 21 N 14 W 0.0325
    uriel = load_uriel()
    for code, latitude, longitude, expected in (
        ("eng", 54, -5, 0.0141),
        ("wol", 21, -14, 0.0325),
    ):
        here, there = (
            np.radians(place) for place in (uriel.coordinates([code])[0], (latitude, longitude))
        )
        cosine = np.sin(here[0]) * np.sin(there[0]) + np.cos(here[0]) * np.cos(there[0]) * np.cos(
            here[1] - there[1]
        )
        # the grid points' names are rounded to whole degrees, half a degree is 0.0028
        assert np.arccos(cosine) / np.pi == pytest.approx(expected, abs=0.003)


def test_geographic_distance_is_the_share_of_half_the_circumference():
    # London to Tokyo is some 9,600 km of 20,015: 0.48; URIEL's places differ a little
    assert load_uriel().distances("geographic", ["jpn"], "eng")[0] == pytest.approx(0.47, abs=0.01)


def test_the_share_of_imputed_values_is_that_of_missing_averages():
    # of 103: English 0, German 16, Kazakh 91; Azerbaijani has none observed
    shares = load_uriel().missing_share(["eng", "deu", "kaz", "azj"])
    assert shares * 103 == pytest.approx([0, 16, 91, 103])


def test_families_are_top_level_and_absent_for_isolates():
    codes = ["eng", "swh", "cmn", "eus", "hat"]
    families = ["Indo-European", "Atlantic-Congo", "Sino-Tibetan", None, "Indo-European"]
    assert load_uriel().families(codes) == families


def test_sets_have_their_documented_sizes():
    uriel = load_uriel()
    sizes = {name: len(features) for name, features in uriel.features.items()}
    assert sizes == {
        "syntax_knn": 103,
        "phonology_knn": 28,
        "inventory_knn": 158,
        "syntax_average": 103,
        "fam": 3718,
    }
    assert len(uriel.row_by_code) == 7965  # 7,970 less mis, mul, und, zbl, zxx
    for name, size in sizes.items():
        assert uriel.vectors(name, ["eng", "deu"]).shape == (2, size)


def test_a_code_without_vectors_is_missing_everywhere():
    uriel = load_uriel()
    for kind in (*KINDS, "geographic"):
        assert np.isnan(uriel.distances(kind, ["xxx", "deu"], "eng")).tolist() == [True, False]
    assert np.isnan(uriel.vectors("syntax_knn", [""])).all()
    assert np.isnan(uriel.missing_share(["xxx"])).all()
    assert uriel.families(["xxx"]) == [None]


def test_no_data_is_pickled_or_imported_from_lang2vec(fresh_cache):
    load_uriel()
    [file] = fresh_cache.glob("uriel-*.npz")
    assert metadata.version("lang2vec") in file.name
    with np.load(file, allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)


def test_a_broken_or_foreign_cache_is_made_anew(fresh_cache):
    before = load_uriel().distances("syntactic", ["deu"], "eng")
    [file] = fresh_cache.glob("uriel-*.npz")
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for content in (b"", b"not an archive", whole[: len(whole) // 2], bytes(flipped)):
        file.write_bytes(content)
        load_uriel.cache_clear()
        assert load_uriel().distances("syntactic", ["deu"], "eng") == before
        assert file.read_bytes() == whole
    with file.open("wb") as out:
        np.savez(out, key=np.array("another program"))
    load_uriel.cache_clear()
    assert load_uriel().distances("syntactic", ["deu"], "eng") == before


def test_a_broken_table_of_names_is_made_anew(fresh_cache):
    before = recorded_languages()["deu"]
    [file] = fresh_cache.glob("languages-*.json")
    for content in ("", "[1]", '{"deu": [1]}'):
        file.write_text(content)
        recorded_languages.cache_clear()
        assert recorded_languages()["deu"] == before


def test_an_unwritable_cache_folder_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path / "file" / "cache"))
    load_uriel.cache_clear()
    assert load_uriel().families(["deu"]) == ["Indo-European"]
    load_uriel.cache_clear()
