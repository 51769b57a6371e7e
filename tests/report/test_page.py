import base64
import copy
import gzip
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metaselect.cli.rank_shown import record_of
from metaselect.files import read_manifest
from metaselect.report.page import KIND, SCHEMA, ReportContent, page_html, write_report
from metaselect.report.rankings import start_of
from metaselect.report.sources import PageInputs
from metaselect.selector import TaskSelector
from metaselect.selector.doubts import doubts_of, table_doubts
from metaselect.selector.measured_gains import measured_gains
from metaselect.selector.warnings import floor_warning, ranking_warnings
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
    assert f"A new target, {words}: 96 queries in 8 clusters" in text
    assert f"target left out, {words}" in text
    assert text.count("metaselect evaluate --runs") == 2
    assert text.count(" --without-direct --without-same-source") == 1


def test_commands_name_what_the_page_was_made_of_or_a_name_that_is_explained(content):
    text = page_html(content)
    assert "..." not in text[text.index('id="sources"') : text.index("<script")]
    assert "RUNS.csv stands for a file with the table of runs named at its right" in text
    named = PageInputs(runs="", records="", rank="", page="metaselect reproduce --out made")
    text = page_html(replace(content, inputs=named, ablations=()))
    assert "RUNS.csv" not in text
    train = "metaselect train --trials 1 --level 0.7 --seed 1 --out predictor"
    for command in (
        "metaselect reproduce --out made",
        train,
        "metaselect evaluate --protocol target --trials 1 --seed 0",
        "metaselect ablate --out ablation",
    ):
        assert f"<code>{command}</code>" in text


def test_the_page_says_what_speaks_against_answers_from_own_runs(content, page):
    doubts = table_doubts(content.runs, content.selector.catalogue)
    text = page.split('<ul class="answers" id="doubts">')[1].split("</ul>")[0]
    assert text.count("<li>") == len(doubts) > 0
    shipped = replace(content, inputs=PageInputs(runs=""))
    assert 'id="doubts"' not in page_html(shipped)


def test_the_page_opens_on_the_answer_and_then_the_chooser(parsed):
    words = " ".join("".join(parsed.words).split())
    places = [words.index(part) for part in (
        "Do language diversity and task difficulty together",
        "These runs do not answer the question: none of 4 primary comparisons with a cluster of",
        "Difficulty, language and diversity features together change regret@1 by -0.20 points",
        "the ranker's first choice is 0.40 points below the best and a random one 2.00",
        "Against best on average the ranker changes regret@1 by -0.83 points",
        "On these runs no method is shown to be better than random choice; least regret has the",
        "Regret@1 is what a first choice loses",
        "Choose for your task",
        "How good the ranking is",
    )]  # fmt: skip
    assert places == sorted(places)


def test_every_contrast_says_what_stands_without_one_cluster(parsed):
    words = " ".join("".join(parsed.words).split())
    assert "without one cluster" in words
    assert "* -1.20 to +0.80" in words  # +both - history
    assert "-2.60 to -0.60" in words  # ranker - random
    assert "* one cluster decides the sign" in words


def test_long_tables_are_closed_and_each_can_be_scrolled_by_keys(parsed):
    assert len(parsed.named("details")) > 8
    assert not any("open" in item for item in parsed.named("details"))
    boxes = [item for item in parsed.named("div") if "scroll" in item.get("class", "").split()]
    assert len(boxes) == len(parsed.named("table")) + 1  # and the map
    assert all(item["tabindex"] == "0" and item["aria-label"] for item in boxes)
    labels = [item["aria-label"] for item in boxes]
    assert len(labels) == len(set(labels))


def test_the_map_has_a_label_and_a_table(parsed):
    images = [item for item in parsed.elements if item[1].get("role") == "img"]
    svgs = parsed.named("svg")
    assert len(svgs) == len(images) == 1
    assert "the table below has every number" in images[0][1]["aria-label"]
    assert svgs[0]["aria-hidden"] == "true"


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


