"""What a process is like while it is part of a cluster."""

import sys
from types import SimpleNamespace

import pytest

from metaselect.parallel import cluster


@pytest.fixture
def fake_ray(monkeypatch):
    told = []
    ray = SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda **given: told.append("init"),
        shutdown=lambda: told.append("shutdown"),
        exceptions=SimpleNamespace(RayError=RuntimeError),
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return told


def test_what_is_printed_meanwhile_stays_out_of_the_results(fake_ray, capsys):
    with cluster():
        print("a node was lost")  # as Ray's own thread does
    print("result")
    assert capsys.readouterr() == ("result\n", "a node was lost\n")
    assert fake_ray == ["init", "shutdown"]


def test_a_fault_leaves_the_cluster_and_gives_stdout_back(fake_ray, capsys):
    with pytest.raises(ValueError, match="ours"), cluster():
        raise ValueError("ours")
    print("result")
    assert capsys.readouterr().out == "result\n"
    assert fake_ray == ["init", "shutdown"]
