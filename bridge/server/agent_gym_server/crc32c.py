"""CRC32C (Castagnoli) of messages."""

from __future__ import annotations

import numpy as np

_POLYNOMIAL = 0x82F63B78
_CHUNK = 4096


def _crc_tables() -> np.ndarray:
    """Row k, column b: what byte b, followed by k more bytes, adds to the checksum."""
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, (first >> 1) ^ np.uint32(_POLYNOMIAL), first >> 1)
    tables = np.empty((_CHUNK, 256), np.uint32)
    tables[0] = first
    for k in range(1, _CHUNK):
        tables[k] = (tables[k - 1] >> 8) ^ first[tables[k - 1] & 0xFF]
    return tables


_FLAT = _crc_tables().reshape(-1)
_ROWS = np.arange(_CHUNK - 1, -1, -1, dtype=np.intp) * 256

try:  # the processor's own instruction; that package's own way without it is slower than ours
    import google_crc32c

    _value = google_crc32c.value if google_crc32c.implementation == "c" else None
except ImportError:
    _value = None


def crc32c(parts: list[bytes]) -> int:
    """CRC32C (Castagnoli) of the parts one after the other."""
    whole = b"".join(parts)
    return _value(whole) if _value is not None else crc_portable(whole)


def crc_portable(data: bytes) -> int:
    """The checksum is linear: what each byte adds is looked up for a chunk at once, and summed by exclusive or."""
    value = 0xFFFFFFFF
    whole = np.frombuffer(data, np.uint8)
    for start in range(0, len(whole), _CHUNK):
        chunk = whole[start : start + _CHUNK].astype(np.intp)
        n = len(chunk)
        head = min(n, 4)
        for i in range(head):
            chunk[i] ^= (value >> (8 * i)) & 0xFF
        added = int(np.bitwise_xor.reduce(_FLAT[_ROWS[_CHUNK - n :] + chunk]))
        value = added ^ (value >> (8 * head))
    return value ^ 0xFFFFFFFF
