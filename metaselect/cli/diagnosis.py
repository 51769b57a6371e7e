"""What works on this computer, what is missing and what is broken: the checks of `doctor`.

The libraries that are asked for stand in the package's own metadata, so that no second list can
grow old.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from metaselect.catalogue.cache import cache_folder
from metaselect.errors import MetaselectError, MissingExtra, install_command
from metaselect.wording import counted

State = Literal["ok", "missing", "broken"]

_PACKAGE = "metaselect"
_FOR_DEVELOPERS = ("browser", "docs", "test")  # extras that no command needs
_TORCH_S = 120  # a cold import from a slow disk
_GPU_SCRIPT = """
import json, torch
found = [torch.cuda.get_device_properties(at) for at in range(torch.cuda.device_count())]
names = [[one.name, one.total_memory] for one in found]
print(json.dumps({"gpus": names, "bf16": bool(names) and torch.cuda.is_bf16_supported()}))
"""
_LEAST_FREE = 10**9  # bytes: below this even a small grid's checkpoints do not fit
_HUB = "https://huggingface.co"
_HUB_S = 3  # seconds; a hub that takes longer is of no use to a person who waits
_TRUE = ("1", "ON", "YES", "TRUE")  # what huggingface_hub takes for true
_OFFLINE = "use local folders, or what the hub cache holds"


@dataclass(frozen=True, slots=True)
class Check:
    """One check and what it found.

    Attributes:
        area: Where it belongs: `libraries`, `gpu`, `caches`, `store`, `predictor`, `hub`, `disk`.
        name: What was looked at.
        state: `ok`; `missing`, where only what needs it does not work; `broken`, which must be
            mended.
        found: Version, place, size: what there is. Never a password or a token.
        advice: What to do, empty where nothing is.
    """

    area: str
    name: str
    state: State
    found: str
    advice: str = ""

    @property
    def is_command(self) -> bool:
        """Whether the advice is a command to type in a clone."""
        return self.advice.startswith("pip ")


def healthy(checks: Sequence[Check]) -> bool:
    """Whether nothing is broken; what is missing is no fault."""
    return all(check.state != "broken" for check in checks)


def diagnose(*, store: str) -> list[Check]:
    """Check everything that metaselect rests on, without changing anything.

    Args:
        store: Database URL of the runs.
    """
    return [
        check_python(),
        *check_libraries(),
        check_gpu(),
        *check_caches(),
        check_store(store),
        check_predictor(),
        check_hub(),
        *check_disk(),
    ]


def check_python() -> Check:
    """Whether this Python is one that the package allows."""
    version = platform.python_version()
    allowed = metadata.metadata(_PACKAGE)["Requires-Python"] or ""
    if SpecifierSet(allowed).contains(version, prereleases=True):
        return Check("libraries", "python", "ok", version)
    return Check("libraries", "python", "broken", version, f"install Python {allowed}")


def check_libraries() -> list[Check]:
    """Each library that the package or one of its extras asks for."""
    asked: dict[str, tuple[Requirement, list[str]]] = {}
    for text in metadata.requires(_PACKAGE) or ():
        requirement = Requirement(text)
        extras = [] if _applies(requirement, "") else _extras_of(requirement)
        if extras or _applies(requirement, ""):
            asked.setdefault(requirement.name, (requirement, []))[1].extend(extras)
    size = Counter(extra for _, extras in asked.values() for extra in extras)
    return [
        _library(requirement, sorted(extras, key=size.__getitem__))  # the smallest is advised
        for requirement, extras in asked.values()
    ]


def _extras_of(requirement: Requirement) -> list[str]:
    known = metadata.metadata(_PACKAGE).get_all("Provides-Extra") or []
    wanted = [extra for extra in known if extra not in _FOR_DEVELOPERS]
    return [extra for extra in wanted if _applies(requirement, extra)]


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _library(requirement: Requirement, extras: list[str]) -> Check:
    install = install_command(extras[0] if extras else None)
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        if not extras:
            return Check("libraries", requirement.name, "broken", "not installed", install)
        brought = f"not installed; comes with {' or '.join(extras)}"
        return Check("libraries", requirement.name, "missing", brought, install)
    if requirement.specifier.contains(version, prereleases=True):
        return Check("libraries", requirement.name, "ok", version)
    found = f"{version}, but {requirement.specifier} is needed"
    return Check("libraries", requirement.name, "broken", found, install)


def check_gpu() -> Check:
    """The GPUs that PyTorch sees, asked in a process of its own, which can fail alone."""
    advice = install_command("harness")
    if util.find_spec("torch") is None:
        return Check("gpu", "cuda", "missing", "PyTorch is not installed", advice)
    try:
        asked = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _GPU_SCRIPT],
            capture_output=True,
            text=True,
            timeout=_TORCH_S,
            check=True,
        )
        found = json.loads(asked.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Check("gpu", "cuda", "broken", f"PyTorch took more than {_TORCH_S} s", advice)
    except (subprocess.CalledProcessError, ValueError, IndexError) as error:
        lines = str(getattr(error, "stderr", "") or error).strip().splitlines()
        return Check("gpu", "cuda", "broken", f"PyTorch fails: {lines[-1]}", advice)
    if not found["gpus"]:
        slow = "the harness runs on the CPU, slowly; where there is a GPU, install its driver"
        return Check("gpu", "cuda", "missing", "PyTorch sees no GPU", slow)
    listed = ", ".join(f"{name} ({memory / 2**30:.0f} GiB)" for name, memory in found["gpus"])
    return Check("gpu", "cuda", "ok", f"{listed}, {'bf16' if found['bf16'] else 'no bf16'}")


def check_caches() -> list[Check]:
    """The cache of language vectors and tokens, and the hub's."""
    return [
        _cache("metaselect", cache_folder(), "METASELECT_CACHE"),
        _cache("hub", _hub_cache(), "HF_HOME"),
    ]


