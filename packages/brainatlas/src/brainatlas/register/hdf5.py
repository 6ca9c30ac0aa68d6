"""The bytes of an HDF5 file in, the same without the times of day that HDF5 puts into every object's header out.

HDF5 file format 3.0, IV.A.1.b (version 2 object headers) and its checksum, Jenkins' lookup3. SimpleITK offers no way to
leave the times out, and with them two equal transforms would differ in bytes.
"""

from __future__ import annotations

import struct

_HEADER = b"OHDR\x02"
_WORD = 0xFFFFFFFF
_HAS_TIMES, _HAS_LIMITS, _WIDTH = 0x20, 0x10, 0x03  # bits of a header's flags


def without_times(content: bytes) -> bytes:
    """Return `content` with the four times of every object header set to zero and its checksum made anew."""
    changed = bytearray(content)
    start = content.find(_HEADER)
    while start >= 0:
        end = _end_of_header(content, start)
        # What only looks like a header, within the data, has no right checksum.
        if end is not None and _stored(content, end) == lookup3(content[start:end]) and content[start + 5] & _HAS_TIMES:
            changed[start + 6 : start + 22] = bytes(16)
            changed[end : end + 4] = struct.pack("<I", lookup3(bytes(changed[start:end])))
        start = content.find(_HEADER, start + 1)
    return bytes(changed)


def _end_of_header(content: bytes, start: int) -> int | None:
    """Return where the header's checksum stands; None where the file ends before."""
    flags = content[start + 5] if start + 5 < len(content) else 0
    place = start + 6 + (16 if flags & _HAS_TIMES else 0) + (4 if flags & _HAS_LIMITS else 0)
    width = 1 << (flags & _WIDTH)
    end = place + width + int.from_bytes(content[place : place + width], "little")
    return end if end + 4 <= len(content) else None


def _stored(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4], "little")


def lookup3(data: bytes) -> int:
    """Return Bob Jenkins' 32-bit hash ``hashlittle`` with initial value 0.

    Examples
    --------
    >>> hex(lookup3(b"")), hex(lookup3(b"Four score and seven years ago"))
    ('0xdeadbeef', '0x17770551')
    """
    a = b = c = (0xDEADBEEF + len(data)) & _WORD
    if not data:
        return c
    blocks = -(-len(data) // 12)
    words = struct.unpack(f"<{3 * blocks}I", data.ljust(12 * blocks, b"\0"))
    for place in range(0, len(words) - 3, 3):
        a, b, c = ((value + word) & _WORD for value, word in zip((a, b, c), words[place : place + 3], strict=True))
        a, b, c = _mix(a, b, c)
    a, b, c = ((value + word) & _WORD for value, word in zip((a, b, c), words[-3:], strict=True))
    return _final(a, b, c)


def _turned(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _WORD


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _WORD) ^ _turned(c, bits)
        c = (c + b) & _WORD
        a, b, c = b, c, a  # the next of the three takes its turn
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _turned(b, bits)) & _WORD
        a, b, c = b, c, a
    return b
