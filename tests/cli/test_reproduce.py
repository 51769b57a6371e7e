"""The main job, whole: train, evaluate, ablate, rank, report."""

from metaselect.files import read_manifest

SMALL = ("--trials", "1", "--workers", "1", "--protocols", "target")


def test_reproduce_does_the_whole_job_and_answers_in_three_sentences(call, runs_file, place):
    done = call("reproduce", "--runs", runs_file, "--out", "made", *SMALL)
    assert done.code == 0
    for folder, kind, schema in (
        ("predictor", "predictor", 2), ("evaluation", "findings", 2), ("report", "report", 1)
    ):  # fmt: skip
        read_manifest(place / "made" / folder, kind=kind, schema=schema)
    made = {path.stem for path in (place / "made" / "evaluation").glob("*.json")}
    assert {"anatomy", "definitions", "evaluation-target", "ablation-target"} <= made
    page = (place / "made" / "report" / "index.html").read_text(encoding="utf-8")
    assert "simulated" in page.lower()
    last = done.out.splitlines()[-3:]
    assert last[0].startswith("On simulated runs, for a target never seen, the ranker's first")
    assert last[1].startswith("Against best on average it changes regret@1 by ")
    assert "against the best simple rule (" in last[1]
    assert last[2].startswith("Difficulty, language and diversity features together change ")
    assert all("95% interval" in line and "clusters)" in line for line in last[:2])
    assert "clusters" in last[2]


def test_reproduce_refuses_a_folder_of_something_else_before_it_works(call, runs_file, place):
    (place / "made" / "report").mkdir(parents=True)
    (place / "made" / "report" / "mine.txt").write_text("precious")
    done = call("reproduce", "--runs", runs_file, "--out", "made", *SMALL)
    assert done.code == 2
    assert "is there already and is not a finished report folder" in done.err
    assert [path.name for path in (place / "made").iterdir()] == ["report"]