def check_disk() -> list[Check]:
    """Room where commands write by default, and where the hub's files go."""
    folders = {"here": Path.cwd(), "hub cache": _existing(_hub_cache())}
    found = []
    for name, folder in folders.items():
        free = shutil.disk_usage(folder).free
        words = f"{free / 1e9:.1f} GB free at {folder}"
        if free < _LEAST_FREE:
            found.append(Check("disk", name, "broken", words, "free some, or use another disk"))
        else:
            found.append(Check("disk", name, "ok", words))
    return found


def _hub_cache() -> Path:
    """Where huggingface_hub keeps downloads, by its own variables; it may not be installed."""
    if named := os.environ.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    root = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME") or f"{root}/huggingface"
    return Path(home).expanduser() / "hub"


def _cache(name: str, folder: Path, variable: str) -> Check:
    above = _existing(folder)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        advice = f"make it writable, or set {variable} to a folder that is"
        return Check("caches", name, "broken", f"{folder} cannot be written", advice)
    if above != folder:
        return Check("caches", name, "ok", f"{folder}, made on first use")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files)
    return Check(
        "caches", name, "ok", f"{folder}, {size / 1e6:,.1f} MB in {counted(len(files), 'file')}"
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    path = folder.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def check_store(url: str) -> Check:
    """Whether the store can be read, its schema, and how many scores it holds."""
    try:
        from metaselect.runs.store import RunsStore
    except MissingExtra:
        return Check("store", "runs", "missing", "no packages for it", install_command("store"))
    from metaselect.runs.database import SCHEMA, NoStore

    try:
        store = RunsStore(url, make=False)
        n_scores = int(store.studies()["n_runs"].sum())
    except NoStore as error:
        advice = "metaselect runs import makes one; METASELECT_STORE or --store names another"
        return Check("store", "runs", "missing", str(error).split(": metaselect")[0], advice)
    except MetaselectError as error:
        advice = "check the URL and the server: METASELECT_STORE or --store names another"
        return Check("store", "runs", "broken", str(error), advice)
    return Check("store", "runs", "ok", f"{store}, schema {SCHEMA}, {counted(n_scores, 'score')}")


def check_predictor() -> Check:
    """Whether the predictor that ships can be read, with every hash as it was made."""
    from metaselect.selector.selector import TaskSelector
    from metaselect.selector.shipped import shipped_predictor

    try:
        folder = shipped_predictor()
        selector = TaskSelector.from_pretrained(folder)
    except MetaselectError as error:
        advice = "install metaselect again, or name your own with --predictor"
        return Check("predictor", "shipped", "broken", str(error), advice)
    training = selector.training_
    n_scores = 0 if training is None else training.n_runs
    told = counted(n_scores, "simulated score" if selector.simulated else "score")
    return Check("predictor", "shipped", "ok", f"{folder}, of {told}, hashes true")


def check_hub() -> Check:
    """Whether the hub answers; not asked where HF_HUB_OFFLINE forbids it."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
        return Check("hub", "reach", "missing", "offline, by HF_HUB_OFFLINE", _OFFLINE)
    named = os.environ.get("HF_ENDPOINT")
    endpoint = urlsplit(named or _HUB)
    if endpoint.scheme not in ("http", "https") or not endpoint.hostname:
        advice = "HF_ENDPOINT is a URL such as https://hub.example.org"
        return Check("hub", "reach", "broken", "HF_ENDPOINT is no URL of a server", advice)
    shown = f"{endpoint.scheme}://{endpoint.netloc.rpartition('@')[2]}"
    try:
        url = f"{endpoint.geturl().rstrip('/')}/api/models"
        with urllib.request.urlopen(url, timeout=_HUB_S):  # noqa: S310 - its scheme is checked above
            return Check("hub", "reach", "ok", f"{shown} answers")
    except urllib.error.HTTPError as error:  # it is there, and that is what was asked
        if error.code < 500:
            return Check("hub", "reach", "ok", f"{shown} answers ({error.code})")
        return Check("hub", "reach", "broken", f"{shown} fails ({error.code})", "try again later")
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error)).replace(endpoint.netloc, "...")
        found = f"{shown} does not answer within {_HUB_S} s ({reason})"
        if named:
            return Check("hub", "reach", "broken", found, "correct HF_ENDPOINT, or unset it")
        advice = f"set HF_HUB_OFFLINE=1 and {_OFFLINE}; HF_ENDPOINT names a mirror"
        return Check("hub", "reach", "missing", found, advice)
