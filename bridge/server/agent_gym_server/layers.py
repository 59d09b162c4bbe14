"""What an environment can do, through whatever wraps it."""

from __future__ import annotations

import inspect
from typing import Any, Callable


def _layers(env: Any) -> "list[Any]":
    """The environment and what it wraps."""
    layers = [env]
    while getattr(layers[-1], "env", None) is not None:
        layers.append(layers[-1].env)
    return layers


def find_saver(env: Any) -> Any:
    """Who can save and restore the state of `env`; None if nobody can."""
    able = (layer for layer in _layers(env) if all(callable(getattr(type(layer), name, None)) for name in ("save_state", "restore_state")))
    return next(able, None)


def clocks(env: Any) -> "list[Any]":
    """The wrappers that count the steps of an episode, Gymnasium's TimeLimit."""
    return [layer for layer in _layers(env) if type(getattr(layer, "_elapsed_steps", None)) is int]


def takes_options(env: Any) -> bool:
    """Whether `reset` has a parameter `options`, or hands on whatever it is given to one that has."""
    while any(kind.__name__ == "Wrapper" for kind in type(env).__mro__) and _names_options(env.reset):
        env = env.env
    return _names_options(env.reset)


def _names_options(reset: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(reset).parameters.values()
    except (TypeError, ValueError):  # it is not written in Python
        return True
    return any(one.name == "options" or one.kind is one.VAR_KEYWORD for one in parameters)
