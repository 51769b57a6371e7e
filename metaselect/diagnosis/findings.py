"""One line of a diagnosis, and all of them in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

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


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing is broken; what is missing is no fault."""
    return all(finding.state != "broken" for finding in findings)


def diagnose(*, store: str) -> list[Finding]:
    """Look at everything that metaselect rests on, without changing anything.

    Args:
        store: Database URL of the runs.
    """
    from metaselect.diagnosis.libraries import check_gpu, check_libraries, check_python
    from metaselect.diagnosis.places import check_caches, check_disk
    from metaselect.diagnosis.reach import check_hub, check_predictor, check_store

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
