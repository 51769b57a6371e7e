"""Parallel work on a Ray cluster: join a cluster and run functions on its nodes.

Ray chooses the cluster: `RAY_ADDRESS`, else the one that this machine belongs to, else a new one on
this machine, which ends with the command. Every node needs the same metaselect.
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

from metaselect.errors import MetaselectError, MissingExtra, first_line

ExecutorName = Literal["local", "ray"]

MAX_RETRIES = 3
"""How often a job is rerun on another node after its node is lost."""
_CONNECT_TIMEOUT_S = 10.0
_QUEUED_PER_CORE = 4


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
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(where: str, error: Exception) -> MetaselectError:
    reason = first_line(error)
    return MetaselectError(
        f"No Ray cluster at {where} ({reason}): start one with `ray start --head`, or set "
        "RAY_ADDRESS to one that runs; where it asks for a token, set RAY_AUTH_MODE=token."
    )


def start_local_actor(ray: Any, actor_class: Callable[..., Any], *arguments: Any) -> Any:
    """Start a Ray actor on this machine; any node may call it with `call_actor`.

    Args:
        ray: From `cluster`.
        actor_class: Class of the actor.
        arguments: Arguments of the class.
    """
    node_id = ray.get_runtime_context().get_node_id()
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node_id, soft=False)
    actor = ray.remote(num_cpus=0, max_concurrency=4, scheduling_strategy=strategy)(actor_class)
    return actor.remote(*arguments)


def call_actor(actor: Any, method: str, *arguments: Any) -> Any:
    """Call a method of an actor from `start_local_actor` and return its result."""
    import ray

    return ray.get(getattr(actor, method).remote(*arguments))


def run_all(
    ray: Any, function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]
) -> Iterator[Any]:
    """Run a function on the cluster's cores; yield its results in the jobs' order.

    A job on a lost node is run again on another. An error in the function is raised here, and
    jobs that have not started are cancelled.

    Args:
        ray: From `cluster`.
        function: A module-level function without side effects; each call uses one core.
        jobs: Positional arguments of each call; a few calls per core are queued at a time.
    """
    task = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(function)
    left = iter(jobs)
    waiting: deque[Any] = deque()
    try:
        while True:
            room = _QUEUED_PER_CORE * int(ray.cluster_resources().get("CPU", 1)) - len(waiting)
            waiting.extend(task.remote(*job) for job in islice(left, max(1, room)))
            if not waiting:
                return
            yield ray.get(waiting[0])
            waiting.popleft()
    finally:
        for ref in waiting:
            ray.cancel(ref)
