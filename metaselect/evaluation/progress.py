"""Progress of long work: one count over all of it, and the time left at the speed so far."""

import time
from collections.abc import Callable

from metaselect.wording import short_time

Progress = Callable[[str], None]
"""Takes one line."""

_EVERY_S = 15.0


class ProgressMeter:
    """Counts steps and says how many are done, at most once in 15 seconds and after the last.

    Args:
        n_steps: How many there will be.
        cost: Of all of them, in any unit: steps differ in how long they take.
        say: Takes each line.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        n_steps: int,
        cost: float,
        say: Progress | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._n_steps, self._cost = n_steps, cost
        self._say, self._clock = say, clock
        self._n_done, self._spent = 0, 0.0
        self._started = self._said = clock()

    def step(self, label: str, cost: float) -> None:
        """Count a step that has been done.

        Args:
            label: What it was a step of.
            cost: Its own, in the unit of the whole.
        """
        self._n_done += 1
        self._spent += cost
        now = self._clock()
        last = self._n_done >= self._n_steps
        if self._say is None or not (last or now - self._said >= _EVERY_S):
            return
        self._said = now
        gone = now - self._started
        left = gone * max(self._cost / self._spent - 1, 0.0)
        ahead = "" if last else f", about {short_time(left)} left"
        self._say(f"{self._n_done}/{self._n_steps} steps, {label}  {short_time(gone)}{ahead}")
