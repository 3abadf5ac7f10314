"""What the C library is told, seen by what it does. In a process of its own, since it is told for good."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

_ASKED = """
import ctypes
from relay.observe.memory import keep_small

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks a b c".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
told = keep_small()
libc.free(libc.malloc(8_000_000))  # after which glibc would take smaller ones from the heap
before = libc.mallinfo2().hblks
libc.malloc(1_000_000)
print(told, libc.mallinfo2().hblks - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="another C library than glibc 2.33 or newer")
@pytest.mark.parametrize(("environment", "beside"), [({}, "1"), ({"MALLOC_MMAP_THRESHOLD_": "33554432"}, "0")])
def test_a_large_block_lies_beside_the_heap_unless_somebody_else_decided(
    environment: dict[str, str], beside: str
) -> None:
    # Given a process that has freed a large block, when it allocates another, then that is mapped for itself
    done = subprocess.run(
        [sys.executable, "-c", _ASKED], env=os.environ | environment, check=True, capture_output=True, text=True
    )

    assert done.stdout.split() == ["True", beside]
