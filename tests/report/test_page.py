import base64
import copy
import gzip
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from metaselect.files import read_manifest
from metaselect.report.page import KIND, SCHEMA, ReportContent, page_html, write_report
from metaselect.selector import TaskSelector
from tests.report.parts import EVALUATION, SOURCE, STUDY, TASK, Parsed, hostile_runs


@pytest.fixture(scope="module")
def parsed(page):
    return Parsed(page)


@pytest.fixture(scope="module")
def data(parsed):
    return _data_of(parsed)


def _unpacked(text):
    return gzip.decompress(base64.b64decode(text))


def _numbers(text):
    """Whole numbers of 16 bits, all low bytes first."""
    bytes_ = np.frombuffer(_unpacked(text), dtype=np.uint8).reshape(2, -1)
    return (bytes_[1].astype("<u2") << 8 | bytes_[0]).view("<i2")


def _data_of(parsed):
    found = [
        text
        for attributes, text in parsed.raw["script"]
        if attributes.get("type") == "application/json"
    ]
    assert len(found) == 1
    return json.loads(found[0])


def test_the_page_nests_its_elements_and_uses_each_id_once(parsed):
    assert parsed.faults == []
    ids = [attributes["id"] for _, attributes, _ in parsed.elements if "id" in attributes]
    assert len(ids) > 20
    assert len(ids) == len(set(ids))


def test_names_that_users_give_never_become_markup(page, parsed):
    words = "".join(parsed.words)
    for name in (TASK, STUDY, SOURCE):
        assert name in words
        assert name not in page
    assert parsed.named("img") == []
    assert len(parsed.named("script")) == 2  # the data and the page's own
    assert len(parsed.named("style")) == 1
    attributes = {name for _, found, _ in parsed.elements for name in found}
    assert not {name for name in attributes if name.startswith("on")}


def test_nothing_in_the_page_asks_for_another_address(page, parsed):
    links = [
        value
        for _, attributes, _ in parsed.elements
        for name, value in attributes.items()
        if name in ("href", "src", "action", "data", "srcset", "xlink:href")
    ]
    assert len(links) > 5
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert not re.search(r"https?:|@import|url\(|//[a-z]+\.", page)


