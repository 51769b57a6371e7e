"""What a step frees stays with the process, whoever carries out the stages."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ["nobody", "InProcess", "Ray", "dry run", "throughput"]
SCRIPT = """
import ctypes, json, os, sys
from pathlib import Path
import torch
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.grid.executors import InProcess
from metaselect.harness.grid.on_ray import Home, _carry
from metaselect.harness.grid.probe import estimate
from metaselect.harness.grid.stages import TrainStage
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.harness.recipe import Machine
from metaselect.harness.train.encoders import Encoder
from metaselect.harness.train.training import Workshop
from experiments.bench import throughput

folder = Path(sys.argv[1])
machine = Machine(device="cpu", threads=1, inference_tokens=64, compile=False, precision="float32")
shop = Workshop(Corpora(folder), WorkFolder(folder / "work"), machine)
encoder = Encoder(name="e", path=str(folder), revision=None, n_layers=None, random_weights=False)
stage = TrainStage(  # fails as soon as it begins: the folder has no encoder
    key="a", label="a", encoder=encoder, parent=None, cards=(), teaching=None)
mark = folder / "mark"
mark.touch()

def in_process():
    executor = InProcess(shop)
    executor.start(stage)
    assert executor.next_finished().failure

def bench():
    sys.argv = ["throughput", "--data", str(folder), "--encoder", str(folder), "--tasks", "qa"]
    try:
        throughput.main()
    except Exception:
        pass

CALLS = [lambda: None, in_process, lambda: _carry(stage, shop, Home(mark, None), {}),
         lambda: estimate([], shop, print), bench]

class Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks "
                "fsmblks uordblks fordblks keepcost".split()]

def n_mapped():
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = Memory
    return libc.mallinfo2().hblks

for call in CALLS:
    if not os.fork():  # what mallopt sets holds for a process
        call()
        before = n_mapped()
        tensor = torch.zeros(10**8, dtype=torch.uint8)
        os._exit(n_mapped() - before)
found = {}
for _ in CALLS:
    pid, status = os.wait()
    found[pid] = os.waitstatus_to_exitcode(status)
print(json.dumps([found[pid] for pid in sorted(found)]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_whoever_trains_on_a_cpu_keeps_what_a_step_frees(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 0, done.stderr
    mapped = json.loads(done.stdout.splitlines()[-1])
    # of a tensor of 100 MB: 1 map of its own where nobody asks for anything else
    assert dict(zip(NAMES, mapped, strict=True)) == {**dict.fromkeys(NAMES, 0), "nobody": 1}


RELEASE = """
import json
from pathlib import Path
import torch
from metaselect.harness.grid.heap import keep_freed_memory, release_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

keep_freed_memory()
before = resident()
kept, freed = [], []
for _ in range(100):  # what lives on lies between what is freed
    freed.append(torch.ones(10**6, dtype=torch.uint8))
    kept.append(torch.ones(10**4, dtype=torch.uint8))
full = resident() - before
freed.clear()
held = resident() - before
release_freed_memory()
print(json.dumps([held / full, (resident() - before) / full]))
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not Path("/proc/self/statm").exists(),
    reason="needs glibc and /proc",
)
def test_between_stages_memory_goes_back_although_something_lives_on_in_between() -> None:
    command = [sys.executable, "-W", "ignore", "-c", RELEASE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    held, after = json.loads(done.stdout)
    assert held > 0.9
    assert after < 0.1
