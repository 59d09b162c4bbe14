"""Where an episode ended, and where the next one began, are told apart whatever resets itself, and when."""

import numpy as np
import pytest

from agent_gym_server.worlds import Worlds

gymnasium = pytest.importorskip("gymnasium")
from gymnasium.vector import AutoresetMode, SyncVectorEnv  # noqa: E402
from gymnasium.wrappers import Autoreset  # noqa: E402


def plain():
    return gymnasium.make("CartPole-v1", max_episode_steps=15)


def vector_of(count, mode):
    return lambda: SyncVectorEnv([plain] * count, autoreset_mode=mode)


class SameStep(gymnasium.Wrapper):
    """As gym 0.26 did: the ending step gives the next episode's first observation, and the final one in info."""

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            final = observation
            observation, info = self.env.reset()
            info["final_observation"] = final
        return observation, reward, terminated, truncated, info


ways = {mode.name: vector_of(1, mode) for mode in AutoresetMode}
ways["wrapped, next step"] = lambda: Autoreset(plain())
ways["wrapped, same step"] = lambda: SameStep(plain())


def play(worlds):
    rng = np.random.default_rng(3)
    seen = [worlds.reset(np.array([5, 6])).tolist()]
    for t in range(120):
        actions = rng.integers(0, 2, (2, 1)).astype(np.float32)
        step = worlds.step(actions, np.array([100 + 2 * t, 101 + 2 * t]))
        seen.append([step.next_observations.tolist(), step.observations.tolist(), step.rewards, step.terminated, step.truncated])
    seen.append(worlds.rebuild(np.array([7, 8]), np.array([6, 2]), np.ones((8, 1), np.float32)).tolist())
    return seen


@pytest.mark.parametrize("way", list(ways))
def test_steps_like_one_that_does_not_reset_itself(way):
    expected = play(Worlds(plain, 2))
    ends = sum(any(row[3]) or any(row[4]) for row in expected[1:-1])
    apart = sum(row[0] != row[1] for row in expected[1:-1])
    assert 8 < ends == apart
    assert any(any(row[3]) for row in expected[1:-1])
    assert any(any(row[4]) for row in expected[1:-1])
    assert play(Worlds(ways[way], 2)) == expected


def test_a_vector_of_more_is_refused():
    with pytest.raises(ValueError, match="a vector of 2 environments: give one of a single"):
        Worlds(vector_of(2, AutoresetMode.NEXT_STEP), 1)
