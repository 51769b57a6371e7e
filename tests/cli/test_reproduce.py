"""The main job, whole: train, evaluate, ablate, rank, report."""

from metaselect.files import read_manifest

SMALL = ("--trials", "1", "--workers", "1")


def test_reproduce_does_the_whole_job_and_answers_in_three_sentences(call, runs_file, place):
    done = call("reproduce", "--runs", runs_file, "--out", "made", *SMALL)
    assert done.code == 0
    for kind in ("predictor", "evaluation", "ablation", "report"):
        read_manifest(place / "made" / kind, kind=kind, schema=1)
    page = (place / "made" / "report" / "index.html").read_text(encoding="utf-8")
    assert "simulated" in page.lower()
    last = done.out.splitlines()[-3:]
    assert last[0].startswith("On simulated runs, the ranker changes regret@1 against random")
    assert last[1].startswith("Against the best simple rule (")
    assert last[2].startswith("Difficulty, language and diversity features together change it by ")
    assert all("95% interval" in line and "clusters)" in line for line in last)


def test_reproduce_refuses_a_folder_of_something_else_before_it_works(call, runs_file, place):
    (place / "made" / "report").mkdir(parents=True)
    (place / "made" / "report" / "mine.txt").write_text("precious")
    done = call("reproduce", "--runs", runs_file, "--out", "made", *SMALL)
    assert done.code == 2
    assert "is there already and is not a finished report folder" in done.err
    assert [path.name for path in (place / "made").iterdir()] == ["report"]
