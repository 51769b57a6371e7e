import json
import os
import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from metaselect.cli import app
from metaselect.errors import MetaselectError
from metaselect.evaluation.results import SCHEMA
from metaselect.files import read_manifest, write_json, write_manifest
from metaselect.report.evaluations import title_of
from tests.report.parts import ABLATION, EVALUATION

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)


@pytest.fixture
def folders(content, tmp_path):
    """A runs table, a predictor, an evaluation and an ablation, as the commands write them."""
    content.runs.to_csv(tmp_path / "runs.csv", index=False)
    content.selector.save_pretrained(tmp_path / "predictor")
    for kind, record in (("evaluation", EVALUATION), ("ablation", ABLATION)):
        write_json(tmp_path / kind / f"{kind}.json", record)
        write_manifest(tmp_path / kind, kind=kind, schema=SCHEMA, made_by={})
    return tmp_path


def _invoke(folders, *options):
    given = ["report", "--out", str(folders / "report"), "--runs", str(folders / "runs.csv")]
    given += ["--predictor", str(folders / "predictor")]
    return CliRunner().invoke(app, [*given, *options], catch_exceptions=True)


def test_the_command_reads_folders_and_writes_page_and_figures(folders):
    kinds = ("evaluation", "ablation")
    options = [part for kind in kinds for part in (f"--{kind}", str(folders / kind))]
    result = _invoke(folders, *options, "--figures", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["page"] == str(folders / "report" / "index.html")
    assert len(answer["figures"]) == 4
    for name in answer["figures"]:
        with open(name, "rb") as file:
            assert file.read(5) in (b"<svg ", b"%PDF-")
    sealed = read_manifest(folders / "report", kind="report", schema=1).hashes
    assert set(sealed) == {"index.html"} | {
        f"figures/{name}-1.{form}" for name in ("contrasts", "ladder") for form in ("svg", "pdf")
    }


def test_a_folder_of_another_kind_is_refused(folders):
    result = _invoke(folders, "--evaluation", str(folders / "ablation"))
    assert isinstance(result.exception, MetaselectError)
    assert "is of the kind ablation; one of the kind evaluation is needed" in str(result.exception)


@pytest.mark.parametrize("record", [[], {}, {"protocol": "moon"}, "text"])
def test_a_record_that_is_none_is_refused_in_one_line(folders, record):
    write_json(folders / "bad" / "evaluation.json", record)
    write_manifest(folders / "bad", kind="evaluation", schema=SCHEMA, made_by={})
    result = _invoke(folders, "--evaluation", str(folders / "bad"))
    assert isinstance(result.exception, MetaselectError)
    assert "bad holds a record that is broken" in str(result.exception)


def test_records_of_reproduce_and_records_of_other_runs(folders):
    for name, record in (("evaluation-target", EVALUATION), ("ablation-target", ABLATION)):
        write_json(folders / "all" / f"{name}.json", record)
    write_manifest(folders / "all", kind="findings", schema=SCHEMA, made_by={"runs_hash": "other"})
    given = ("--evaluation", str(folders / "all"), "--ablation", str(folders / "all"))
    result = _invoke(folders, *given)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("all was made from other runs than the page's") == 1
    page = (folders / "report" / "index.html").read_text(encoding="utf-8")
    assert "metaselect evaluate --runs RUNS.csv --protocol target" in page
    assert f"metaselect train --runs {folders / 'runs.csv'} --trials 1" in page
    made = f"metaselect report --runs {folders / 'runs.csv'} --predictor {folders / 'predictor'}"
    assert f"<code>{made} {' '.join(given)} --out {folders / 'report'}</code>" in page
    assert title_of(EVALUATION) in page
    assert f"Every set of features; bold is the best of a column ({title_of(ABLATION)})" in page


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page_without_an_error(page, tmp_path, scheme):
    path = tmp_path / "index.html"
    path.write_text(page, encoding="utf-8")
    flags = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += [
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'user'}",
    ]
    flags += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    flags += ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    flags += ["--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom"]
    done = subprocess.run(
        [str(CHROMIUM), *flags, path.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert "CONSOLE" not in done.stderr
    assert 'data-ready="true"' in done.stdout
    assert "fine-tune first on" in done.stdout
