"""The main job, whole: train, evaluate, ablate, rank, report; stopped, gone on with, made anew."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from metaselect.catalogue.cardfiles import load_catalogue, shipped_catalogue
from metaselect.cli.evaluate import evaluation_config
from metaselect.cli.records import FINDINGS, Unfinished, known_findings, save_findings
from metaselect.cli.reproduce import record_sources
from metaselect.errors import MetaselectError
from metaselect.evaluation.question import (
    Findings,
    RecordPart,
    make_findings,
    question_key,
    question_parts,
)
from metaselect.files import read_manifest
from metaselect.runs.exchange import read_table
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.selector.shipped import shipped_evaluation, shipped_runs
from tests.cli.conftest import call_main

FEW = ("--protocols", "encoder", "--out", "made")


@pytest.fixture(scope="module")
def few_runs(tmp_path_factory):
    """Runs of two encoders, enough for the protocol that takes the fewest fits."""
    table = simulated_runs(seed=0, noise=0.01)
    kept = (
        table["target"].isin(["xnli", "xquad", "udpos"])
        & table["intermediate"].isin(["direct", "mnli", "squad", "qqp"])
        & table["language"].isin(["sw", "vi", "de", "fi"])
        & (table["seed"] < 2)
    )
    path = tmp_path_factory.mktemp("few") / "runs.csv"
    table[kept].to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def unbroken(few_runs):
    """The records of a call that nobody stops, in one process."""
    catalogue = load_catalogue(None, None)
    table = check_runs(read_table(few_runs), percent=False)
    config = evaluation_config("target", 1, 0.8, 0, 1, "local")
    parts = question_parts(table, catalogue, config, protocols=("encoder",))
    nothing = Findings({}, {})
    found = make_findings(parts, known=nothing, keep=lambda *_: None, progress=lambda _: None)
    return {f"{name}.json": record for name, record in {**found.records, "skipped": {}}.items()}


def records_in(folder):
    """Content of every record by its name."""
    names = read_manifest(folder, kind=FINDINGS, schema=2).hashes
    assert len(names) == 6  # anatomy, definitions, coverage, evaluation, ablation, skipped
    return {name: json.loads((folder / name).read_text(encoding="utf-8")) for name in names}


def other_processor():
    """The environment of a process in which libraries add in another order, with other threads."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    named = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": " ".join(found)}
    return {**os.environ, **named, "OMP_NUM_THREADS": "3"}


