"""A small world with a twin in TypeScript (pointWorld.ts): sums and products of doubles alone, so both agree to the bit."""

import os
import struct
import time

import numpy as np


class Box:
    def __init__(self, low, high, size):
        self.low = np.full(size, low, np.float32)
        self.high = np.full(size, high, np.float32)
        self.shape = (size,)
        self.dtype = np.float32


class PointWorld:
    observation_space = Box(-np.inf, np.inf, 4)
    action_space = Box(-2.0, 2.0, 1)

    def reset(self, seed=None):
        self.t = 0
        self.x = []
        for _ in range(4):
            seed = (seed * 48271 + 11) % 2147483647
            self.x.append(seed / 2147483647 - 0.5)
        return np.array(self.x, np.float32), {}

    def step(self, action):
        x, a = self.x, float(action[0])
        self.t += 1
        x[0] = x[0] + 0.1 * x[1]
        x[1] = x[1] + 0.05 * a - 0.01 * x[0]
        x[2] = 0.9 * x[2] + 0.1 * x[0]
        x[3] = x[3] + 0.05
        terminated = abs(x[0]) > 0.6
        return np.array(x, np.float32), 1 - x[0] * x[0], terminated, self.t >= 25, {}

    def close(self):
        pass


make = PointWorld


class Placed(PointWorld):
    """Begins beside where PointWorld does, by {"place": {"shift": …}}, and can be told to hang there."""

    def reset(self, seed=None, options=None):
        place = (options or {}).get("place", {"shift": 0.0})
        if "hang" in place:
            time.sleep(3600)
        super().reset(seed)
        self.x = [x + place["shift"] for x in self.x]
        return np.array(self.x, np.float32), {}


class Raises(PointWorld):
    def step(self, action):
        raise ValueError("the joint is broken")


class Dies(PointWorld):
    def __init__(self):
        raise RuntimeError("no licence found")


class Hangs(PointWorld):
    def step(self, action):
        time.sleep(3600)


class GivesNaN(PointWorld):
    def step(self, action):
        observation, reward, *ends = super().step(action)
        observation[2] = np.nan
        return (observation, reward, *ends)


class GivesNaNReward(PointWorld):
    def step(self, action):
        observation, _, *ends = super().step(action)
        return (observation, float("nan"), *ends)


class WrongShape(PointWorld):
    def step(self, action):
        observation, *rest = super().step(action)
        return (observation[:3], *rest)


class Forgets(PointWorld):
    """Takes its randomness from the process, not from the seed."""

    def reset(self, seed=None):
        return super().reset((seed or 0) + os.getpid())


class Legacy(PointWorld):
    """Speaks as gym did before 0.22: a seed by itself, bare observations, one flag, and the clock in info."""

    def seed(self, seed=None):
        self.next_seed = seed

    def reset(self):
        return PointWorld.reset(self, self.next_seed)[0]

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        if truncated:
            info = {"TimeLimit.truncated": not terminated}
        return observation, reward, bool(terminated or truncated), info


class LegacyTuple(Legacy):
    """The same with an observation that is a tuple, which must not be taken for (observation, info)."""

    def __init__(self):
        import gymnasium

        box = gymnasium.spaces.Box(-np.inf, np.inf, (2,))
        self.observation_space = gymnasium.spaces.Tuple([box, box])

    def reset(self):
        observation = super().reset()
        return observation[:2], observation[2:]

    def step(self, action):
        observation, *rest = super().step(action)
        return ((observation[:2], observation[2:]), *rest)


class WrongDtype(PointWorld):
    def step(self, action):
        _, *rest = super().step(action)
        return (["left", "right", "up", "down"], *rest)


class NoReward(PointWorld):
    def step(self, action):
        observation, _, *ends = super().step(action)
        return (observation, None, *ends)


class GivesThree(PointWorld):
    def step(self, action):
        return super().step(action)[:3]


class GivesNothing(PointWorld):
    def step(self, action):
        super().step(action)


class Leaves(PointWorld):
    def step(self, action):
        raise SystemExit("enough")


class EndsAll(PointWorld):
    def step(self, action):
        os._exit(3)


class FailsToBegin(PointWorld):
    def reset(self, seed=None):
        raise RuntimeError("no licence")


class Draws(PointWorld):
    def render(self):
        image = np.zeros((3, 5, 3), np.uint8)
        image[1, 4] = (255, 128, self.t)
        return image


class Nested(PointWorld):
    def __init__(self):
        import gymnasium

        spaces = gymnasium.spaces
        self.observation_space = spaces.Dict(
            {"camera": spaces.Box(0, 255, (2, 2), np.uint8), "joints": spaces.Tuple([spaces.Box(-9, 9, (2,)), spaces.Discrete(3)])}
        )
        self.action_space = spaces.Discrete(3, start=-1)

    def reset(self, seed=None):
        super().reset(seed)
        return self.seen(0), {}

    def step(self, action):
        super().step([float(action)])
        return self.seen(action), float(action), False, False, {}

    def seen(self, action):
        joints = (np.array([0.5, 0.25], np.float32), int(action) + 1)
        return {"camera": np.arange(4, dtype=np.uint8).reshape(2, 2), "joints": joints}


class Unrepeatable(PointWorld):
    """Begins anywhere, whatever the seed: only its state tells where it is."""

    def reset(self, seed=None):
        super().reset(int.from_bytes(os.urandom(3), "little"))
        self.x = [0.1 * x for x in self.x]
        return np.array(self.x, np.float32), {}

    def save_state(self):
        return struct.pack("<i4d", self.t, *self.x)

    def restore_state(self, state):
        self.t, *self.x = struct.unpack("<i4d", state)
        return np.array(self.x, np.float32)


class ForgetsWhereItWas(Unrepeatable):
    def restore_state(self, state):
        raise ValueError("that was long ago")
