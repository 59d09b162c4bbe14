"""Environments that reset themselves, as ones that do not: the one place where Gymnasium's three autoreset modes matter."""

from __future__ import annotations

from typing import Any


def single(env: Any) -> Any:
    """A vector of one environment as that environment; any other as it is."""
    return OneOfVector(env) if hasattr(env, "single_observation_space") else env


def true_successor(observation: Any, info: Any) -> Any:
    """Where an episode ended. SAME_STEP has reset by now, and keeps that in `info`; DISABLED has not, NEXT_STEP not yet."""
    for name in ("final_obs", "final_observation"):  # the second is what gym before Gymnasium called it
        if name in info:
            return info[name]
    return observation


class OneOfVector:
    """A Gymnasium vector of one environment. Whatever its autoreset mode: who steps it resets it after each end, with a seed."""

    def __init__(self, vector: Any):
        if vector.num_envs != 1:
            raise ValueError(
                f"a vector of {vector.num_envs} environments: give one of a single environment, agent-gym-server makes as many as it is asked for"
            )
        self.vector = vector
        self.observation_space = vector.single_observation_space
        self.action_space = vector.single_action_space
        self.spec = vector.spec

    def reset(self, **given: Any) -> "tuple[Any, dict[str, Any]]":
        observations, _ = self.vector.reset(**given)
        return self._first(observations), {}

    def step(self, action: Any) -> "tuple[Any, float, bool, bool, dict[str, Any]]":
        from gymnasium.vector.utils import concatenate, create_empty_array

        actions = concatenate(self.action_space, [action], create_empty_array(self.action_space, 1))
        observations, rewards, terminated, truncated, infos = self.vector.step(actions)
        info = {name: infos[name][0] for name in ("final_obs",) if name in infos}
        return self._first(observations), rewards[0], terminated[0], truncated[0], info

    def render(self) -> Any:
        frames = self.vector.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        self.vector.close()

    def _first(self, observations: Any) -> Any:
        from gymnasium.vector.utils import iterate

        return next(iter(iterate(self.vector.observation_space, observations)))
