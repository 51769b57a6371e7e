"""The lock of hashes names the very versions that the README's commands install."""

from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_pin_is_locked_with_hashes():
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    entries = (ROOT / ".ci" / "lock.txt").read_text().replace(" \\\n    ", " ").splitlines()[1:]
    locked = {pin: hashes for pin, *hashes in (entry.split() for entry in entries)}
    assert list(locked) == pins, "run python .ci/lock.py"
    for hashes in locked.values():
        assert hashes
        assert all(len(one.removeprefix("--hash=sha256:")) == 64 for one in hashes)
