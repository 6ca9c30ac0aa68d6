"""A process that asks for the same large tensors again and again: how often the kernel has to lend it a page."""

import platform
import subprocess
import sys

import pytest

_PAGES = """
import resource, sys, torch
from brainldm.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory() and keep_freed_memory()
torch.set_num_threads(1)
ones = torch.ones(10_000_000)
def work():
    first = ones + 1
    second = first * 2
for _ in range(4):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(how: str) -> int:
    """Return the page faults of 20 rounds of two tensors of 40 MB, in a process of their own."""
    found = subprocess.run([sys.executable, "-c", _PAGES, how], capture_output=True, text=True, check=True)
    return int(found.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told")
def test_freed_tensors_come_back_without_page_faults() -> None:
    assert 5 * pages("keep") < pages("leave")