def test_the_policy_lets_the_page_run_its_own_script_alone(parsed):
    policy = next(item["content"] for item in parsed.named("meta") if "http-equiv" in item)
    own = [text for attributes, text in parsed.raw["script"] if "type" not in attributes]
    digest = base64.b64encode(hashlib.sha256(own[0].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_a_narrower_question_is_told_apart_with_the_command_that_asked_it(content):
    narrow = {**EVALUATION, "with_direct": False, "with_same_source": False}
    text = page_html(replace(content, evaluations=(EVALUATION, narrow)))
    words = "the choice among intermediates alone, without shared training data"
    assert text.count(f"predicted from the others, {words}, ") > 0
    assert f"target left out, {words}" in text
    assert text.count("metaselect evaluate --runs") == 2
    assert text.count(" --without-direct --without-same-source") == 1


def test_every_chart_has_a_label_and_a_table(parsed):
    figures = [item for item in parsed.elements if item[0] == "figure"]
    charts = [item for item in parsed.elements if item[0] == "svg"]
    images = [item for item in parsed.elements if item[1].get("role") == "img"]
    assert len(charts) == len(images) == len(figures) == 5  # map, two heat maps, contrasts, ladder
    assert all(item["aria-label"] and "table" in item["aria-label"] for _, item, _ in images)
    summaries = [words for words in parsed.words if words.startswith("Table: ")]
    assert len(summaries) == 5
    assert all(item["aria-hidden"] == "true" for _, item, _ in charts)


def test_every_table_has_a_caption_and_every_control_a_label(parsed):
    assert len(parsed.named("caption")) == len(parsed.named("table")) > 8
    labelled = {item["for"] for item in parsed.named("label")}
    controls = [*parsed.named("select"), *parsed.named("input")]
    assert {item["id"] for item in controls} == labelled == {"target", "language"}


def test_the_page_says_that_its_runs_are_simulated(page, content):
    assert "nothing in this page was measured" in page
    assert content.selector.training_.simulated


def test_simulated_runs_beside_another_predictor_say_so_too(content):
    selector = copy.copy(content.selector)
    selector.training_ = replace(selector.training_, simulated=False)
    text = page_html(ReportContent(content.runs, selector, (), ()))
    assert "Some of the runs here are simulated" in text


def test_embedded_gains_are_those_that_rank_gives(content, data):
    shape = (1 + len(data["groups"]), *(len(data[k]) for k in ("targets", "computed")))
    gains = _numbers(data["numbers"]).reshape(*shape, len(data["candidates"]))[0] * data["scale"]
    names = [item["name"] for item in data["candidates"]]
    for target, language in (("xnli", "sw"), ("udpos", "cy"), ("tatoeba", "ja")):
        at = [item["name"] for item in data["targets"]].index(target)
        found = gains[at, data["computed"].index(language)]
        ranked = content.selector.rank(target=target, languages=[language])
        expected = ranked.set_index("intermediate")["gain"].loc[names].to_numpy()
        assert found == pytest.approx(expected, abs=data["scale"])


def test_the_encoder_of_each_study_can_be_chosen_and_ranks_as_rank_does(several):
    parsed = Parsed(page_html(several))
    data = _data_of(parsed)
    assert {item["for"] for item in parsed.named("label")} == {"target", "language", "study"}
    assert len(data["studies"]) == 2
    shape = tuple(len(data[name]) for name in ("targets", "computed", "candidates"))
    planes = _numbers(data["numbers"]).reshape(-1, *shape) * data["scale"]
    assert len(planes) == 1 + len(data["groups"]) + 2
    names = [item["name"] for item in data["candidates"]]
    at = [item["name"] for item in data["targets"]].index("xnli")
    place = (at, data["computed"].index("sw"))
    for number, study in enumerate(data["studies"]):
        ranked = several.selector.rank(target="xnli", languages=["sw"], study=study)
        expected = ranked.set_index("intermediate")["gain"].loc[names].to_numpy()
        found = planes[0][place] + planes[1 + len(data["groups"]) + number][place]
        assert found == pytest.approx(expected, abs=2 * data["scale"])


def test_one_encoder_leaves_nothing_to_choose(data):
    assert data["studies"] == []


def test_thousands_of_languages_are_chosen_by_name(data):
    languages = json.loads(_unpacked(data["languages"]))
    assert len(languages) > 7000
    names = {code: name for code, name, _, _ in languages}
    assert names["sw"] == "Swahili"
    stand_in = {code: data["computed"][at] for code, _, _, at in languages}
    assert all(stand_in[code] == code for code in data["computed"])
    assert set(data["seen"]) <= set(data["computed"])


def test_a_report_without_evaluations_says_how_to_make_them(content):
    text = page_html(ReportContent(content.runs, content.selector, (), ()))
    assert "metaselect evaluate" in text
    assert "metaselect ablate" in text
    assert Parsed(text).faults == []


def test_contrasts_and_coverage_stand_in_points_and_percent(parsed):
    words = " ".join("".join(parsed.words).split())
    assert "Against random choice, the ranker changes regret@1 by -1.60 points" in words
    assert "against the best simple rule (history)" in words
    assert "90%" in words
    assert "87%" in words


def test_missing_measures_and_contrasts_leave_a_whole_page(content):
    record = {**EVALUATION, "contrasts": [], "methods": {"random": EVALUATION["methods"]["random"]}}
    record["direct"] = {"share_negative_gains": None, "best": None, "chosen": None, "rightly": None}
    text = page_html(ReportContent(content.runs, content.selector, (record,), ()))
    assert "It has no contrasts." in text
    assert Parsed(text).faults == []


def test_runs_without_direct_have_no_heat_map(content):
    runs = content.runs[content.runs["intermediate"] != "direct"].reset_index(drop=True)
    text = page_html(ReportContent(runs, content.selector, (), ()))
    assert "absolute gains are unknown" in text


def test_the_folder_is_sealed_with_the_hash_of_the_page(content, tmp_path):
    path = write_report(tmp_path / "report", content)
    manifest = read_manifest(path.parent, kind=KIND, schema=SCHEMA)
    assert path.name in manifest.hashes
    assert manifest.made_by["n_runs"] == len(content.runs)


def test_an_unfitted_selector_is_refused(content):
    with pytest.raises(ValueError, match="fitted selector"):
        page_html(ReportContent(hostile_runs(), TaskSelector(), (), ()))
