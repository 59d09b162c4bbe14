"""A world in which nothing happens, as large as Humanoid's: what a step of it takes is what the bridge takes."""

import numpy as np


class Box:
    def __init__(self, bound: float, size: int):
        self.low = np.full(size, -bound, np.float32)
        self.high = np.full(size, bound, np.float32)
        self.shape = (size,)
        self.dtype = np.dtype(np.float32)


class Idle:
    observation_space = Box(np.inf, 376)
    action_space = Box(0.4, 17)

    def __init__(self):
        self.observation = np.linspace(-1, 1, 376)

    def reset(self, seed=None, options=None):
        return self.observation, {}

    def step(self, action):
        return self.observation, 0.0, False, False, {}

    def close(self):
        pass