def stop_once_there(place, arguments):
    """Start a command as on another processor; once a file is there, do what Ctrl-C does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "metaselect", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env=other_processor(),
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while not place.exists() and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, err


@pytest.fixture(scope="module")
def gone_on(few_runs, tmp_path_factory):
    """Folder of a call that was stopped, damaged and given again, and what both calls said."""
    folder = tmp_path_factory.mktemp("stopped")
    kept = folder / "made" / "unfinished"
    command = ("reproduce", "--runs", few_runs, *FEW, "--workers", "2")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code, err = stop_once_there(kept / "evaluation-encoder" / "manifest.json", command)
        assert [path.name for path in (folder / "made").iterdir()] == ["unfinished"]
        damaged = kept / "definitions" / "definitions.json"
        damaged.write_text(damaged.read_text().replace("0", "1", 1))
        done = call_main(*command)
    assert (code, done.code) == (130, 0)
    return folder / "made", err, done


def test_reproduce_does_the_whole_job_and_answers_in_four_sentences(gone_on):
    folder, _, done = gone_on
    for name, kind, schema in (("predictor", "predictor", 2), ("report", "report", 1)):
        read_manifest(folder / name, kind=kind, schema=schema)
    kinds = ("anatomy", "definitions", "coverage", "evaluation-encoder", "ablation-encoder")
    assert {f"{name}.json" for name in (*kinds, "skipped")} == set(
        records_in(folder / "evaluation")
    )
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "simulated" in page.lower()
    said, *last = done.out.splitlines()[-4:]
    assert said.startswith("On simulated runs ")
    assert last[0].startswith("On simulated runs, for an encoder never seen, the ranker's first")
    assert last[1].startswith("Against best on average the ranker changes regret@1 by ")
    assert "against the best simple rule (" in last[1]
    assert last[2].startswith("Difficulty, language and diversity features together change ")
    assert all("95% interval" in line and "clusters)" in line for line in last[:2])
    assert "clusters" in last[2]
    assert "warning: the runs have 2 clusters of targets: with under 6 no p over " in done.err


def test_reproduce_refuses_a_folder_of_something_else_before_it_works(call, few_runs, place):
    (place / "made" / "report").mkdir(parents=True)
    (place / "made" / "report" / "mine.txt").write_text("precious")
    done = call("reproduce", "--runs", few_runs, *FEW)
    assert done.code == 2
    assert "is there already and is not a finished report folder" in done.err
    assert [path.name for path in (place / "made").iterdir()] == ["report"]


def test_a_stopped_call_says_what_it_kept_and_how_to_go_on(gone_on):
    assert "Traceback" not in gone_on[1]
    told = "stopped: 4 records are kept in made/unfinished; the same command goes on from there"
    assert told in gone_on[1].splitlines()  # a pool that is stopped may warn after it


def test_records_made_in_two_calls_on_two_processors_are_those_of_one(gone_on, unbroken):
    folder, _, done = gone_on
    assert "definitions.json has changed since it was made. " in done.err
    assert "3 records are kept from a call that was stopped\n2 records to make" in done.err
    assert records_in(folder / "evaluation") == unbroken
    assert not (folder / "unfinished").exists()


def test_a_second_call_reads_the_records_of_the_first(call, few_runs, gone_on, place):
    shutil.copytree(gone_on[0], place / "made")
    done = call("reproduce", "--runs", few_runs, *FEW, "--json")
    assert done.code == 0
    assert "5 records are those of an earlier call; --again makes them anew" in done.err
    assert "records to make" not in done.err
    assert done.json["verdict"].startswith("On simulated runs ")
    assert done.json["warnings"][0].startswith("the runs have 2 clusters of targets: ")
    records = records_in(gone_on[0] / "evaluation").items()
    assert done.json["findings"] == {name.removesuffix(".json"): value for name, value in records}


@pytest.fixture
def parts():
    return [
        RecordPart(("a",), lambda: pytest.fail("made")),
        RecordPart(("b", "c"), lambda: pytest.fail("made")),
    ]


def test_a_folder_of_another_key_or_kind_gives_no_record(parts, tmp_path, capsys):
    findings = Findings({"a": {}, "b": {}}, {"c": "too small"})
    save_findings(tmp_path / "own", findings, {"key": "k"})
    save_findings(tmp_path / "other", findings, {"key": "other runs"})
    save_findings(tmp_path / "old", findings, {})
    (tmp_path / "none").mkdir()
    names = ("none", "old", "other", "own")
    sources = {f"of {name}": [tmp_path / name] for name in names}
    assert known_findings(parts, sources, key="k") == findings
    assert capsys.readouterr().err == "2 records are of own\n"


def test_the_same_records_are_counted_once_for_the_first_that_has_them(parts, tmp_path, capsys):
    for number, name in enumerate(("first", "second")):
        records = {"a": {"number": number}, "z": {}}  # z is of a part that is not asked for
        save_findings(tmp_path / name, Findings(records, {}), {"key": "k"})
    sources = {name: [tmp_path / name] for name in ("first", "second")}
    assert known_findings(parts, sources, key="k").records["a"] == {"number": 0}
    assert capsys.readouterr().err == "1 record is first\n"


def test_again_reads_nothing_but_what_a_stopped_call_kept(parts, tmp_path):
    unfinished = Unfinished(tmp_path / "unfinished", parts, {"key": "k"})
    places = [tmp_path / "unfinished" / name for name in "ab"]
    assert list(record_sources(unfinished, tmp_path, again=True).values()) == [places]
    sources = record_sources(unfinished, tmp_path, again=False).values()
    assert list(sources) == [places, [tmp_path / "evaluation"], [shipped_evaluation()]]


def test_what_is_not_ours_in_the_place_of_a_part_is_refused_and_stays(parts, tmp_path):
    (tmp_path / "unfinished" / "b").mkdir(parents=True)
    mine = tmp_path / "unfinished" / "b" / "mine.txt"
    mine.write_text("precious")
    with pytest.raises(MetaselectError, match="b is there already and is not a finished findings"):
        Unfinished(tmp_path / "unfinished", parts, {"key": "k"})
    assert mine.read_text() == "precious"


def test_kept_parts_go_at_the_end_and_other_files_stay(parts, tmp_path):
    folder = tmp_path / "unfinished"
    with Unfinished(folder, parts, {"key": "k"}) as unfinished:
        unfinished.keep(parts[0], Findings({"a": {}}, {}))
        assert (folder / "a" / "manifest.json").is_file()
        (folder / "mine.txt").write_text("precious")
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_the_records_that_ship_are_read_for_the_runs_that_ship():
    """Where this fails, `metaselect reproduce --again` makes `artifacts/evaluation` anew."""
    made_by = read_manifest(shipped_evaluation(), kind=FINDINGS, schema=2).made_by
    if "key" not in made_by:
        pytest.skip("the records that ship were made before records had a key")
    catalogue = shipped_catalogue()
    config = evaluation_config("target", 1, 0.8, 0, None, "local")
    assert made_by["key"] == question_key(shipped_runs(), catalogue, config)
