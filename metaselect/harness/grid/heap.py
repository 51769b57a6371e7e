"""What glibc does with the memory that a step frees; elsewhere nothing changes."""

import contextlib
import ctypes
from functools import cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # names of mallopt(3)


@cache  # it holds for the process
def keep_freed_memory() -> None:
    """Let glibc keep what a step frees for the next one.

    A step's tensors are large, so that glibc maps each of them anew and the kernel fills their
    pages with zeros, which takes a tenth of a step and more. See mallopt(3).
    """
    with contextlib.suppress(OSError, TypeError, AttributeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**26)):
            mallopt(option, value)


def release_freed_memory() -> None:
    """Give back to the system what no tensor uses any more; between stages, not between steps.

    What is kept for the next step lies between what lives on, and grows from stage to stage: to
    several gigabytes over a grid of long texts. See malloc_trim(3).
    """
    with contextlib.suppress(OSError, TypeError, AttributeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)
