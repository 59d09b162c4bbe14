"""Messages: [msgpack header][raw arrays][CRC32C]. See PROTOCOL.md."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass, field
from functools import lru_cache, partial
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
_WIRE = {code: np.dtype(t).newbyteorder("<") for code, t in DTYPES.items()}
_CHECKSUM = struct.Struct("<I")
_LITTLE = sys.byteorder == "little"


class ProtocolError(Exception):
    """What a peer sent is not a message of this protocol. `code` is one of PROTOCOL.md's error codes."""

    def __init__(self, message: str, code: str = "malformed", id: int = 0):
        super().__init__(message)
        self.code = code
        self.id = id  # of the request, as far as it could be read


@dataclass
class Message:
    type: str
    id: int
    fields: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


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

    _extend = google_crc32c.extend if google_crc32c.implementation == "c" else None
except ImportError:
    _extend = None


def crc32c(parts: list[bytes]) -> int:
    """CRC32C (Castagnoli) of the parts one after the other."""
    return _crc_fast(parts) if _extend is not None else _crc_portable(parts)


def _crc_fast(parts: list[bytes]) -> int:
    value = 0
    for part in parts:
        value = _extend(value, part)
    return value


def _crc_portable(parts: list[bytes]) -> int:
    """The checksum is linear: what each byte adds is looked up for a chunk at once, and summed by exclusive or."""
    value = 0xFFFFFFFF
    whole = np.frombuffer(b"".join(parts), np.uint8)
    for start in range(0, len(whole), _CHUNK):
        chunk = whole[start : start + _CHUNK].astype(np.intp)
        n = len(chunk)
        head = min(n, 4)
        for i in range(head):
            chunk[i] ^= (value >> (8 * i)) & 0xFF
        added = int(np.bitwise_xor.reduce(_FLAT[_ROWS[_CHUNK - n :] + chunk]))
        value = added ^ (value >> (8 * head))
    return value ^ 0xFFFFFFFF


@lru_cache(maxsize=256)
def _described(shapes: tuple[tuple[str, np.dtype, tuple[int, ...]], ...]) -> bytes:
    """The packed description of arrays of these names, dtypes and shapes: it is the same from step to step."""
    entries = []
    for name, dtype, shape in shapes:
        code = _CODES.get(dtype)
        if code is None:
            raise ProtocolError(f'array "{name}" has dtype {dtype}, one of {", ".join(DTYPES)} is wanted')
        entries.append({"name": name, "dtype": code, "shape": list(shape)})
    return msgpack.packb("arrays") + msgpack.packb(entries)


def encode(message: Message) -> list[bytes]:
    """A message as ZeroMQ parts. Raises ProtocolError for what the format cannot hold."""
    arrays = message.arrays
    described = _described(tuple([(name, array.dtype, array.shape) for name, array in arrays.items()]))
    head = {"v": VERSION, "id": message.id, "type": message.type, **message.fields}
    if len(head) >= 15:
        raise ProtocolError(f"{len(head)} fields in a header, at most 14 are allowed")
    packed = msgpack.packb(head)
    packed = b"%c%b%b" % (packed[0] + 1, packed[1:], described)  # one entry more in the map: the arrays
    if len(packed) > MAX_HEADER:
        raise ProtocolError(f"the header has {len(packed)} bytes, at most {MAX_HEADER} are allowed")
    body = [packed]
    for array in arrays.values():
        body.append((array if _LITTLE else array.astype(array.dtype.newbyteorder("<"))).tobytes())
    body.append(_CHECKSUM.pack(crc32c(body)))
    return body


def decode(parts: list[bytes]) -> Message:
    """The inverse of encode. Sizes are checked before anything is unpacked; raises ProtocolError."""
    if not 2 <= len(parts) <= MAX_ARRAYS + 2:
        raise ProtocolError(f"{len(parts)} parts, 2 to {MAX_ARRAYS + 2} are wanted")
    if len(parts[0]) > MAX_HEADER:
        raise ProtocolError(f"a header of {len(parts[0])} bytes, at most {MAX_HEADER} are allowed")
    if sum(map(len, parts)) > MAX_BYTES:
        raise ProtocolError(f"a message of more than {MAX_BYTES} bytes")
    if len(parts[-1]) != 4 or _CHECKSUM.unpack(parts[-1])[0] != crc32c(parts[:-1]):
        raise ProtocolError("the checksum does not fit the message")
    header = _header(parts[0])
    version, id_, type_ = header.pop("v", None), _whole(header.pop("id", None)), header.pop("type", None)
    known = id_ if type(id_) is int and 0 <= id_ < 2**53 else 0
    if version != VERSION:
        message = f"agent speaks protocol {str(version)[:40]}, the simulator {VERSION}: install the same version on both sides"
        raise ProtocolError(message, "version", known)
    if type(id_) is not int or not 0 <= id_ < 2**53 or type(type_) is not str:
        raise ProtocolError("a header without a valid id and type")
    try:
        arrays = _arrays(header.pop("arrays", None), parts[1:-1])
    except ProtocolError as error:
        error.id = known
        raise
    if "k" in header:
        header["k"] = _whole(header["k"])
    return Message(type_, id_, header, arrays)


def _whole(value: Any) -> Any:
    """Some packers write whole numbers from 2³² on as floats."""
    return int(value) if type(value) is float and value.is_integer() else value


def _refuse(code: int, _data: bytes) -> None:
    raise ProtocolError(f"extension type {code} in the header")


_unpack = partial(
    msgpack.unpackb, raw=False, strict_map_key=True, ext_hook=_refuse,
    max_str_len=MAX_HEADER, max_bin_len=MAX_HEADER, max_array_len=4096, max_map_len=256,
)  # fmt: skip


def _header(packed: bytes) -> dict[str, Any]:
    try:
        header = _unpack(packed)
    except ProtocolError:
        raise
    except Exception as error:  # msgpack raises many kinds; all mean the same here
        raise ProtocolError(f"the header is not msgpack: {error}") from error
    if not isinstance(header, dict):
        raise ProtocolError("the header is not a map")
    for value in header.values():
        if type(value) not in _SCALARS:
            _check_depth(value, MAX_DEPTH - 1)
    return header


_SCALARS = frozenset((type(None), bool, int, float, str))


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise ProtocolError(f"a header nested more than {MAX_DEPTH} levels deep")
    if type(value) is not dict and type(value) is not list:
        raise ProtocolError(f"a header with a value of type {type(value).__name__}")
    for item in value.values() if type(value) is dict else value:
        if type(item) not in _SCALARS:
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
            raise ProtocolError(f"an array with name {repr(name)[:80]} and dtype {repr(code)[:80]}")
        if type(shape) is not list or len(shape) > 8:
            raise ProtocolError(f'array "{name}" has shape {repr(shape)[:80]}')
        dtype = _WIRE[code]
        size = dtype.itemsize
        for n in shape:
            if type(n) is not int or not 0 <= n <= MAX_BYTES:
                raise ProtocolError(f'array "{name}" has shape {repr(shape)[:80]}')
            size *= n
        if size != len(part):
            raise ProtocolError(f'array "{name}" has {len(part)} bytes, its shape says {size}')
        arrays[name] = np.ndarray(shape, dtype, part)
    return arrays
