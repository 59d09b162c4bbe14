"""N environments of one kind, stepped together; every episode is determined by its seed and its actions."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import os
import sys
from functools import partial
from math import isfinite
from typing import Any, Callable, NamedTuple

import msgpack
import numpy as np

from .autoreset import single, true_successor
from .layers import clocks, find_saver, takes_options
from .spaces import FlatSpace, flatten, flatten_space, to_actions


class EnvironmentFailure(Exception):
    """The environment raised, or gave something that cannot be."""


def find_factory(name: str, render_mode: "str | None" = None) -> Callable[[], Any]:
    """A maker for `module:function`, a Gymnasium id, or, where only that is installed, an id of the old gym."""
    if ":" in name and "/" not in name.split(":")[0]:
        module, function = name.split(":", 1)
        sys.path.insert(0, os.getcwd())
        factory = getattr(importlib.import_module(module), function)
        return factory
    options = {} if render_mode is None else {"render_mode": render_mode}
    try:
        import gymnasium
    except ImportError:
        gymnasium = None
    if gymnasium is not None and (name in gymnasium.registry or "gym" not in _installed()):
        gymnasium.spec(name)  # raises for an unknown id, naming the nearest
        return lambda: gymnasium.make(name, **options)
    try:
        import gym
    except ImportError:
        raise ImportError(f"{sys.executable} has neither gymnasium nor gym: pip install 'gymnasium[mujoco]'") from None

    gym.spec(name)
    version = [int(part) for part in gym.__version__.split(".")[:2]]
    return (lambda: gym.make(name, **options)) if version >= [0, 25] else (lambda: _drawing(gym.make(name), options))


def _drawing(env: Any, options: "dict[str, str]") -> Any:
    """Before 0.25 the mode was not told to `make`, but to `render`."""
    if options:
        env.render = partial(env.render, mode=options["render_mode"])
    return env


def _installed() -> set[str]:
    return {name for name in ("gym", "gymnasium") if importlib.util.find_spec(name) is not None}


NUMBERS = np.dtype("<f4")
"""Of observations and actions, as they are on the wire."""

MOST_TO_SLICE = 4096


def all_finite(numbers: np.ndarray) -> bool:
    """Whether all are: little-endian float32, of which one that is not finite has an upper byte of 0x7f or 0xff.

    To look at these bytes of few numbers takes a sixth of the time of np.isfinite, between two messages, when nothing of numpy is in the caches.
    """
    if numbers.size <= MOST_TO_SLICE:
        upper = numbers.tobytes()[3::4]
        if b"\x7f" not in upper and b"\xff" not in upper:
            return True
    return bool(np.isfinite(numbers).all())


def _no_step(result: Any) -> str:
    """Why this cannot be what a step gave."""
    wanted = "(observation, reward, terminated, truncated, info) is wanted"
    if not isinstance(result, (tuple, list)):
        return f"step gave a {type(result).__name__}, {wanted}"
    return "what step gave cannot be" if len(result) in (4, 5) else f"step gave {len(result)} values, {wanted}"


class Step(NamedTuple):
    """What a step of all worlds gave; shapes and meanings as in PROTOCOL.md."""

    next_observations: np.ndarray
    observations: np.ndarray  # the same object where no episode ended
    rewards: "list[float]"
    terminated: "list[bool]"
    truncated: "list[bool]"


class Worlds:
    """Shapes and meanings as in PROTOCOL.md; raises EnvironmentFailure."""

    def __init__(self, factory: Callable[[], Any], count: int):
        self.envs = [single(factory()) for _ in range(count)]
        self.count = count
        first = self.envs[0]
        self.observation: FlatSpace = flatten_space(first.observation_space)
        self._action_space = first.action_space
        self.action: FlatSpace = flatten_space(self._action_space, "action")
        self._row = (self.observation.size,) if self.observation.kind == "box" else None
        self._plain_actions = self._action_space.dtype if self.action.kind == "box" and len(self._action_space.shape) == 1 else None
        self._successors = self._rows()
        self.takes_options = all(map(takes_options, self.envs))
        self._options: "dict[str, Any] | None" = None
        self.restorable = all(find_saver(env) is not None for env in self.envs)
        spec = getattr(first, "spec", None)
        self.id: str = getattr(spec, "id", None) or type(first.unwrapped if hasattr(first, "unwrapped") else first).__name__
        self.max_episode_steps: int = int(getattr(spec, "max_episode_steps", None) or 0)

    def reset(self, seeds: np.ndarray, options: "dict[str, Any] | None" = None) -> np.ndarray:
        """`options`: given to the environments' resets, of these episodes and of those that follow them."""
        rows = self._rows()
        self._options = options
        for world, seed in enumerate(seeds):
            self._reset(world, int(seed), rows)
        return self._finite(rows)

    def step(self, actions: np.ndarray, seeds: np.ndarray) -> Step:
        """`seeds`: of the episodes that begin where one ends now. The observations hold until the next step."""
        rows, dtype = self._successors, self._plain_actions
        rewards, terminated, truncated = [], [], []
        over = False
        for world, action in enumerate(to_actions(self._action_space, actions) if dtype is None else actions.astype(dtype)):
            reward, ended, cut = self._step(world, action, rows)
            rewards.append(reward)
            terminated.append(ended)
            truncated.append(cut)
            over = over or ended or cut
        self._finite(rows)
        observations = self._begun(rows, terminated, truncated, seeds) if over else rows
        return Step(rows, observations, rewards, terminated, truncated)

    def _begun(self, successors: np.ndarray, terminated: "list[bool]", truncated: "list[bool]", seeds: np.ndarray) -> np.ndarray:
        """Where to act next: the successors, and the first observations of the episodes that follow those that ended."""
        rows = successors.copy()
        for world in range(self.count):
            if terminated[world] or truncated[world]:
                self._reset(world, int(seeds[world]), rows)
        return self._finite(rows)

    def state(self) -> "list[bytes]":
        """The state of each world, where it can save one."""
        return [self._saved(world) for world in range(self.count)]

    def rebuild(
        self,
        seeds: np.ndarray,
        lengths: np.ndarray,
        actions: np.ndarray,
        states: "list[bytes] | None" = None,
        options: "dict[str, Any] | None" = None,
    ) -> np.ndarray:
        """Each world reset with its seed and the options, brought to its state where one is given, and stepped through its actions; the observations it then stands at."""
        at = 0
        self._options = options
        rows = self._rows()
        for world, (seed, length) in enumerate(zip(seeds, lengths)):
            self._reset(world, int(seed), rows)
            if states is not None and states[world]:
                self._restore(world, states[world], rows)
            for action in to_actions(self._action_space, actions[at : at + int(length)]):
                self._step(world, action, rows)
            at += int(length)
        return self._finite(rows)

    def _saved(self, world: int) -> bytes:
        env = self.envs[world]
        try:
            state = bytes(find_saver(env).save_state())
        except Exception as error:
            raise EnvironmentFailure(f"world {world}: save_state raised {type(error).__name__}: {error}") from error
        return msgpack.packb([[layer._elapsed_steps for layer in clocks(env)], state])

    def _restore(self, world: int, state: bytes, rows: np.ndarray) -> None:
        env = self.envs[world]
        try:
            elapsed, own = msgpack.unpackb(state)
            layers = clocks(env)
            if type(own) is not bytes or len(elapsed) != len(layers) or not all(type(steps) is int for steps in elapsed):
                raise ValueError("a state of another environment")
            observation = find_saver(env).restore_state(own)
            for layer, steps in zip(layers, elapsed):
                layer._elapsed_steps = steps
        except Exception as error:
            raise EnvironmentFailure(f"world {world}: restore_state raised {type(error).__name__}: {error}") from error
        self._write(rows, world, observation)

    def render(self, world: int) -> np.ndarray:
        try:
            image = self.envs[world].render()
        except Exception as error:
            raise EnvironmentFailure(f"world {world}: render raised {type(error).__name__}: {error}") from error
        if image is None:
            raise EnvironmentFailure("render() gave nothing: serve with --render-mode rgb_array")
        image = np.asarray(image, np.uint8)
        if image.ndim != 3 or image.shape[2] != 3:
            raise EnvironmentFailure(f"render() gave an array of shape {image.shape}, [height, width, 3] is wanted")
        return image

    def close(self) -> None:
        for env in self.envs:
            env.close()

    def _rows(self) -> np.ndarray:
        return np.empty((self.count, self.observation.size), NUMBERS)

    def _reset(self, world: int, seed: int, rows: np.ndarray) -> None:
        """Begins an episode; row `world` of `rows` gets where it stands."""
        env = self.envs[world]
        given = {} if self._options is None else {"options": copy.deepcopy(self._options)}
        try:
            try:
                result = env.reset(seed=seed, **given)
            except TypeError:
                if given or not callable(getattr(env, "seed", None)):
                    raise
                env.seed(seed)  # gym before 0.22 seeds by a method of its own
                result = env.reset()
        except Exception as error:
            raise EnvironmentFailure(f"world {world}: reset raised {type(error).__name__}: {error}") from error
        with_info = type(result) is tuple and len(result) == 2 and isinstance(result[1], dict)
        self._write(rows, world, result[0] if with_info else result)

    def _step(self, world: int, action: Any, rows: np.ndarray) -> tuple[float, bool, bool]:
        """Reward, terminated and truncated; row `world` of `rows` gets the true successor."""
        try:
            result = self.envs[world].step(action)
        except Exception as error:
            raise EnvironmentFailure(f"world {world}: step raised {type(error).__name__}: {error}") from error
        try:
            if len(result) == 5:
                observation, reward, terminated, truncated, info = result
                if type(reward) is not float:
                    reward = float(reward)
                if type(terminated) is not bool or type(truncated) is not bool:
                    terminated, truncated = bool(terminated), bool(truncated)
            else:  # gym before 0.26: one flag, and the reason in info
                observation, reward, done, info = result
                truncated = bool(info.get("TimeLimit.truncated", False))
                reward, terminated = float(reward), bool(done) and not truncated
            if terminated or truncated:
                observation = true_successor(observation, info)
        except (TypeError, ValueError, AttributeError) as error:
            raise EnvironmentFailure(f"world {world}: {_no_step(result)}: {error}") from error
        if not isfinite(reward):
            raise EnvironmentFailure(f"world {world}: the reward is {reward}")
        self._write(rows, world, observation)
        return reward, terminated, truncated

    def _write(self, rows: np.ndarray, world: int, value: Any) -> None:
        try:
            if type(value) is np.ndarray and value.shape == self._row:
                rows[world] = value
                return
            flat = flatten(self.envs[world].observation_space, value)
            if flat.shape == rows[world].shape:
                rows[world] = flat
                return
        except Exception as error:
            raise EnvironmentFailure(f"world {world}: an observation that is not of its space: {error}") from error
        raise EnvironmentFailure(
            f"world {world}: an observation of {flat.size} numbers, its space says {self.observation.size}"
        )

    def _finite(self, rows: np.ndarray) -> np.ndarray:
        if not all_finite(rows):
            world, number = np.argwhere(~np.isfinite(rows))[0]
            raise EnvironmentFailure(f"world {world}: observation[{number}] is not finite")
        return rows
