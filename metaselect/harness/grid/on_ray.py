"""A grid's stages on a Ray cluster: the grid's own process plans and books, nodes carry out.

Nodes that see the work folder read and write there; to others stages are sent, and sent back.
Either way a node that is lost takes nothing with it: Ray gives its stage to another, and a stage is
whole or not there.
"""

import math
import os
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metaselect.errors import MetaselectError
from metaselect.files import write_text
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.data.sources import is_url, version_of
from metaselect.harness.grid.executors import Finished, run_stage
from metaselect.harness.grid.payloads import Keeper, fresh_folder, packed, unpack
from metaselect.harness.grid.plan import stage_parents
from metaselect.harness.grid.stages import ScoreStage, Stage
from metaselect.harness.train.encoders import place_of
from metaselect.harness.train.training import Workshop
from metaselect.parallel import MAX_RETRIES, call_actor, cluster, start_local_actor

_CONTEXT_BYTES = 600_000_000  # what CUDA itself takes of a GPU, a process
_SPARE = 1.1
_STEPS = 20  # shares are multiples of 1/20


@dataclass(frozen=True, slots=True)
class Home:
    """Where the planner's work folder is.

    Attributes:
        mark: A file in it, with a name of this run's: who sees it sees the folder.
        keeper: Serves the folder to those who do not.
    """

    mark: Path
    keeper: Any


class OnRay:
    """As many stages at a time as the cluster's nodes hold.

    A stage takes `threads` cores; on GPUs the first stage of its kind takes a whole one, and those
    after it the share of memory that the first was seen to need.
    """

    def __init__(self, shop: Workshop) -> None:
        self._on_gpu = shop.machine.device.startswith("cuda")
        self._threads = shop.machine.threads
        self._shares = GpuShares()
        self._running: dict[Any, Stage] = {}
        self._refused: list[Stage] = []
        self._stopping = False
        with ExitStack() as stack:
            self._ray = stack.enter_context(cluster())
            if self._on_gpu and not self._resources().get("GPU"):
                raise MetaselectError(
                    'The Ray cluster has no GPU: add nodes with one, or set device = "cpu".'
                )
            whole = replace(shop, corpora=shop.corpora.anywhere(), work=shop.work.anywhere())
            mark = whole.work.root / f".seen-by-{uuid.uuid4().hex}"
            write_text(mark, "")
            stack.callback(mark.unlink, missing_ok=True)
            self._home = Home(mark, start_local_actor(self._ray, Keeper, whole.work))
            self._shop, self._corpora = self._ray.put(whole), whole.corpora
            self._task = self._ray.remote(max_retries=MAX_RETRIES)(_carry)
            self._left = stack.pop_all()

    @property
    def width(self) -> int:
        """Stages that the cluster's cores hold at a time."""
        return max(1, int(self._resources().get("CPU", 0)) // self._threads)

    def has_room(self) -> bool:
        """Whether a core is free; nodes may have joined or left since the last time."""
        return len(self._running) < self.width

    def start(self, stage: Stage) -> None:
        """Hand a stage to the cluster, which waits for a free GPU if it must."""
        if self._stopping:
            self._refused.append(stage)
            return
        options: dict[str, Any] = {"num_cpus": self._threads, "name": stage.label}
        if self._on_gpu:
            options["num_gpus"] = self._shares.of(stage)
        versions = {url: version_of(url) for url in _urls(stage, self._corpora)}
        ref = self._task.options(**options).remote(stage, self._shop, self._home, versions)
        self._running[ref] = stage

    def next_finished(self) -> Finished:
        """Wait for any stage; one that no node could finish has failed."""
        if self._refused:
            return Finished(self._refused.pop().key, None, {}, True, 0.0)
        (ref,), _ = self._ray.wait(list(self._running), num_returns=1)
        stage = self._running.pop(ref)
        try:
            finished: Finished = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            if self._stopping:
                return Finished(stage.key, None, {}, True, 0.0)
            reason = f"no node finished it: {str(error).strip().splitlines()[-1]}"
            record = {"label": stage.label, "reason": reason, "traceback": str(error)}
            return Finished(stage.key, record, {}, False, 0.0)
        self._shares.learn(stage, finished)
        return finished

    def stop(self) -> None:
        """Interrupt all running stages; what they had not finished is done again another time."""
        self._stopping = True
        for ref in self._running:
            self._ray.cancel(ref)

    def close(self) -> None:
        """Leave the cluster."""
        self.stop()
        self._left.close()

    def _resources(self) -> Mapping[str, float]:
        found: dict[str, float] = self._ray.cluster_resources()
        return found


class GpuShares:
    """What part of a GPU each kind of stage needs, from the first of the kind."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], float] = {}

    def of(self, stage: Stage) -> float:
        """Share of a GPU: a whole one until a stage of the kind has been seen."""
        return self._known.get(_kind(stage), 1.0)

    def learn(self, stage: Stage, finished: Finished) -> None:
        """Take note of what a stage needed."""
        if finished.gpu is not None:
            needed = (finished.gpu.peak_bytes + _CONTEXT_BYTES) * _SPARE
            share = math.ceil(needed / finished.gpu.total_bytes * _STEPS) / _STEPS
            self._known[_kind(stage)] = min(1.0, share)


def _kind(stage: Stage) -> tuple[str, ...]:
    """Stages that take the same memory: one task, one encoder, the same limits for every seed."""
    if isinstance(stage, ScoreStage):
        return ("score", stage.encoder.name, stage.card.name)
    names = [card.name for card in stage.cards]
    return ("train", stage.encoder.name, stage.teaching.adaptation, *names)


def _urls(stage: Stage, corpora: Corpora) -> list[str]:
    """URLs that a stage reads from."""
    return [url for url in (corpora.url, stage.encoder.path) if url is not None and is_url(url)]


def _carry(stage: Stage, shop: Workshop, home: Home, versions: Mapping[str, str]) -> Finished:
    """A stage on a node."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        shop = replace(shop, corpora=shop.corpora.here())
        _check_inputs(stage, shop, versions)
        if home.mark.is_file():
            return run_stage(stage, shop, lambda: False)
        return _sent(stage, replace(shop, work=fresh_folder()), home.keeper)
    except MetaselectError as error:
        record = {"label": stage.label, "reason": str(error), "traceback": ""}
        return Finished(stage.key, record, {}, False, 0.0)


def _sent(stage: Stage, shop: Workshop, keeper: Any) -> Finished:
    """A stage on a node that does not see the work folder."""
    for key in [stage.key, *stage_parents(stage)]:
        unpack(call_actor(keeper, "give", key), shop.work)
    finished = run_stage(stage, shop, lambda: False)
    call_actor(keeper, "take", packed(shop.work, stage.key))
    return finished


def _check_inputs(stage: Stage, shop: Workshop, versions: Mapping[str, str]) -> None:
    """Refuse to work on other inputs than those that the stage is named after."""
    for url, version in versions.items():
        if version_of(url) != version:
            raise MetaselectError(
                "data or encoder at a URL have changed since the grid was planned: run the same "
                "command again"
            )
    encoder = Path(place_of(stage.encoder))
    for what, folder in (("the data", shop.corpora.folder), ("the encoder", encoder)):
        if folder is not None and folder.is_absolute() and not folder.is_dir():
            raise MetaselectError(
                f"a node does not see {what} at {folder}: put them there on every node, or name a "
                "URL that all reach (s3://bucket/folder)"
            )