def test_embedded_numbers_are_those_that_rank_gives(content, data):
    shape = (-1, *(len(data[name]) for name in ("targets", "computed", "candidates")))
    gains = _numbers(data["numbers"]).reshape(shape)[0] * data["scale"]
    chances = _numbers(data["chances"]).reshape(shape)[0] * data["chanceScale"]
    names = [item["name"] for item in data["candidates"]]
    codes = [item["code"] for item in data["computed"]]
    for target, language in (("xnli", "sw"), ("udpos", "cy"), ("tatoeba", "ja")):
        at = [item["name"] for item in data["targets"]].index(target)
        ranked = content.selector.rank(target=target, languages=[language])
        ranked = ranked.set_index("intermediate").loc[names]
        place = (at, codes.index(language))
        assert gains[place] == pytest.approx(ranked["gain"].to_numpy(), abs=data["scale"])
        assert chances[place] == pytest.approx(
            ranked["p_positive"].to_numpy(), abs=data["chanceScale"]
        )


def test_the_answer_its_choice_and_its_caveat_are_those_of_the_command(content, data):
    told = json.loads(_unpacked(data["told"]))
    names = [item["name"] for item in data["targets"]]
    codes = [item["code"] for item in data["computed"]]
    selector, n_unclear = content.selector, 0
    for target, language in (("xnli", "sw"), ("udpos", "sw"), ("tatoeba", "ja"), ("mewslix", "de")):
        table = selector.rank(target=target, languages=[language])
        doubts = doubts_of(content.runs, target, table["intermediate"], selector.catalogue)
        record = record_of(table, target, "mean", content.runs, doubts=doubts, simulated=True)
        at = names.index(target) * len(codes) + codes.index(language)
        assert told["answers"][at] == record["answer"]
        choice = told["choices"][at]
        advised = data["candidates"][choice]["name"] if choice >= 0 else "Nothing is clearly better"
        advised = "the target alone" if advised == "direct" else advised
        assert advised in record["answer"]
        notes = [*told["by_cell"][at], *told["by_target"][names.index(target)]]
        shown = [told["texts"][note] for note in notes]
        caveats = ranking_warnings(table, target, selector.catalogue, level=selector.level)
        assert set(caveats) <= set(shown)
        assert not any("--study" in note for note in told["texts"])
        n_unclear += any("not clearly above 0" in caveat for caveat in caveats)
    assert n_unclear > 0


def test_measured_gains_stand_beside_the_expected_ones_as_in_rank(content, data):
    told = json.loads(_unpacked(data["told"]))
    found = {tuple(row[:4]): row[4:] for row in told["measured"]}
    at = [item["name"] for item in data["targets"]].index("xnli")
    place = [item["code"] for item in data["computed"]].index("sw")
    expected = measured_gains(content.runs, target="xnli", languages=["sw"], study=None)
    assert len(expected) > 5
    for (_, name), gain in expected.items():
        number = [item["name"] for item in data["candidates"]].index(name)
        assert found[0, at, place, number] == [
            pytest.approx(gain.gain, abs=1e-5), pytest.approx(gain.se, abs=1e-5), gain.n_seeds
        ]  # fmt: skip


def test_a_target_whose_runs_say_nothing_is_grey_with_the_reason(content):
    runs = content.runs.copy()
    runs.loc[runs["target"] == "xnli", "score"] = 0.34
    reason = floor_warning(runs, "xnli", content.selector.catalogue)
    text = page_html(replace(content, runs=runs, evaluations=(), ablations=()))
    parsed = Parsed(text)
    told = json.loads(_unpacked(_data_of(parsed)["told"]))
    at = [item["name"] for item in _data_of(parsed)["targets"]].index("xnli")
    assert told["texts"][told["floors"][at]] == reason
    assert sum(place >= 0 for place in told["floors"]) == 1
    assert len(set(runs["target"])) > 1
    hovered = [item for item in parsed.named("td") if item.get("title") == reason]
    assert len(hovered) > 3
    assert {item["class"] for item in hovered} == {"unclear"}
    assert f"Grey: {reason}." in " ".join("".join(parsed.words).split())


