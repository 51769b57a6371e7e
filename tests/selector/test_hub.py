"""A predictor to the hub and back, over its protocol, with a server of our own in its place."""

import os
import subprocess
import sys

import pytest

from metaselect.errors import MetaselectError
from metaselect.files import CARD, MANIFEST
from metaselect.selector import TaskSelector
from metaselect.selector.hub import local_folder
from metaselect.selector.shipped import shipped_predictor
from tests.harness.hub_server import COMMIT, serving

pytest.importorskip("huggingface_hub", reason="comes with metaselect[hub]")

TOKEN = "hf_VerySecret0123456789"
PUSH = f"""
import logging
logging.basicConfig(level=logging.DEBUG)
from metaselect.selector import TaskSelector
from metaselect.selector.shipped import shipped_predictor
selector = TaskSelector.from_pretrained(shipped_predictor())
print(selector.push_to_hub("me/predictor", token="{TOKEN}", private=True))
"""
PULL = f"""
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from metaselect.errors import MetaselectError
from metaselect.selector import TaskSelector
try:
    selector = TaskSelector.from_pretrained(sys.argv[1], token="{TOKEN}")
except MetaselectError as error:
    sys.exit(str(error))
print(selector.rank(target="xnli", languages=["sw"]).to_csv(index=False))
"""


def _python(script, endpoint, home, *arguments):
    """Run a script in a process whose hub is the endpoint: it is read when the hub is imported."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120,
        env={
            **os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "OMP_NUM_THREADS": "1",
            "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "0",
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory):
    """What an upload left in the repository, and what two downloads printed."""
    root = tmp_path_factory.mktemp("hub")
    repository = root / "repository"
    repository.mkdir()
    (repository / "target-9-9.txt").write_text("trees of an older predictor")
    (repository / ".gitattributes").write_text("* text")
    requests = []
    with serving({"models/me/predictor": repository}, requests) as endpoint:
        pushed = _python(PUSH, endpoint, root / "home")
        pulled = _python(PULL, endpoint, root / "home", "me/predictor")
        lost = _python(PULL, endpoint, root / "home", "me/nothing")
        (repository / CARD).write_text("People may edit the card on the hub.")
        edited = _python(PULL, endpoint, root / "other", "me/predictor")
        (repository / "predictor.json").write_text("{}")
        changed = _python(PULL, endpoint, root / "third", "me/predictor")
    return repository, requests, (pushed, pulled, lost, edited, changed)


def test_an_upload_is_the_folder_and_its_card(round_trip):
    repository, requests, (pushed, *_) = round_trip
    assert pushed.returncode == 0, pushed.stderr
    assert pushed.stdout.strip().endswith(f"/me/predictor/commit/{COMMIT}")
    names = {path.name for path in repository.iterdir()}
    assert {MANIFEST, CARD, "predictor.json", ".gitattributes"} <= names
    assert "target-9-9.txt" not in names  # what the new predictor does not have is deleted
    assert any("/api/repos/create" in line for line in requests)


def test_a_download_ranks_as_the_predictor_did(round_trip):
    *_, (_, pulled, _, edited, _) = round_trip
    assert pulled.returncode == 0, pulled.stderr
    own = TaskSelector.from_pretrained(shipped_predictor())
    expected = own.rank(target="xnli", languages=["sw"]).to_csv(index=False)
    assert pulled.stdout.strip() == expected.strip()
    assert edited.stdout == pulled.stdout


def test_what_is_not_there_or_has_changed_is_one_line(round_trip):
    *_, (_, _, lost, _, changed) = round_trip
    assert lost.returncode == changed.returncode == 1
    assert "Neither a folder nor readable on the hub: me/nothing (" in lost.stderr
    assert "predictor.json has changed since it was made" in changed.stderr


def test_the_token_is_never_told(round_trip):
    *_, processes = round_trip
    for done in processes:
        assert TOKEN not in done.stdout + done.stderr


def test_an_upload_without_a_hub_is_one_clear_error(tmp_path):
    with serving({}, []) as endpoint:
        pass  # it is gone again
    done = _python(PUSH, endpoint, tmp_path / "home")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1].removeprefix("metaselect.errors.MetaselectError: ")
    assert last.startswith("me/predictor could not be uploaded (")
    assert TOKEN not in done.stderr


@pytest.mark.parametrize("token", ["", "hf_a b", "hf_secret\n", "hf_é"])
def test_a_token_that_no_header_holds_is_refused_unshown(token, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MetaselectError, match="A hub token is one word") as caught:
        local_folder("me/predictor", token=token)
    assert not token or token not in str(caught.value)
    selector = TaskSelector.from_pretrained(shipped_predictor())
    with pytest.raises(MetaselectError, match="A hub token is one word"):
        selector.push_to_hub("me/predictor", token=token)


def test_only_what_is_fitted_is_uploaded():
    with pytest.raises(MetaselectError, match="not fitted"):
        TaskSelector().push_to_hub("me/predictor")
