"""Frames around state bytes: a version and a checksum, tested before anything reads what is inside."""

import struct
import zlib

from homeostat.schemas.errors import StateCorrupt

_HEAD = struct.Struct("<BI")


def frame(payload: bytes, version: int) -> bytes:
    """Wrap state bytes: one byte of version, four of CRC-32 (little-endian), then the payload.

    >>> unframe(frame(b"abc", 1), 1)
    b'abc'
    """
    return _HEAD.pack(version, zlib.crc32(payload)) + payload


def unframe(data: bytes, version: int) -> bytes:
    """Take the payload out of a frame. Raises `StateCorrupt` for another version or a checksum that differs."""
    if len(data) < _HEAD.size:
        raise StateCorrupt(f"state record of {len(data)} bytes is shorter than its {_HEAD.size}-byte frame")
    found, checksum = _HEAD.unpack_from(data)
    payload = data[_HEAD.size :]
    if found != version:
        raise StateCorrupt(f"state record has version {found}, this build reads {version}")
    if zlib.crc32(payload) != checksum:
        raise StateCorrupt("state record does not match its checksum")
    return payload
