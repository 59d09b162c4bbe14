"""Messages: [msgpack header][raw arrays][CRC32C]. See PROTOCOL.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgpack
import numpy as np

from .crc32c import crc32c

VERSION = 1
MAX_HEADER = 64 * 1024
MAX_ARRAYS = 64
MAX_BYTES = 256 * 1024 * 1024
MAX_OPTIONS = 16 * 1024
MAX_DEPTH = 16
DTYPES = {"f4": np.float32, "f8": np.float64, "i4": np.int32, "i8": np.int64, "u1": np.uint8}
_CODES = {np.dtype(t): code for code, t in DTYPES.items()}
_WIRE = {code: np.dtype(t).newbyteorder("<") for code, t in DTYPES.items()}
_CHECKSUM = struct.Struct("<I")


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


_pack = msgpack.Packer().pack


def packed_size(value: Any) -> int:
    """Bytes of a value that came in a header."""
    return len(_pack(value))


class Form:
    """What the messages of one kind share: all of the header up to the value of `id`, which comes last."""

    def __init__(self, type_: str, fields: "dict[str, Any]", arrays: "list[tuple[str, str, tuple[int, ...]]]"):
        """`arrays`: name, dtype and shape of each. Raises ProtocolError for what the format cannot hold."""
        entries = [{"name": name, "dtype": code, "shape": list(shape)} for name, code, shape in arrays]
        packed = _pack({"v": VERSION, "type": type_, "arrays": entries, **fields, "id": 0})
        size = len(packed) + 8  # of the longest id
        if size > MAX_HEADER:
            raise ProtocolError(f"the header has {size} bytes, at most {MAX_HEADER} are allowed")
        self._head = packed[:-1]

    def parts(self, id_: int, body: "list[bytes]") -> "list[bytes]":
        """The message `id_` as ZeroMQ parts; `body` holds the arrays' little-endian bytes."""
        parts = [self._head + _pack(id_), *body]
        parts.append(_CHECKSUM.pack(crc32c(parts)))
        return parts


def encode(message: Message) -> list[bytes]:
    """A message as ZeroMQ parts. Raises ProtocolError for what the format cannot hold."""
    return form_of(message).parts(message.id, bytes_of(message))


def form_of(message: Message) -> Form:
    arrays = []
    for name, array in message.arrays.items():
        code = _CODES.get(array.dtype)
        if code is None:
            raise ProtocolError(f'array "{name}" has dtype {array.dtype}, one of {", ".join(DTYPES)} is wanted')
        arrays.append((name, code, array.shape))
    return Form(message.type, message.fields, arrays)


def bytes_of(message: Message) -> "list[bytes]":
    """The arrays' little-endian bytes."""
    return [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in message.arrays.values()]


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
    type_, id_, fields, described = _read(parts[0])
    if len(described) != len(parts) - 2:
        raise ProtocolError(f"{len(parts) - 2} arrays came, the header describes {len(described)}", id=id_)
    arrays = {}
    for (name, dtype, shape, size), part in zip(described, parts[1:-1]):
        if len(part) != size:
            raise ProtocolError(f'array "{name}" has {len(part)} bytes, its shape says {size}', id=id_)
        arrays[name] = np.ndarray(shape, dtype, part)
    return Message(type_, id_, fields, arrays)


_TAIL = struct.Struct(">BQ4sQ")
TAIL = _TAIL.size
"""Bytes of `k`, the name `id` and the id, as `agent` ends the headers of its steps."""


class Repeated:
    """A request that comes again and again with another `k` and `id`, last in its header as `agent` writes them, and other numbers."""

    def __init__(self, parts: "list[bytes]"):
        self.beginning = parts[0][:-TAIL]
        """What stands before `k` in the header."""
        self._sizes = [*map(len, parts)]

    def read(self, parts: "list[bytes]") -> "tuple[int, int]":
        """`k` and `id` of parts with the same beginning; a `k` of -1 where more than these and the numbers differs, or the checksum does not fit."""
        if [*map(len, parts)] != self._sizes:
            return -1, 0
        between, k, name, id_ = _TAIL.unpack_from(parts[0], len(self.beginning))
        if between != 0xCF or name != b"\xa2id\xcf" or id_ >= 2**53:
            return -1, 0
        *body, checksum = parts
        return (k, id_) if _CHECKSUM.pack(crc32c(body)) == checksum else (-1, 0)


def _read(packed: bytes) -> "tuple[str, int, dict[str, Any], list[tuple[str, np.dtype, list[int], int]]]":
    """Type, id, fields, and the arrays that a header describes."""
    header = _header(packed)
    version, id_, type_ = header.pop("v", None), _whole(header.pop("id", None)), header.pop("type", None)
    good_id = type(id_) is int and 0 <= id_ < 2**53
    told = id_ if good_id else 0
    if version != VERSION:
        message = f"agent speaks protocol {str(version)[:40]}, the simulator {VERSION}: install the same version on both sides"
        raise ProtocolError(message, "version", told)
    if not good_id or type(type_) is not str:
        raise ProtocolError("a header without a valid id and type")
    try:
        arrays = _arrays(header.pop("arrays", None))
    except ProtocolError as error:
        error.id = told
        raise
    if "k" in header:
        header["k"] = _whole(header["k"])
    return type_, id_, header, arrays


def _whole(value: Any) -> Any:
    """Some packers write whole numbers from 2³² on as floats."""
    return int(value) if type(value) is float and value.is_integer() else value


def _refuse(code: int, _data: bytes) -> None:
    raise ProtocolError(f"extension type {code} in the header")


_unpack = partial(
    msgpack.unpackb, raw=False, strict_map_key=True, ext_hook=_refuse,
    max_str_len=MAX_HEADER, max_bin_len=MAX_HEADER, max_array_len=4096, max_map_len=4096,
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


def _arrays(described: Any) -> "list[tuple[str, np.dtype, list[int], int]]":
    """Name, dtype, shape and bytes of each array that a header describes."""
    if not isinstance(described, list):
        raise ProtocolError("a header without a list of arrays")
    arrays: list[tuple[str, np.dtype, list[int], int]] = []
    names: set[str] = set()
    for entry in described:
        if not isinstance(entry, dict):
            raise ProtocolError("an array without a description")
        name, code, shape = entry.get("name"), entry.get("dtype"), entry.get("shape")
        if type(name) is not str or name in names or type(code) is not str or code not in DTYPES:
            raise ProtocolError(f"an array with name {repr(name)[:80]} and dtype {repr(code)[:80]}")
        if type(shape) is not list or len(shape) > 8:
            raise ProtocolError(f'array "{name}" has shape {repr(shape)[:80]}')
        dtype = _WIRE[code]
        size = dtype.itemsize
        for n in shape:
            if type(n) is not int or not 0 <= n <= MAX_BYTES:
                raise ProtocolError(f'array "{name}" has shape {repr(shape)[:80]}')
            size *= n
        names.add(name)
        arrays.append((name, dtype, shape, size))
    return arrays
