"""What `metaselect doctor` says of a sound place, and of each thing that can be wrong."""

import socket
import sys
from importlib import metadata
from pathlib import Path

import pytest

from metaselect.cli.diagnosis import (
    Check,
    check_caches,
    check_disk,
    check_gpu,
    check_hub,
    check_libraries,
    check_predictor,
    check_python,
    check_store,
    healthy,
)
from metaselect.cli.doctor import show_checks
from metaselect.selector.shipped import shipped_runs
from tests.harness.hub_server import serving

AREAS = {"libraries", "gpu", "caches", "store", "predictor", "hub", "disk"}


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("METASELECT_STORE", raising=False)


def test_a_sound_place_is_healthy_and_says_so_as_json(call, place):
    done = call("doctor", "--json")
    found = done.json
    assert (done.code, found["healthy"]) == (0, True), found
    assert {item["area"] for item in found["findings"]} == AREAS
    assert {item["state"] for item in found["findings"]} <= {"ok", "missing"}
    for item in found["findings"]:
        assert set(item) == {"area", "name", "state", "found", "advice"}
        assert item["found"]
        assert bool(item["advice"]) == (item["state"] != "ok")
    assert not list(place.iterdir())


def test_something_broken_is_told_in_the_table_and_exits_with_1(call, place):
    Path("runs.db").write_text("not a database, but longer than its header is" * 9)
    done = call("doctor", "--store", "sqlite:///runs.db")
    assert done.code == 1
    assert done.out.splitlines()[0].endswith("things looked at, 1 broken")
    broken = [line for line in done.out.splitlines() if line.startswith("broken ")]
    assert len(broken) == 1
    assert "sqlite:///runs.db" in broken[0]


def test_every_library_that_the_package_asks_for_is_looked_at():
    found = {item.name.lower(): item for item in check_libraries()}
    assert {"numpy", "lightgbm", "torch", "huggingface-hub", "ray"} <= {
        name.replace("_", "-") for name in found
    }
    assert not {"pytest", "ruff"} & set(found)  # those of developers are not
    assert found["numpy"].state == "ok"
    for item in found.values():
        assert item.state == "ok" or item.advice.startswith("pip install -c constraints.txt")
    assert check_python().state == "ok"


def test_a_missing_library_is_brought_by_the_smallest_extra(monkeypatch):
    real = metadata.version

    def version(name):
        if name.replace("_", "-") == "huggingface-hub":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    found = {item.name.replace("_", "-"): item for item in check_libraries()}["huggingface-hub"]
    assert (found.state, found.advice) == (
        "missing",
        "pip install -c constraints.txt -e '.[hub]'",
    )


def test_a_library_that_every_command_needs_is_installed_from_the_clone(monkeypatch):
    real = metadata.version

    def version(name):
        return "0.1" if name == "numpy" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    found = {item.name: item for item in check_libraries()}["numpy"]
    assert (found.state, found.advice) == ("broken", "pip install -c constraints.txt -e .")


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_command_stands_on_a_line_of_its_own_under_the_table(monkeypatch, capsys, is_terminal):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    command = "pip install -c constraints.txt -e '.[harness]'"
    show_checks([
        Check("libraries", "torch", "missing", "not installed; comes with harness", command),
        Check("gpu", "cuda", "missing", "PyTorch is not installed", command),
        Check("hub", "reach", "missing", "offline", "use local folders"),
    ])  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 things looked at, 0 broken"
    assert lines[-2:] == ["For torch, cuda, in a clone:", f"  {command}"]
    assert not any("constraints" in line for line in lines[:-2])
    assert any("use" in line for line in lines[1:-2])


def test_a_missing_gpu_or_framework_is_no_fault():
    found = check_gpu()
    assert found.state in ("ok", "missing"), found
    assert found.state == "ok" or found.advice


def test_only_what_is_broken_is_unhealthy():
    fine = [Check("a", "b", "ok", "c"), Check("a", "b", "missing", "c", "d")]
    assert healthy(fine)
    assert not healthy([*fine, Check("a", "b", "broken", "c", "d")])


def test_a_store_is_missing_then_there_with_its_rows(call, runs_file, place, monkeypatch):
    url = "sqlite:///team.db"
    missing = check_store(url)
    assert (missing.state, missing.found) == ("missing", f"There is no store at {url}")
    monkeypatch.setenv("METASELECT_STORE", url)
    assert call("runs", "import", runs_file).code == 0  # the variable names the store
    findings = call("doctor", "--json").json["findings"]
    found = next(item for item in findings if item["name"] == "runs")
    assert (found["state"], found["found"]) == ("ok", f"{url}, schema 1, 90 scores")


def test_a_stores_password_is_never_shown(place):
    pytest.importorskip("psycopg", reason="comes with metaselect[postgresql]")
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        found = check_store(f"postgresql+psycopg://me:s3cret@127.0.0.1:{port}/runs")
    assert found.state == "broken"
    assert "s3cret" not in str(found)
    assert "***" in found.found
    assert check_store("mysql://me:s3cret@host/runs").state == "broken"


def test_caches_tell_their_place_and_size(tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "vectors.npz").write_bytes(b"0" * 2_500_000)
    own, hub = check_caches()
    assert (own.state, own.found) == ("ok", f"{tmp_path / 'cache'}, 2.5 MB in 1 file")
    assert (hub.state, hub.found) == ("ok", f"{tmp_path / 'home' / 'hub'}, made on first use")
    assert [item.state for item in check_disk()] == ["ok", "ok"]


def test_a_cache_that_cannot_be_written_is_broken(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("METASELECT_CACHE", str(tmp_path / "file" / "cache"))
    own = check_caches()[0]
    assert own.state == "broken"
    assert "METASELECT_CACHE" in own.advice


def test_the_shipped_predictor_is_read_and_its_hashes_checked():
    found = check_predictor()
    assert found.state == "ok"
    assert found.found.endswith(f"{len(shipped_runs()):,} scores, hashes true")


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_an_offline_hub_is_not_asked(monkeypatch, value):
    requests = []
    with serving({}, requests) as endpoint:
        monkeypatch.setenv("HF_HUB_OFFLINE", value)
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        found = check_hub()
    assert (found.state, found.found) == ("missing", "offline, by HF_HUB_OFFLINE")
    assert requests == []


def test_a_hub_that_answers_is_ok_and_credentials_are_not_shown(monkeypatch):
    requests = []
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with serving({}, requests) as endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        found = check_hub()
        assert (found.state, found.found) == ("ok", f"{endpoint} answers (404)")
        assert len(requests) == 1
    monkeypatch.setenv("HF_ENDPOINT", endpoint.replace("://", "://me:s3cret@"))
    gone = check_hub()
    assert gone.state == "broken"
    assert "s3cret" not in str(gone)
    assert endpoint in gone.found


@pytest.mark.parametrize("value", ["hub.example.org", "file:///etc/passwd", "http://"])
def test_an_endpoint_that_is_no_server_is_broken(monkeypatch, value):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", value)
    assert check_hub().state == "broken"
