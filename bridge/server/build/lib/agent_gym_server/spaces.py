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
        high = np.asarray(space.nvec, np.float64).reshape(-1) - 1 if kind == "MultiDiscrete" else np.ones(size)
        return FlatSpace(np.zeros(size), high, [{"name": name, "size": size}], "multi")
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


def to_action(space: Any, numbers: np.ndarray) -> Any:
    """A flat action as the environment takes it: reshaped, rounded where it is discrete."""
    kind = _kind(space)
    if kind == "Discrete":
        start = int(getattr(space, "start", 0))
        return int(min(max(round(float(numbers[0])), start), start + int(space.n) - 1))
    if kind in ("MultiDiscrete", "MultiBinary"):
        return np.rint(numbers).astype(space.dtype).reshape(space.shape)
    return np.asarray(numbers, space.dtype).reshape(space.shape)
