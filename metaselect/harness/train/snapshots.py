"""Which weights a training leaves: the last, the mean of snapshots, or the best of them.

Source: Schmidt et al. 2023 (2305.16834): averaging checkpoints along one run transfers better
across languages than the last, and choosing on English development data is not needed.
"""

from collections.abc import Callable, Sequence

import torch

from metaselect.harness.recipe import Checkpoint


class Snapshots:
    """Takes evenly spaced snapshots of some weights and settles them into one at the end."""

    def __init__(
        self,
        parameters: Sequence[torch.nn.Parameter],
        checkpoint: Checkpoint,
        n_steps: int,
        n_snapshots: int,
        *,
        english: Callable[[], float] | None,
    ) -> None:
        self._parameters = parameters
        self._checkpoint, self._english = checkpoint, english
        count = min(n_snapshots, n_steps)
        self._steps = {round(n_steps * (i + 1) / count) for i in range(count)}
        self._kept: list[torch.Tensor] = []
        self._n_taken = 0
        self._best = float("-inf")

    def after(self, step: int) -> None:
        """Take a snapshot where one is due."""
        if self._checkpoint == "last" or step not in self._steps:
            return
        self._n_taken += 1
        if self._checkpoint == "average":
            self._average()
        elif self._english is not None:
            score = self._english()
            if score > self._best:
                self._best, self._kept = score, _copies(self._parameters)

    def finish(self) -> None:
        """Put the settled weights in place."""
        if not self._kept:
            return
        with torch.no_grad():
            for parameter, kept in zip(self._parameters, self._kept, strict=True):
                parameter.copy_(kept)

    def _average(self) -> None:
        if not self._kept:
            self._kept = _copies(self._parameters)
            return
        for mean, parameter in zip(self._kept, self._parameters, strict=True):
            mean.lerp_(parameter.detach(), 1 / self._n_taken)


def _copies(parameters: Sequence[torch.nn.Parameter]) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in parameters]
