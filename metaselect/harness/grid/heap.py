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
