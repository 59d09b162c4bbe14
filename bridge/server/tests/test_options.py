"""Options of reset: who takes them, and which resets get them."""

import numpy as np
import pytest

from agent_gym_server.idle import Idle
from agent_gym_server.layers import takes_options
from agent_gym_server.protocol import MAX_OPTIONS, Message, decode, encode
from agent_gym_server.server import Server
from agent_gym_server.worlds import EnvironmentFailure, Worlds

SESSION = "ab" * 16


class Ends(Idle):
    """Every third step ends an episode; what its resets were given is kept, and one of them emptied."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def reset(self, seed=None, options=None):
        self.t = 0
        self.seen.append((seed, None if options is None else dict(options)))
        if options:
            options.clear()
        return super().reset()

    def step(self, action):
        self.t += 1
        return self.observation, 0.0, self.t == 3, False, {}


class Seeds(Ends):
    def reset(self, seed=None):
        return super().reset(seed)


class OldGym(Ends):
    def seed(self, seed=None):
        pass

    def reset(self):
        return super().reset()[0]


class Wrapper:
    """Named as those of gym and Gymnasium are."""

    def __init__(self, env):
        self.env = env

    def reset(self, **kwargs):
        return self.env.reset(**kwargs)


class Drops(Wrapper):
    def reset(self, seed=None):
        return self.env.reset(seed=seed)


class Holds(Idle):
    """No wrapper: what it holds under this name is its own affair."""

    env = OldGym()


@pytest.mark.parametrize(
    "env, takes",
    [
        (Ends(), True),
        (Wrapper(Wrapper(Ends())), True),
        (Holds(), True),
        (Seeds(), False),
        (OldGym(), False),
        (Wrapper(OldGym()), False),
        (Wrapper(Drops(Ends())), False),
    ],
)
def test_who_takes_them(env, takes):
    assert takes_options(env) is takes


def test_gymnasium_takes_them():
    gymnasium = pytest.importorskip("gymnasium")
    vector = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")])
    for make in (lambda: gymnasium.make("CartPole-v1"), lambda: vector):
        worlds = Worlds(make, 1)
        assert worlds.takes_options
        observation = worlds.reset(np.array([3]), {"low": 0.25, "high": 0.25})
        assert observation.tolist() == [[0.25] * 4]


def test_all_resets_get_them_until_the_next_reset():
    worlds = Worlds(Ends, 1)
    actions, options = np.zeros((1, 17), np.float32), {"x": 1}
    worlds.reset(np.array([1]), options)
    for seed in range(10, 16):
        worlds.step(actions, np.array([seed]))
    worlds.rebuild(np.array([7]), np.array([1]), actions, options={"x": 2})
    for seed in range(20, 22):
        worlds.step(actions, np.array([seed]))
    worlds.reset(np.array([2]))
    expected = [(1, {"x": 1}), (12, {"x": 1}), (15, {"x": 1}), (7, {"x": 2}), (21, {"x": 2}), (2, None)]
    assert worlds.envs[0].seen == expected
    assert options == {"x": 1}


def test_what_its_reset_raises_is_told():
    class Picky(Ends):
        def reset(self, seed=None, options=None):
            return super().reset(seed, {"x": options["x"] + "m"})

        def seed(self, seed=None):
            raise AssertionError("this is no environment of the old gym")

    with pytest.raises(EnvironmentFailure, match="world 0: reset raised TypeError: unsupported operand"):
        Worlds(Picky, 1).reset(np.array([1]), {"x": 1})


def answers(factory, options):
    server = Server("served", factory)
    described = decode(server.answer(encode(Message("make", 1, {"session": SESSION, "num_envs": 1}))))
    seeds, actions = np.zeros(1, np.int64), np.zeros((0, 17), np.float32)
    requests = [
        Message("reset", 2, {"session": SESSION, "k": 0, "options": options}, {"seeds": seeds}),
        Message("rebuild", 3, {"session": SESSION, "k": 1, "options": options}, {"seeds": seeds, "lengths": np.zeros(1, np.int32), "actions": actions}),
    ]
    return described.fields["takes_options"], [decode(server.answer(encode(request))) for request in requests]


@pytest.mark.parametrize("factory", [Seeds, OldGym])
def test_who_takes_none_says_so(factory):
    takes, replies = answers(factory, {"x": 1})
    assert not takes
    for reply in replies:
        assert (reply.fields["code"], reply.fields["message"]) == ("unsupported", f"{factory.__name__} takes no options: its reset has no such parameter")
    assert [reply.type for reply in answers(factory, None)[1]] == ["reset", "rebuild"]


def test_the_largest():
    fits = {"path": "x" * (MAX_OPTIONS - 9)}
    assert [reply.type for reply in answers(Ends, fits)[1]] == ["reset", "rebuild"]
    for reply in answers(Ends, {"path": fits["path"] + "x"})[1]:
        assert (reply.fields["code"], reply.fields["message"]) == ("malformed", "options of 16385 bytes, at most 16384 are allowed")
    _, (reply, _) = answers(Ends, ["x", 1])
    assert reply.fields["message"] == 'reset wants "options" as a map, got list'
