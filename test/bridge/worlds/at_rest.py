"""Gymnasium's tasks from their model's own pose, at rest: a start that two programs can agree on."""

import gymnasium


def cheetah():
    return gymnasium.make("HalfCheetah-v5", reset_noise_scale=0.0)


def hopper():
    return gymnasium.make("Hopper-v5", reset_noise_scale=0.0)


def swimmer():
    return gymnasium.make("Swimmer-v5", reset_noise_scale=0.0)
