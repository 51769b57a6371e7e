"""What metaselect reads from: the store of runs, the predictor that ships, and the hub."""

import os
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from metaselect.diagnosis.findings import Finding
from metaselect.errors import MetaselectError

_HUB = "https://huggingface.co"
_HUB_S = 3  # seconds; a hub that takes longer is of no use to a person who waits
_TRUE = ("1", "ON", "YES", "TRUE")  # what huggingface_hub takes for true
_OFFLINE = "use local folders, or what the hub cache holds"


def check_store(url: str) -> Finding:
    """Whether the store can be read, its schema, and how many runs it holds."""
    from metaselect.runs.database import SCHEMA, NoStore
    from metaselect.runs.store import RunsStore

    try:
        store = RunsStore(url, make=False)
        n_runs = int(store.studies()["n_runs"].sum())
    except NoStore as error:
        advice = "metaselect runs import makes one; METASELECT_STORE or --store names another"
        return Finding("store", "runs", "missing", str(error).split(": metaselect")[0], advice)
    except MetaselectError as error:
        advice = "check the URL and the server: METASELECT_STORE or --store names another"
        return Finding("store", "runs", "broken", str(error), advice)
    return Finding("store", "runs", "ok", f"{store}, schema {SCHEMA}, {n_runs:,} runs")


def check_predictor() -> Finding:
    """Whether the predictor that ships can be read, with every hash as it was made."""
    from metaselect.selector import TaskSelector
    from metaselect.shipped import shipped_predictor

    try:
        folder = shipped_predictor()
        selector = TaskSelector.from_pretrained(folder)
    except MetaselectError as error:
        advice = "install metaselect again, or name your own with --predictor"
        return Finding("predictor", "shipped", "broken", str(error), advice)
    training = selector.training_
    n_runs = 0 if training is None else training.n_runs
    mark = "simulated runs" if selector.simulated else "runs"
    return Finding("predictor", "shipped", "ok", f"{folder}, of {n_runs:,} {mark}, hashes true")


def check_hub() -> Finding:
    """Whether the hub answers; not asked where HF_HUB_OFFLINE forbids it."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
        return Finding("hub", "reach", "missing", "offline, by HF_HUB_OFFLINE", _OFFLINE)
    named = os.environ.get("HF_ENDPOINT")
    endpoint = urlsplit(named or _HUB)
    if endpoint.scheme not in ("http", "https") or not endpoint.hostname:
        advice = "HF_ENDPOINT is a URL such as https://hub.example.org"
        return Finding("hub", "reach", "broken", "HF_ENDPOINT is no URL of a server", advice)
    shown = f"{endpoint.scheme}://{endpoint.netloc.rpartition('@')[2]}"
    try:
        with urllib.request.urlopen(f"{endpoint.geturl().rstrip('/')}/api/models", timeout=_HUB_S):
            return Finding("hub", "reach", "ok", f"{shown} answers")
    except urllib.error.HTTPError as error:  # it is there, and that is what was asked
        if error.code < 500:
            return Finding("hub", "reach", "ok", f"{shown} answers ({error.code})")
        return Finding("hub", "reach", "broken", f"{shown} fails ({error.code})", "try again later")
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error)).replace(endpoint.netloc, "...")
        found = f"{shown} does not answer within {_HUB_S} s ({reason})"
        if named:
            return Finding("hub", "reach", "broken", found, "correct HF_ENDPOINT, or unset it")
        advice = f"set HF_HUB_OFFLINE=1 and {_OFFLINE}; HF_ENDPOINT names a mirror"
        return Finding("hub", "reach", "missing", found, advice)
