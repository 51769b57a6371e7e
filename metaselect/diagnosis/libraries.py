"""Python, the libraries that metaselect asks for, and the GPU that PyTorch finds.

What is asked for stands in the package's own metadata, so that no second list can grow old.
"""

import json
import platform
import subprocess
import sys
from importlib import metadata, util

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from metaselect.diagnosis.findings import Finding

_PACKAGE = "metaselect"
_FOR_DEVELOPERS = ("browser", "docs", "test")  # extras that no command needs
_TORCH_S = 120  # a cold import from a slow disk
_GPU_SCRIPT = """
import json, torch
found = [torch.cuda.get_device_properties(at) for at in range(torch.cuda.device_count())]
names = [[one.name, one.total_memory] for one in found]
print(json.dumps({"gpus": names, "bf16": bool(names) and torch.cuda.is_bf16_supported()}))
"""


def check_python() -> Finding:
    """Whether this Python is one that the package allows."""
    version = platform.python_version()
    allowed = metadata.metadata(_PACKAGE)["Requires-Python"] or ""
    if SpecifierSet(allowed).contains(version, prereleases=True):
        return Finding("libraries", "python", "ok", version)
    return Finding("libraries", "python", "broken", version, f"install Python {allowed}")


def check_libraries() -> list[Finding]:
    """Each library that the package or one of its extras asks for."""
    asked: dict[str, tuple[Requirement, list[str]]] = {}
    for text in metadata.requires(_PACKAGE) or ():
        requirement = Requirement(text)
        extras = [] if _applies(requirement, "") else _extras_of(requirement)
        if extras or _applies(requirement, ""):
            asked.setdefault(requirement.name, (requirement, []))[1].extend(extras)
    return [_library(requirement, extras) for requirement, extras in asked.values()]


def _extras_of(requirement: Requirement) -> list[str]:
    known = metadata.metadata(_PACKAGE).get_all("Provides-Extra") or []
    wanted = [extra for extra in known if extra not in _FOR_DEVELOPERS]
    return [extra for extra in wanted if _applies(requirement, extra)]


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _library(requirement: Requirement, extras: list[str]) -> Finding:
    install = f"pip install '{_PACKAGE}[{extras[0]}]'" if extras else f"pip install -U {_PACKAGE}"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        if not extras:
            return Finding("libraries", requirement.name, "broken", "not installed", install)
        brought = f"not installed; comes with {' or '.join(extras)}"
        return Finding("libraries", requirement.name, "missing", brought, install)
    if requirement.specifier.contains(version, prereleases=True):
        return Finding("libraries", requirement.name, "ok", version)
    found = f"{version}, but {requirement.specifier} is needed"
    return Finding("libraries", requirement.name, "broken", found, install)


def check_gpu() -> Finding:
    """The GPUs that PyTorch sees, asked in a process of its own, which can fail alone."""
    advice = f"pip install '{_PACKAGE}[harness]'"
    if util.find_spec("torch") is None:
        return Finding("gpu", "cuda", "missing", "PyTorch is not installed", advice)
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
        return Finding("gpu", "cuda", "broken", f"PyTorch took more than {_TORCH_S} s", advice)
    except (subprocess.CalledProcessError, ValueError, IndexError) as error:
        lines = str(getattr(error, "stderr", "") or error).strip().splitlines()
        return Finding("gpu", "cuda", "broken", f"PyTorch fails: {lines[-1]}", advice)
    if not found["gpus"]:
        slow = "the harness runs on the CPU, slowly; where there is a GPU, install its driver"
        return Finding("gpu", "cuda", "missing", "PyTorch sees no GPU", slow)
    listed = ", ".join(f"{name} ({memory / 2**30:.0f} GiB)" for name, memory in found["gpus"])
    return Finding("gpu", "cuda", "ok", f"{listed}, {'bf16' if found['bf16'] else 'no bf16'}")
