"""Answers requests. No socket here: `Server.answer` turns the parts of a request into the parts of its reply."""

from __future__ import annotations

import os
import re
import struct
import sys
import traceback
from typing import Any, Callable, List, Optional, Tuple

import numpy as np

from . import __version__
from .protocol import TAIL, VERSION, Form, Message, ProtocolError, Repeated, bytes_of, decode, form_of
from .request import ACTIONS, LENGTHS, SEEDS, RequestError, array_of, options_of, states_of
from .worlds import EnvironmentFailure, Step, Worlds, all_finite

MAX_ENVS = 1024
MAX_SESSIONS = 64
_TOKEN = re.compile(r"^[0-9a-f]{32}$")


Reply = Tuple[Form, List[bytes]]
"""All of a reply but the id of its request: the header, and the bytes of the arrays."""


class Session:
    """The worlds of one client, and its last answer in case it asks again."""

    def __init__(self, token: str, worlds: Worlds):
        self.token = token
        self.worlds = worlds
        self.k = -1
        self.reply: Optional[Reply] = None
        self.steps: Optional[Repeated] = None
        n, size = worlds.count, worlds.observation.size
        self.action_shape, self.seed_shape = (n, worlds.action.size), (n,)
        self._rewards = struct.Struct(f"<{n}d")
        successors = ("next_observations", "f4", (n, size))
        outcome = [("rewards", "f8", (n,)), ("terminated", "u1", (n,)), ("truncated", "u1", (n,))]
        # Of replies to steps in which no episode ended, and of the others.
        self.forms = Form("step", {}, [successors, *outcome]), Form("step", {}, [successors, *outcome, ("observations", "f4", (n, size))])

    def step_reply(self, step: Step) -> Reply:
        rewards = self._rewards.pack(*step.rewards)
        body = [step.next_observations.tobytes(), rewards, bytes(step.terminated), bytes(step.truncated)]
        if step.observations is step.next_observations:
            return self.forms[0], body
        return self.forms[1], [*body, step.observations.tobytes()]


