"""Messages: [msgpack header][raw arrays][CRC32C]. See PROTOCOL.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import msgpack
import numpy as np

VERSION = 1
MAX_HEADER = 64 * 1024
MAX_ARRAYS = 64
MAX_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 16
DTYPES = {"f4": np.float32, "f8": np.float64, "i4": np.int32, "i8": np.int64, "u1": np.uint8}
_CODES = {np.dtype(t): code for code, t in DTYPES.items()}


class ProtocolError(Exception):
    """What a peer sent is not a message of this protocol. `code` is one of PROTOCOL.md's error codes."""

    def __init__(self, message: str, code: str = "malformed"):
        super().__init__(message)
        self.code = code


@dataclass
class Message:
    type: str
    id: int
    fields: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()

try:  # a C implementation where there is one: the table walk below is slow for images
    from google_crc32c import extend as _extend  # type: ignore
except ImportError:
    _extend = None


def crc32c(parts: list[bytes]) -> int:
    """CRC32C of the parts one after the other."""
    if _extend is not None:
        value = 0
        for part in parts:
            value = _extend(value, bytes(part))
        return value
    value = 0xFFFFFFFF
    for part in parts:
        for byte in memoryview(part).cast("B"):
            value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def encode(message: Message) -> list[bytes]:
    """A message as ZeroMQ parts. Raises ProtocolError for what the format cannot hold."""
    described = []
    parts: list[bytes] = []
    for name, array in message.arrays.items():
        code = _CODES.get(array.dtype)
        if code is None:
            raise ProtocolError(f'array "{name}" has dtype {array.dtype}, one of {", ".join(DTYPES)} is wanted')
        described.append({"name": name, "dtype": code, "shape": list(array.shape)})
        parts.append(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    header = {"v": VERSION, "id": message.id, "type": message.type, "arrays": described, **message.fields}
    packed = msgpack.packb(header, use_bin_type=True)
    if len(packed) > MAX_HEADER:
        raise ProtocolError(f"the header has {len(packed)} bytes, at most {MAX_HEADER} are allowed")
    body = [packed, *parts]
    return [*body, struct.pack("<I", crc32c(body))]


def decode(parts: list[bytes]) -> Message:
    """The inverse of encode. Sizes are checked before anything is unpacked; raises ProtocolError."""
    if not 2 <= len(parts) <= MAX_ARRAYS + 2:
        raise ProtocolError(f"{len(parts)} parts, 2 to {MAX_ARRAYS + 2} are wanted")
    if len(parts[0]) > MAX_HEADER:
        raise ProtocolError(f"a header of {len(parts[0])} bytes, at most {MAX_HEADER} are allowed")
    if sum(len(part) for part in parts) > MAX_BYTES:
        raise ProtocolError(f"a message of more than {MAX_BYTES} bytes")
    if len(parts[-1]) != 4 or struct.unpack("<I", parts[-1])[0] != crc32c(parts[:-1]):
        raise ProtocolError("the checksum does not fit the message")
    header = _header(parts[0])
    arrays = _arrays(header.pop("arrays", None), parts[1:-1])
    version, id_, type_ = header.pop("v", None), header.pop("id", None), header.pop("type", None)
    if version != VERSION:
        raise ProtocolError(f"protocol version {version!r}, this side speaks {VERSION}", "version")
    if type(id_) is not int or id_ < 0 or type(type_) is not str:
        raise ProtocolError("a header without a valid id and type")
    return Message(type_, id_, header, arrays)


def _header(packed: bytes) -> dict[str, Any]:
    def refuse(code: int, _data: bytes) -> None:
        raise ProtocolError(f"extension type {code} in the header")

    try:
        header = msgpack.unpackb(
            packed, raw=False, strict_map_key=True, ext_hook=refuse,
            max_str_len=MAX_HEADER, max_bin_len=MAX_HEADER, max_array_len=4096, max_map_len=256,
        )
    except ProtocolError:
        raise
    except Exception as error:  # msgpack raises many kinds; all mean the same here
        raise ProtocolError(f"the header is not msgpack: {error}") from error
    if not isinstance(header, dict):
        raise ProtocolError("the header is not a map")
    _check_depth(header, MAX_DEPTH)
    return header


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise ProtocolError(f"a header nested more than {MAX_DEPTH} levels deep")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(item, left - 1)


def _arrays(described: Any, parts: list[bytes]) -> dict[str, np.ndarray]:
    if not isinstance(described, list) or len(described) != len(parts):
        raise ProtocolError(f"{len(parts)} arrays came, the header describes another number")
    arrays: dict[str, np.ndarray] = {}
    for entry, part in zip(described, parts):
        if not isinstance(entry, dict):
            raise ProtocolError("an array without a description")
        name, code, shape = entry.get("name"), entry.get("dtype"), entry.get("shape")
        if type(name) is not str or name in arrays or type(code) is not str or code not in DTYPES:
            raise ProtocolError(f"an array with name {name!r} and dtype {code!r}")
        if not isinstance(shape, list) or len(shape) > 8 or any(type(n) is not int or not 0 <= n <= MAX_BYTES for n in shape):
            raise ProtocolError(f'array "{name}" has shape {shape!r}')
        dtype = np.dtype(DTYPES[code]).newbyteorder("<")
        size = dtype.itemsize
        for n in shape:
            size *= n
        if size != len(part):
            raise ProtocolError(f'array "{name}" has {len(part)} bytes, its shape says {size}')
        arrays[name] = np.frombuffer(part, dtype).reshape(shape)
    return arrays
