"""What a request holds, checked against the worlds that it is for."""

from __future__ import annotations

from typing import Any

import numpy as np

from .protocol import MAX_OPTIONS, Message, packed_size
from .worlds import NUMBERS, Worlds


class RequestError(Exception):
    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


SEEDS, ACTIONS, LENGTHS, BYTES = np.dtype(np.int64), NUMBERS, np.dtype(np.int32), np.dtype(np.uint8)


def array_of(request: Message, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    array = request.arrays.get(name)
    if array is None or array.dtype != dtype or array.shape != shape:
        got = "nothing" if array is None else f"{array.dtype} {array.shape}"
        raise RequestError("malformed", f'{request.type} wants "{name}" as {dtype} {shape}, got {got}')
    return array


def options_of(request: Message, worlds: Worlds) -> "dict[str, Any] | None":
    options = request.fields.get("options")
    if options is None:
        return None
    if type(options) is not dict:
        raise RequestError("malformed", f'{request.type} wants "options" as a map, got {type(options).__name__}')
    size = packed_size(options)
    if size > MAX_OPTIONS:
        raise RequestError("malformed", f"options of {size} bytes, at most {MAX_OPTIONS} are allowed")
    if not worlds.takes_options:
        raise RequestError("unsupported", f"{worlds.id} takes no options: its reset has no such parameter")
    return options


def states_of(request: Message, worlds: Worlds) -> "list[bytes]":
    lengths = array_of(request, "state_lengths", LENGTHS, (worlds.count,))
    if np.any(lengths < 0):
        raise RequestError("malformed", "a length is negative")
    if np.any(lengths > 0) and not worlds.restorable:
        raise RequestError("unsupported", f"{worlds.id} has no save_state and restore_state")
    ends = np.cumsum(lengths, dtype=np.int64)
    whole = array_of(request, "states", BYTES, (int(ends[-1]),)).tobytes()
    return [whole[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist())]