class Server:
    def __init__(self, name: str, factory: Callable[[], Any], max_envs: int = MAX_ENVS):
        self.name = name
        self.factory = factory
        self.max_envs = max_envs
        self.boot = os.urandom(16).hex()
        self.sessions: dict[str, Session] = {}
        self._stepping: dict[bytes, Session] = {}

    def answer(self, parts: list[bytes]) -> list[bytes]:
        """Never raises for what a client sent or an environment did: that becomes an error reply."""
        id_ = 0
        try:
            session = self._stepping.get(parts[0][:-TAIL]) if parts else None
            if session is not None:
                k, again = session.steps.read(parts)
                if k == session.k + 1:
                    id_ = again
                    form, body = self._step_again(session, k, parts)
                    return form.parts(id_, body)
            request = decode(parts)
            id_ = request.id
            form, body = self._handle(request)
            if request.type == "step":
                self._expect(request, parts)
            return form.parts(id_, body)
        except ProtocolError as error:
            return _error(error.code, error).parts(id_ or error.id, [])
        except RequestError as error:
            return _error(error.code, error).parts(id_, [])
        except EnvironmentFailure as error:
            return _error("environment", error).parts(id_, [])
        except (Exception, SystemExit) as error:  # an environment may raise anything, anywhere; the other sessions go on
            traceback.print_exc(file=sys.stderr)
            return _error("environment", f"{self.name} raised {type(error).__name__}: {error}").parts(id_, [])

    @property
    def used_last(self) -> Optional[str]:
        """The session that a request was for last."""
        return next(reversed(self.sessions), None)

    def close(self) -> None:
        for session in self.sessions.values():
            session.worlds.close()
        self.sessions.clear()

    def _handle(self, request: Message) -> Reply:
        ordered = self._ordered.get(request.type)
        if ordered is not None:
            return self._in_order(request, ordered)
        handler = self._handlers.get(request.type)
        if handler is None:
            raise RequestError("unsupported", f'no request "{request.type}"')
        return _reply(handler(self, request))

    def _in_order(self, request: Message, handler: Callable[["Server", Session, Message], Reply]) -> Reply:
        session = self._session(request)
        k = request.fields.get("k")
        if type(k) is not int or k not in (session.k, session.k + 1) or k < 0:
            raise RequestError("order", f"request {k!r} after request {session.k}")
        if k == session.k and session.reply is not None:
            return session.reply
        return self._kept(session, k, handler.__get__(self), request)

    def _kept(self, session: Session, k: int, handle: Callable[..., Reply], *given: Any) -> Reply:
        """The reply to request `k` of a session, kept in case it is asked again."""
        session.reply = None
        session.k = k
        try:
            session.reply = handle(session, *given)
        except EnvironmentFailure as error:
            if error.__cause__ is not None:  # where to mend it: for who reads what the server prints
                traceback.print_exception(type(error.__cause__), error.__cause__, error.__cause__.__traceback__, file=sys.stderr)
            session.reply = _error("environment", error), []
        except RequestError as error:
            session.reply = _error(error.code, error), []
        return session.reply

    def _expect(self, request: Message, parts: "list[bytes]") -> None:
        """A step that was taken is likely to be followed by more of its form: those are read in a third of the time."""
        session = self.sessions.get(str(request.fields.get("session")))
        if session is None or session.reply is None or session.reply[0] not in session.forms:
            return
        self._forget(session)
        steps = Repeated(parts)
        if list(request.arrays) == ["actions", "seeds"] and steps.read(parts) == (request.fields.get("k"), request.id):
            session.steps = steps
            self._stepping[steps.beginning] = session

    def _step_again(self, session: Session, k: int, parts: "list[bytes]") -> Reply:
        self._is_used(session)
        actions = np.ndarray(session.action_shape, ACTIONS, parts[1])
        seeds = np.ndarray(session.seed_shape, SEEDS, parts[2])
        return self._kept(session, k, self._take_step, actions, seeds)

    def _forget(self, session: Session) -> None:
        if session.steps is not None:
            self._stepping.pop(session.steps.beginning, None)
            session.steps = None

    def _hello(self, request: Message) -> Message:
        fields = {
            "protocol": VERSION,
            "server": f"agent-gym-server {__version__}",
            "boot": self.boot,
            "env": self.name,
            "max_envs": self.max_envs,
            "autoreset": "same_step",
        }
        return Message("hello", request.id, fields)

    def _make(self, request: Message) -> Message:
        token, count = request.fields.get("session"), request.fields.get("num_envs")
        if type(token) is not str or not _TOKEN.match(token):
            raise RequestError("malformed", "make wants a session of 32 hexadecimal digits")
        if type(count) is not int or count < 1:
            raise RequestError("malformed", f"num_envs is {count!r}, a number ≥ 1 is wanted")
        known = self.sessions.get(token)
        if known is None:
            if count > self.max_envs:
                raise RequestError("busy", f"{count} environments wanted, this server makes at most {self.max_envs} (--num-envs)")
            self._make_room(count)
            known = Session(token, Worlds(self.factory, count))
            self._check_name(request.fields.get("env"), known.worlds)
            self.sessions[token] = known
        elif known.worlds.count != count:
            raise RequestError("malformed", f"the session has {known.worlds.count} environments, not {count}")
        return _describe(request.id, known.worlds)

    def _make_room(self, count: int) -> None:
        """Sessions unused for longest end: of a client that was killed. One that still lives makes its worlds anew."""
        while self.sessions and (self._used() + count > self.max_envs or len(self.sessions) >= MAX_SESSIONS):
            self._end(next(iter(self.sessions)))

    def _check_name(self, wanted: Any, worlds: Worlds) -> None:
        if wanted is None or wanted in (self.name, worlds.id):
            return
        worlds.close()
        raise RequestError("unsupported", f'this server has {self.name}, "{str(wanted)[:80]}" was asked for')

    def _reset(self, session: Session, request: Message) -> Reply:
        seeds = array_of(request, "seeds", SEEDS, (session.worlds.count,))
        return _reply(Message("reset", 0, {}, {"observations": session.worlds.reset(seeds, options_of(request, session.worlds))}))

    def _step(self, session: Session, request: Message) -> Reply:
        worlds = session.worlds
        actions = array_of(request, "actions", ACTIONS, (worlds.count, worlds.action.size))
        seeds = array_of(request, "seeds", SEEDS, (worlds.count,))
        return self._take_step(session, actions, seeds)

    def _take_step(self, session: Session, actions: np.ndarray, seeds: np.ndarray) -> Reply:
        if not all_finite(actions):
            raise RequestError("malformed", "an action is not finite")
        return session.step_reply(session.worlds.step(actions, seeds))

    def _rebuild(self, session: Session, request: Message) -> Reply:
        worlds = session.worlds
        seeds = array_of(request, "seeds", SEEDS, (worlds.count,))
        lengths = array_of(request, "lengths", LENGTHS, (worlds.count,))
        if np.any(lengths < 0):
            raise RequestError("malformed", "a length is negative")
        actions = array_of(request, "actions", ACTIONS, (int(lengths.sum()), worlds.action.size))
        states = states_of(request, worlds) if "states" in request.arrays else None
        observations = worlds.rebuild(seeds, lengths, actions, states, options_of(request, worlds))
        return _reply(Message("rebuild", 0, {}, {"observations": observations}))

    def _state(self, request: Message) -> Message:
        worlds = self._session(request).worlds
        if not worlds.restorable:
            raise RequestError("unsupported", f"{self.name} has no save_state and restore_state")
        states = worlds.state()
        arrays = {"states": np.frombuffer(b"".join(states), np.uint8), "state_lengths": np.array([*map(len, states)], np.int32)}
        return Message("state", request.id, {}, arrays)

    def _render(self, request: Message) -> Message:
        worlds = self._session(request).worlds
        world = request.fields.get("world")
        if type(world) is not int or not 0 <= world < worlds.count:
            raise RequestError("malformed", f"world is {world!r}, there are {worlds.count}")
        return Message("render", request.id, {}, {"image": worlds.render(world)})

    def _close(self, request: Message) -> Message:
        self._end(str(request.fields.get("session")))
        return Message("close", request.id)

    def _end(self, token: str) -> None:
        session = self.sessions.pop(token, None)
        if session is not None:
            self._forget(session)
            session.worlds.close()

    def _session(self, request: Message) -> Session:
        token = str(request.fields.get("session"))
        session = self.sessions.get(token)
        if session is None:
            raise RequestError("session", "no such session: the server was restarted, or the session closed")
        self._is_used(session)
        return session

    def _is_used(self, session: Session) -> None:
        """It goes to the end of the sessions: the first of them is the one that was not used for longest."""
        self.sessions[session.token] = self.sessions.pop(session.token)

    def _used(self) -> int:
        return sum(session.worlds.count for session in self.sessions.values())

    _handlers = {"hello": _hello, "make": _make, "state": _state, "render": _render, "close": _close}
    _ordered = {"reset": _reset, "step": _step, "rebuild": _rebuild}


def _describe(id_: int, worlds: Worlds) -> Message:
    fields = {
        "env": worlds.id,
        "action_kind": worlds.action.kind,
        "max_episode_steps": worlds.max_episode_steps,
        "layout": worlds.observation.layout,
        "restorable": worlds.restorable,
        "takes_options": worlds.takes_options,
    }
    arrays = {
        "observation_low": worlds.observation.low,
        "observation_high": worlds.observation.high,
        "action_low": worlds.action.low,
        "action_high": worlds.action.high,
    }
    return Message("make", id_, fields, arrays)


def _reply(message: Message) -> Reply:
    return form_of(message), bytes_of(message)


def _error(code: str, message: object) -> Form:
    return Form("error", {"code": code, "message": str(message)[:2000]}, [])
