"""Gymnasium's spaces as flat boxes of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


class UnsupportedSpace(Exception):
    pass


@dataclass
class FlatSpace:
    """A space as one vector: bounds, and how a Dict or Tuple was laid out."""

    low: np.ndarray
    high: np.ndarray
    layout: list[dict[str, Any]]
    kind: str  # box, discrete, dict, tuple

    @property
    def size(self) -> int:
        return len(self.low)


def _kind(space: Any) -> str:
    return type(space).__name__


def flatten_space(space: Any, name: str = "observation") -> FlatSpace:
    """Box, Discrete, MultiDiscrete, MultiBinary, Dict (keys in the space's order) and Tuple; raises UnsupportedSpace."""
    kind = _kind(space)
    if kind == "Box":
        low = np.asarray(space.low, np.float64).reshape(-1)
        return FlatSpace(low, np.asarray(space.high, np.float64).reshape(-1), [{"name": name, "size": len(low)}], "box")
    if kind == "Discrete":
        start = int(getattr(space, "start", 0))
        low = np.array([start], np.float64)
        return FlatSpace(low, low + int(space.n) - 1, [{"name": name, "size": 1}], "discrete")
    if kind in ("MultiDiscrete", "MultiBinary"):
        size = int(np.prod(space.shape))
        low = np.zeros(size) + np.asarray(getattr(space, "start", 0), np.float64).reshape(-1)
        high = low + (np.asarray(space.nvec, np.float64).reshape(-1) - 1 if kind == "MultiDiscrete" else 1)
        return FlatSpace(low, high, [{"name": name, "size": size}], "multi")
    if kind in ("Dict", "Tuple"):
        items = space.spaces.items() if kind == "Dict" else enumerate(space.spaces)
        parts = [flatten_space(sub, f"{name}/{key}" if name != "observation" else str(key)) for key, sub in items]
        if not parts:
            raise UnsupportedSpace(f"{name} is an empty {kind}")
        return FlatSpace(
            np.concatenate([p.low for p in parts]),
            np.concatenate([p.high for p in parts]),
            [entry for p in parts for entry in p.layout],
            kind.lower(),
        )
    raise UnsupportedSpace(f"{name} is a {kind}; Box, Discrete, MultiDiscrete, MultiBinary, Dict and Tuple can be served")


def flatten(space: Any, value: Any) -> np.ndarray:
    """A value of the space as float64 numbers, in the order of flatten_space."""
    kind = _kind(space)
    if kind == "Dict":
        return np.concatenate([flatten(sub, value[key]) for key, sub in space.spaces.items()])
    if kind == "Tuple":
        return np.concatenate([flatten(sub, item) for sub, item in zip(space.spaces, value)])
    return np.asarray(value, np.float64).reshape(-1)


def to_actions(space: Any, numbers: np.ndarray) -> Any:
    """Flat actions [n, size] as the environment takes them, one after the other: reshaped, rounded where discrete."""
    kind = _kind(space)
    if kind == "Box":
        actions = numbers.astype(space.dtype)
        return actions if len(space.shape) == 1 else actions.reshape(len(numbers), *space.shape)
    if kind == "Discrete":
        start = int(getattr(space, "start", 0))
        return [int(min(max(round(float(row[0])), start), start + int(space.n) - 1)) for row in numbers]
    if kind in ("Dict", "Tuple"):
        return [_split(space, row) for row in numbers]
    flat = flatten_space(space)
    return np.clip(np.rint(numbers), flat.low, flat.high).astype(space.dtype).reshape(len(numbers), *space.shape)


def _split(space: Any, row: np.ndarray) -> Any:
    """One action of a Dict or Tuple space."""
    items = space.spaces.items() if _kind(space) == "Dict" else enumerate(space.spaces)
    parts, at = {}, 0
    for key, sub in items:
        size = flatten_space(sub).size
        parts[key] = to_actions(sub, row[None, at : at + size])[0]
        at += size
    return parts if _kind(space) == "Dict" else tuple(parts.values())
