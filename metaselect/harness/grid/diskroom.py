"""What a grid's weights will take on disk, and whether `disk_gb` is enough for them."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metaselect.harness.grid.schedule import Schedule, gigabytes_above, room_taken
from metaselect.harness.grid.stages import Stage, TrainStage


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskNeed:
    """Disk that the weights of a grid take.

    Attributes:
        weights_bytes: Most at a time, or all in the end where none are dropped.
        enough_bytes: What `disk_gb` would have to be at least; None where none is set.
        disk_bytes: What it is; None where none is set.
        fits: Whether every training finds room.
    """

    weights_bytes: int
    enough_bytes: int | None
    disk_bytes: int | None
    fits: bool

    def as_json(self) -> dict[str, float | bool | None]:
        """Gigabytes, and whether they fit."""
        enough = None if self.enough_bytes is None else float(gigabytes_above(self.enough_bytes))
        weights_gb = float(gigabytes_above(self.weights_bytes))
        return {"weights_gb": weights_gb, "enough_disk_gb": enough, "fits_disk_gb": self.fits}

    def __str__(self) -> str:
        told = f"weights: about {gigabytes_above(self.weights_bytes)} GB"
        if self.disk_bytes is None or self.enough_bytes is None:
            return f"{told} on disk in the end; disk_gb bounds what is kept at a time"
        limit = f"disk_gb = {self.disk_bytes / 1e9:.3g}"
        if self.fits:
            return f"{told} on disk at a time, which {limit} has room for"
        enough = gigabytes_above(self.enough_bytes)
        return f"weights: {limit} is not enough for all trainings; set disk_gb to {enough} or more"


def disk_need(
    pending: Sequence[Stage],
    later: Sequence[Stage],
    *,
    there: Mapping[str, int],
    sizes: Mapping[str, int],
    n_workers: int,
    disk_bytes: int | None,
) -> DiskNeed:
    """Go through a schedule as a run would, with the sizes that weights are expected to have.

    Args:
        pending: What is to be done now.
        later: What other calls will do, for which weights stay.
        there: Bytes of the weights on disk, by key.
        sizes: Bytes that those of each training to do will take, by key.
        n_workers: Stages at a time.
        disk_bytes: Most that weights may take; None keeps all.
    """
    if disk_bytes is None:
        total = sum({**there, **sizes}.values())
        return DiskNeed(weights_bytes=total, enough_bytes=None, disk_bytes=None, fits=True)

    def walk(limit: int | None) -> tuple[int, int, bool]:
        return _walk(Schedule(pending, later), there, sizes, n_workers=n_workers, limit=limit)

    peak, enough, fits = walk(disk_bytes)
    if not fits:
        peak, enough, _ = walk(None)
    return DiskNeed(weights_bytes=peak, enough_bytes=enough, disk_bytes=disk_bytes, fits=fits)


def _walk(
    state: Schedule,
    there: Mapping[str, int],
    sizes: Mapping[str, int],
    *,
    n_workers: int,
    limit: int | None,
) -> tuple[int, int, bool]:
    """Most bytes of weights, most room asked for by a training, and whether all found room."""
    held = {key: n_bytes for key, n_bytes in there.items() if state.needs(key)}
    peak, asked = sum(held.values()), 0

    def fits() -> bool:
        nonlocal asked
        taken = room_taken([*held.values()], state)
        if limit is not None and taken > limit:
            return False
        asked = max(asked, taken)
        return True

    running: deque[Stage] = deque()
    while state.n_waiting or running:
        while len(running) < n_workers and (stage := state.begin(fits)) is not None:
            running.append(stage)
        if not running:
            return peak, asked, False
        stage = running.popleft()
        if isinstance(stage, TrainStage):
            held[stage.key] = sizes[stage.key]
            peak = max(peak, sum(held.values()))
        for key in state.finish(stage):
            held.pop(key, None)
    return peak, max(asked, peak), True