def start_in(cells):
    """The target and the language that a page shows first, of runs in cells such as "xnli de"."""
    runs = pd.DataFrame([cell.split() for cell in cells], columns=["target", "language"])
    targets, languages = ["xnli", "udpos", "sib200"], ["en", "de", "ta", "af"]
    target, language = start_of(runs, targets, languages)
    return f"{targets[target]} {languages[language]}"


def test_a_page_starts_on_the_target_and_the_language_with_most_runs():
    runs = ["udpos de", "udpos de", "udpos ta", "xnli ta"]
    assert start_in(runs) == "udpos de"
    assert start_in(["udpos en", "udpos en", "udpos de"]) == "udpos de"  # English comes last
    assert start_in(["udpos en", "nope de"]) == "udpos en"
    assert start_in([*runs, "sib200 af"]) == "sib200 af"  # known to most people
    # As many runs of SIB-200 in both: Tamil has those of another target too.
    assert start_in([*runs, "sib200 af", "sib200 ta"]) == "sib200 ta"
    assert start_in(["nope de"]) == "xnli en"


def test_the_encoder_of_each_study_can_be_chosen(several):
    parsed = Parsed(page_html(several))
    data = _data_of(parsed)
    assert {item["for"] for item in parsed.named("label")} == {"target", "language", "study"}
    assert data["studies"] == ["", *several.selector.training_.encoder_by_study]
    assert len(data["studies"]) == 3


def test_one_encoder_leaves_nothing_to_choose(data):
    assert data["studies"] == [STUDY]


def test_thousands_of_languages_are_chosen_by_name(data):
    languages = json.loads(_unpacked(data["told"]))["languages"]
    assert len(languages) > 7000
    names = {code: name for code, name, _, _ in languages}
    assert names["sw"] == "Swahili"
    codes = [item["code"] for item in data["computed"]]
    stand_in = {code: codes[at] for code, _, _, at in languages}
    assert all(stand_in[code] == code for code in codes)


def test_a_report_without_evaluations_says_how_to_make_them(content):
    text = page_html(ReportContent(content.runs, content.selector, (), ()))
    assert "metaselect evaluate" in text
    assert "metaselect ablate" in text
    assert Parsed(text).faults == []


def test_heads_say_which_way_is_better_and_ceiling_is_explained(parsed):
    words = " ".join("".join(parsed.words).split())
    assert "regret@3 ↓ndcg@3 ↑gain@1 ↑" in words.replace("\n", "")
    assert words.count("ceiling: the runs' own choice, by half of the seeds") >= 2


def test_contrasts_and_coverage_stand_in_points_and_percent(parsed):
    words = " ".join("".join(parsed.words).split())
    assert "-1.60 (-2.60 to -0.60)" in words
    assert "41%, 63%" in words
    assert "90%" in words
    assert "87%" in words


def test_missing_measures_and_contrasts_leave_a_whole_page(content):
    record = {**EVALUATION, "contrasts": [], "methods": {"random": EVALUATION["methods"]["random"]}}
    record["direct"] = {"share_negative_gains": None, "best": None, "chosen": None, "rightly": None}
    text = page_html(ReportContent(content.runs, content.selector, (record,), ()))
    assert "so it gives no answer" in text
    assert Parsed(text).faults == []


def test_runs_without_direct_have_no_observed_gains(content):
    runs = content.runs[content.runs["intermediate"] != "direct"].reset_index(drop=True)
    text = page_html(ReportContent(runs, content.selector, (), ()))
    assert "observed gains are unknown" in text


def test_the_folder_is_sealed_with_the_hash_of_the_page(content, tmp_path):
    path = write_report(tmp_path / "report", content)
    manifest = read_manifest(path.parent, kind=KIND, schema=SCHEMA)
    assert path.name in manifest.hashes
    assert manifest.made_by["n_runs"] == len(content.runs)


def test_an_unfitted_selector_is_refused(content):
    with pytest.raises(ValueError, match="fitted selector"):
        page_html(ReportContent(hostile_runs(), TaskSelector(), (), ()))
