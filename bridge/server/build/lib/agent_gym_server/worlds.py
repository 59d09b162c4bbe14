"""N environments of one kind, stepped together; every episode is determined by its seed and its actions."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any, Callable

import numpy as np

from .spaces import FlatSpace, flatten, flatten_space, to_action


class EnvironmentFailure(Exception):
    """The environment raised, or gave something that cannot be."""


def find_factory(name: str) -> Callable[[], Any]:
    """A maker for `module:function`, a Gymnasium id, or, where only that is installed, an id of the old gym."""
    if ":" in name and "/" not in name.split(":")[0]:
        module, function = name.split(":", 1)
        sys.path.insert(0, os.getcwd())
        factory = getattr(importlib.import_module(module), function)
        return factory
    try:
        import gymnasium
    except ImportError:
        gymnasium = None
    if gymnasium is not None and (name in gymnasium.registry or "gym" not in _installed()):
        gymnasium.spec(name)  # raises for an unknown id, naming the nearest
        return lambda: gymnasium.make(name)
    try:
        import gym
    except ImportError:
        raise ImportError(f"{sys.executable} has neither gymnasium nor gym: pip install 'gymnasium[mujoco]'") from None

    gym.spec(name)
    return lambda: gym.make(name)


def _installed() -> set[str]:
    return {name for name in ("gym", "gymnasium") if importlib.util.find_spec(name) is not None}


class Worlds:
    """Shapes and meanings as in PROTOCOL.md; raises EnvironmentFailure."""

    def __init__(self, factory: Callable[[], Any], count: int):
        self.envs = [factory() for _ in range(count)]
        first = self.envs[0]
        self.observation: FlatSpace = flatten_space(first.observation_space)
        self.action: FlatSpace = flatten_space(first.action_space, "action")
        spec = getattr(first, "spec", None)
        self.id: str = getattr(spec, "id", None) or type(first.unwrapped if hasattr(first, "unwrapped") else first).__name__
        self.max_episode_steps: int = int(getattr(spec, "max_episode_steps", None) or 0)

    @property
    def count(self) -> int:
        return len(self.envs)

    def reset(self, seeds: np.ndarray) -> np.ndarray:
        return np.stack([self._reset(i, int(seed)) for i, seed in enumerate(seeds)])

    def step(self, actions: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        n = self.count
        successors = np.empty((n, self.observation.size), np.float32)
        observations = np.empty_like(successors)
        rewards = np.empty(n, np.float64)
        terminated = np.zeros(n, np.uint8)
        truncated = np.zeros(n, np.uint8)
        for i in range(n):
            successors[i], rewards[i], terminated[i], truncated[i] = self._step(i, actions[i])
            over = terminated[i] or truncated[i]
            observations[i] = self._reset(i, int(seeds[i])) if over else successors[i]
        return {
            "next_observations": successors,
            "observations": observations,
            "rewards": rewards,
            "terminated": terminated,
            "truncated": truncated,
        }

    def rebuild(self, seeds: np.ndarray, lengths: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Each world reset with its seed and stepped through its actions; the observations it then stands at."""
        at = 0
        observations = []
        for i, (seed, length) in enumerate(zip(seeds, lengths)):
            observation = self._reset(i, int(seed))
            for action in actions[at : at + int(length)]:
                observation = self._step(i, action)[0]
            at += int(length)
            observations.append(observation)
        return np.stack(observations)

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

    def _reset(self, world: int, seed: int) -> np.ndarray:
        env = self.envs[world]
        try:
            result = env.reset(seed=seed)
        except TypeError:  # gym before 0.26 seeds by a method of its own
            env.seed(seed)
            result = env.reset()
        except Exception as error:
            raise EnvironmentFailure(f"world {world}: reset raised {type(error).__name__}: {error}") from error
        observation = result[0] if isinstance(result, tuple) else result
        return self._observation(world, observation)

    def _step(self, world: int, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool]:
        env = self.envs[world]
        try:
            result = env.step(to_action(env.action_space, action))
        except Exception as error:
            raise EnvironmentFailure(f"world {world}: step raised {type(error).__name__}: {error}") from error
        if len(result) == 4:  # gym before 0.26: one flag, and the reason in info
            observation, reward, done, info = result
            truncated = bool(info.get("TimeLimit.truncated", False))
            terminated = bool(done) and not truncated
        else:
            if len(result) != 5:
                raise EnvironmentFailure(f"world {world}: step gave {len(result)} values, 4 or 5 are wanted")
            observation, reward, terminated, truncated, _ = result
        reward = float(reward)
        if not np.isfinite(reward):
            raise EnvironmentFailure(f"world {world}: the reward is {reward}")
        return self._observation(world, observation), reward, bool(terminated), bool(truncated)

    def _observation(self, world: int, value: Any) -> np.ndarray:
        flat = flatten(self.envs[world].observation_space, value)
        if flat.shape != (self.observation.size,):
            raise EnvironmentFailure(
                f"world {world}: an observation of {flat.size} numbers, its space says {self.observation.size}"
            )
        flat = flat.astype(np.float32)
        if not np.all(np.isfinite(flat)):
            raise EnvironmentFailure(f"world {world}: observation[{int(np.argmin(np.isfinite(flat)))}] is not finite")
        return flat
