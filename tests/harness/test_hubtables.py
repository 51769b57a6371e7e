"""Repositories of the hub in every state that they lie in, from a server of our own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub.errors
import pytest

from metaselect.errors import MetaselectError
from metaselect.harness.data.hubtables import commit_of, hub_reason, split_files
from metaselect.harness.train.encoders import Encoder, fingerprint
from tests.harness.hub_server import COMMIT, CONVERTED, serving
from tests.harness.test_hub import write_parquet

CARD = """
[news]
title = "News"
kind = "topic"
head = "classification"
metric = "accuracy"
languages = ["en", "am"]
labels = ["sports", "health"]
layouts = [{text = ["headline"], label = "category"}]

[news.hub]
id = "me/news"
config = "{language}"
train = "train"
validation = "validation"
test = "test"
languages = {en = "eng", am = "amh"}
"""
READ = """
import json, sys
from metaselect.catalogue.cardfiles import parse_cards
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora

(card,) = parse_cards(open("card.toml").read(), where="card.toml")
for split, language in json.loads(sys.argv[1]):
    try:
        rows = Corpora(None).rows(card, split, language)
        print(json.dumps([[row.texts[0], row.label] for row in rows]))
    except MetaselectError as error:
        print(json.dumps(str(error)))
"""


def news(language: str, split: str, n_rows: int = 4) -> list[dict[str, object]]:
    return [
        {"headline": f"{language} {split} {i}", "category": ["sports", "health"][i % 2]}
        for i in range(n_rows)
    ]


def read_from_hub(
    folder: Path, repositories: dict[str, Path], *wanted: tuple[str, str]
) -> tuple[list[object], str, list[str]]:
    """Rows (or the error) of each split and language, stderr, and what the hub was asked for."""
    folder.mkdir(exist_ok=True)
    (folder / "card.toml").write_text(CARD)
    (folder / "read.py").write_text(READ)
    requests: list[str] = []
    with serving(repositories, requests) as endpoint:
        done = subprocess.run(
            [sys.executable, "read.py", json.dumps(wanted)], cwd=folder,
            capture_output=True, text=True, timeout=120, check=False,
            env={
                **os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home"),
                "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
                "OMP_NUM_THREADS": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            },
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, requests


def write_tsv(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def expected(language: str, split: str, n_rows: int = 4) -> list[list[object]]:
    return [[f"{language} {split} {i}", i % 2] for i in range(n_rows)]


def test_files_in_folders_without_configurations_are_read_by_folder(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    for language in ("eng", "amh"):
        for split in ("train", "test"):
            rows = news(language, split)
            write_parquet(hub / language / f"{split}-00000-of-00001.parquet", rows)
    wanted = (("train", "en"), ("test", "en"), ("test", "am"))
    found, _, _ = read_from_hub(tmp_path / "here", {"datasets/me/news": hub}, *wanted)
    assert found == [expected("eng", "train"), expected("eng", "test"), expected("amh", "test")]


def test_a_repository_with_a_script_is_read_by_its_files_of_text(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    for split in ("train", "dev", "test"):
        write_tsv(hub / "data" / "amh" / f"{split}.tsv", news("amh", split))
    (hub / "news.py").write_text("raise SystemExit('never run')\n")
    wanted = (("validation", "am"), ("test", "am"))
    found, _, _ = read_from_hub(tmp_path / "here", {"datasets/me/news": hub}, *wanted)
    assert found == [expected("amh", "dev"), expected("amh", "test")]


def test_a_repository_without_data_is_read_from_the_converted_branch(tmp_path: Path) -> None:
    hub, branch = tmp_path / "hub", tmp_path / "branch"
    hub.mkdir()
    (hub / "news.py").write_text("raise SystemExit('never run')\n")
    for part in range(2):
        write_parquet(branch / "eng" / "test" / f"000{part}.parquet", news("eng", f"test{part}"))
    write_parquet(branch / "amh" / "test" / "0000.parquet", news("amh", "test"))
    repositories = {"datasets/me/news": hub, "datasets/me/news@refs/convert/parquet": branch}
    found, _, requests = read_from_hub(tmp_path / "here", repositories, ("test", "en"))
    assert found == [expected("eng", "test0") + expected("eng", "test1")]
    assert any(f"/resolve/{CONVERTED}/eng/test/0001.parquet" in line for line in requests)


def test_what_was_tried_is_said_where_nothing_leads_to_rows(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    write_parquet(hub / "eng" / "train.parquet", news("eng", "train"))
    found, _, _ = read_from_hub(tmp_path / "here", {"datasets/me/news": hub}, ("test", "am"))
    (told,) = map(str, found)
    assert told.startswith("The hub's me/news (amh, test) cannot be read. Tried its configuration")
    assert "its files by folder: no data file of split 'test' under 'amh' among 1 files" in told
    assert "refs/convert/parquet: The hub gives no data set 'me/news'" in told


def test_unlabelled_training_rows_of_the_hub_are_left_out_and_told(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({
        "headline": Value("string"), "category": ClassLabel(names=["sports", "health"]),
    })  # fmt: skip
    rows = {"headline": ["a", "b", "c"], "category": [1, -1, 0]}
    hub = tmp_path / "hub"
    for split in ("train", "test"):
        path = hub / "eng" / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_dict(rows, features=features).to_parquet(path)
    wanted = (("train", "en"), ("test", "en"))
    found, stderr, requests = read_from_hub(tmp_path / "here", {"datasets/me/news": hub}, *wanted)
    assert found[0] == [["a", 1], ["c", 0]]
    assert "news train on the hub: 1 of 3 rows have no label and are left out" in stderr
    assert "row 2: label -1 (withheld) does not match the labels of news" in str(found[1])
    assert any(f"/resolve/{COMMIT}/eng/train.parquet" in line for line in requests)


@pytest.mark.parametrize(
    ("config", "split", "found"),
    [
        ("eng", "train", ["data/eng/train-0-of-2.parquet", "data/eng/train-1-of-2.parquet"]),
        ("eng", "test", ["data/eng/test.parquet"]),
        ("eng", "validation", ["eng/dev.csv.gz"]),
        ("eng", "validation_matched", ["eng/validation_matched.jsonl"]),
        ("amh", "train", []),
        (None, "train", ["data/train.jsonl"]),
        (None, "test", ["test/0000.parquet"]),
    ],
)
def test_files_of_a_split_are_told_by_folder_and_name(
    config: str | None, split: str, found: list[str]
) -> None:
    names = [
        *("README.md", "data/train.jsonl", "test/0000.parquet", "data/eng/test.parquet"),
        *("data/eng/train-1-of-2.parquet", "data/eng/train-0-of-2.parquet", "eng/train.csv"),
        *("eng/dev.csv.gz", "eng/validation_matched.jsonl", "eng/test_matched.jsonl"),
        *("eng/latest.csv", "other/train.parquet"),
    ]
    assert split_files(names, config, split) == found


def test_what_the_hub_s_client_refuses_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(MetaselectError, match=r"'a/b/c': an id is NAME or OWNER/NAME\.$"):
        commit_of("a/b/c", None)
    encoder = Encoder(name="e", path="a/b/c", revision=None, n_layers=None, random_weights=False)
    told = r"that the hub gives: an id is NAME or OWNER/NAME\. Folders are relative"
    with pytest.raises(MetaselectError, match=told):
        fingerprint(encoder)
    assert hub_reason(OSError("no route.\nMore")) == "no route; is the network there?"


def test_offline_mode_is_told_without_asking_for_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert hub_reason(OSError("offline mode is enabled")) == (
        "HF_HUB_OFFLINE is set, so only local folders can be read: name one, or unset it"
    )
    assert hub_reason(OSError("config.json is torn")).startswith("config.json is torn; ")


def test_no_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise vars(huggingface_hub.errors)["HTTPError"]("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", unreachable)
    encoder = Encoder(name="e", path="a/none", revision=None, n_layers=None, random_weights=False)
    with pytest.raises(MetaselectError, match=r"no route; is the network there\?"):
        fingerprint(encoder)
    with pytest.raises(MetaselectError, match=r"no route; is the network there\?"):
        commit_of("a/none", None)
