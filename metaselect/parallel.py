"""Work in parallel on a Ray cluster: joining one, and running functions on its nodes.

Ray's own conventions say which cluster: `RAY_ADDRESS`, else the one that this machine is part of,
else one of this machine alone, which ends with the command. Nodes need the same metaselect.
"""

import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from typing import Any, Literal

from metaselect.errors import MetaselectError, MissingExtra

ExecutorName = Literal["local", "ray"]

MAX_RETRIES = 3
"""How often a job is moved to another node when its own is lost."""
_PATIENCE_S = 10.0
_AHEAD = 4  # jobs queued for each core


@contextmanager
def cluster() -> Iterator[Any]:
    """Join a Ray cluster and yield the ray module; leave it again unless the caller had joined it.

    Meanwhile stdout is redirected to stderr: Ray reports lost nodes on stdout, where results go.

    Raises:
        MissingExtra: Ray is not installed.
        MetaselectError: No cluster answers at `RAY_ADDRESS`.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("The Ray executor", "cluster") from error
    if ray.is_initialized():
        yield ray
        return
    _check_reachable(os.environ.get("RAY_ADDRESS", ""))
    with redirect_stdout(sys.stderr):
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise _no_cluster(os.environ.get("RAY_ADDRESS", "this machine"), error) from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Fail within seconds if nothing answers; Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(where: str, error: Exception) -> MetaselectError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return MetaselectError(
        f"No Ray cluster at {where} ({reason}): start one with `ray start --head`, or set "
        "RAY_ADDRESS to one that runs; where it asks for a token, set RAY_AUTH_MODE=token."
    )


def beside_me(ray: Any, made: Callable[..., Any], *arguments: Any) -> Any:
    """Start a Ray actor on this machine; any node may call it with `asked`.

    Args:
        ray: From `cluster`.
        made: Class of the actor.
        arguments: Arguments of the class.
    """
    here = ray.get_runtime_context().get_node_id()
    place = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
    actor = ray.remote(num_cpus=0, max_concurrency=4, scheduling_strategy=place)(made)
    return actor.remote(*arguments)


def asked(actor: Any, method: str, *arguments: Any) -> Any:
    """Call a method of an actor from `beside_me` and return its result."""
    import ray

    return ray.get(getattr(actor, method).remote(*arguments))


def carried(
    ray: Any, function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]
) -> Iterator[Any]:
    """Run a function on the cluster's cores; yield its results in the jobs' order.

    A job on a lost node is run again on another. An error in the function is raised here, and
    jobs that have not started are cancelled.

    Args:
        ray: From `cluster`.
        function: A module's function without side effects, which takes one core.
        jobs: Its positional arguments; a few for each core are held ready at a time.
    """
    task = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(function)
    left = iter(jobs)
    waiting: deque[Any] = deque()
    try:
        while True:
            room = _AHEAD * int(ray.cluster_resources().get("CPU", 1)) - len(waiting)
            waiting.extend(task.remote(*job) for job in islice(left, max(1, room)))
            if not waiting:
                return
            yield ray.get(waiting[0])
            waiting.popleft()
    finally:
        for ref in waiting:
            ray.cancel(ref)
