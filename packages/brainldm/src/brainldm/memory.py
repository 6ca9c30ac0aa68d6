"""A process in, the same process out, which keeps the memory it frees: large tensors come back without page faults."""

from __future__ import annotations

import ctypes
import functools
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST = 2**31 - 1
_THRESHOLDS = (2**30, 2**25)  # glibc before 2.35 takes no more than the second


@functools.cache
def keep_freed_memory() -> bool:
    """Let glibc's allocator reuse freed blocks of up to 1 GiB instead of handing them back to the kernel.

    A network on a CPU frees and asks for the same megabytes in every layer. By default each of these blocks is mapped
    anew, and the kernel clears it page by page; small networks spent up to a third of their steps there. The process
    keeps its peak of memory until it ends.

    Returns
    -------
    bool
        False where the C library is another: nothing is changed there.

    References
    ----------
    mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return any(mallopt(_M_MMAP_THRESHOLD, size) for size in _THRESHOLDS) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGEST))
