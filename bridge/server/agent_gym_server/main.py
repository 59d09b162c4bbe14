"""agent-gym-server --env ID [--num-envs N] --bind ADDRESS"""

from __future__ import annotations

import argparse
import gc
import os
import re
import signal
import sys
from time import perf_counter
from typing import Any

ADDRESS = re.compile(r"^(ipc://.+|tcp://(\[[0-9a-fA-F:]+\]|[^\s:/]+):(\d{1,5}|\*))$")
LOOPBACK = re.compile(r"^tcp://(127\.0\.0\.1|localhost|\[::1\]):(\d+|\*)$")


def fail(message: str, *remedies: str, code: int = 2) -> "SystemExit":
    print(f"agent-gym-server: {message}", file=sys.stderr)
    for remedy in remedies:
        print(f"                  {remedy}", file=sys.stderr)
    return SystemExit(code)


try:
    import msgpack  # noqa: F401
    import numpy  # noqa: F401
    import zmq
except ImportError as error:
    raise fail(
        f"{sys.executable} has no package {error.name}",
        f"install it  {sys.executable} -m pip install pyzmq msgpack numpy",
        "or all of it, with Gymnasium:  pip install './bridge/server[gym]'",
        code=1,
    ) from None

from .protocol import MAX_BYTES
from .server import MAX_ENVS, Server
from .worlds import find_factory


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="agent-gym-server", description="Serves a Gymnasium environment to agent.")
    parser.add_argument("--env", required=True, metavar="ID", help="a Gymnasium or gym id, or module:factory")
    parser.add_argument("--num-envs", type=int, default=MAX_ENVS, metavar="N", help="most environments at once")
    parser.add_argument("--bind", required=True, metavar="ADDRESS", help="ipc://PATH, or tcp://127.0.0.1:PORT; others need keys")
    parser.add_argument("--render-mode", metavar="MODE", help="passed to the environment: rgb_array for frames on request")
    parser.add_argument("--server-key", metavar="FILE", help="this server's secret CURVE key (agent bridge keys)")
    parser.add_argument("--client-keys", metavar="DIR", help="public keys of the clients that may connect, one file each")
    return parser.parse_args(argv)


def secure(context: Any, socket: Any, options: argparse.Namespace) -> Any:
    """CURVE with an allow-list of clients wherever another machine could connect."""
    if options.server_key is None:
        if not (options.bind.startswith("ipc://") or LOOPBACK.match(options.bind)):
            raise fail(
                f"{options.bind} can be reached from other machines, so it needs keys",
                "make them   agent bridge keys --out keys",
                "then        --server-key keys/server.secret --client-keys keys/clients",
            )
        return None
    if options.client_keys is None:
        raise fail("--server-key without --client-keys would let any key in")
    from zmq.auth.thread import ThreadAuthenticator

    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve_callback(domain="*", credentials_provider=AllowList(options.client_keys))
    public, secret = read_key(options.server_key)
    socket.curve_server = True
    socket.curve_publickey, socket.curve_secretkey = public, secret
    return authenticator


class AllowList:
    def __init__(self, folder: str):
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            raise fail(f"--client-keys {folder}: {error.strerror}") from error
        self.keys = {open(os.path.join(folder, name), "rb").read().strip() for name in names}
        if not self.keys:
            raise fail(f"--client-keys {folder} holds no key: nobody could connect")

    def callback(self, _domain: str, key: bytes) -> bool:
        """Whether a client may come in; `key` is its public key as Z85 text."""
        return key in self.keys


def read_key(path: str) -> tuple[bytes, bytes]:
    try:
        lines = open(path, "rb").read().split()
    except OSError as error:
        raise fail(f"--server-key {path}: {error.strerror}") from error
    if len(lines) != 2 or any(len(line) != 40 for line in lines):
        raise fail(f"--server-key {path} is not a key file: a public and a secret key of 40 characters are wanted")
    return lines[0], lines[1]


def check_address(address: str) -> None:
    """ZeroMQ takes a port modulo 2¹⁶."""
    found = ADDRESS.match(address)
    if found is None or (found[3] or "*") != "*" and int(found[3]) > 65535:
        raise fail(f'--bind "{address}" is no address', "for example  tcp://127.0.0.1:5555  or  ipc:///tmp/simulator/socket")


def prepare_ipc(address: str) -> None:
    """The socket lives in a directory that only its owner can enter."""
    if not address.startswith("ipc://"):
        return
    folder = os.path.dirname(os.path.abspath(address[len("ipc://") :]))
    if not os.path.isdir(folder):
        os.makedirs(folder, mode=0o700)
    elif os.stat(folder).st_mode & 0o077:
        raise fail(f"{folder} can be entered by others", f"chmod 700 {folder}", "or name a new directory")


def make_server(options: argparse.Namespace) -> Server:
    try:
        factory = find_factory(options.env, options.render_mode)
    except Exception as error:
        raise fail(
            f'no environment "{options.env}": {error}',
            "--env takes an id of Gymnasium or gym, whose package must be installed here,",
            f"or module:factory, looked for in {os.getcwd()} and among Python's packages",
        ) from error
    return Server(options.env, factory, options.num_envs)


def main(argv: "list[str] | None" = None) -> None:
    options = parse(sys.argv[1:] if argv is None else argv)
    if not 1 <= options.num_envs <= MAX_ENVS:
        raise fail(f"--num-envs is {options.num_envs}, a number from 1 to {MAX_ENVS} is wanted")
    check_address(options.bind)
    server = make_server(options)
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
    socket.setsockopt(zmq.RCVHWM, 256)
    socket.setsockopt(zmq.SNDHWM, 256)
    socket.setsockopt(zmq.HEARTBEAT_IVL, 1000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: the collector need not look at it again and again
    prepare_ipc(options.bind)
    authenticator = secure(context, socket, options)
    try:
        socket.bind(options.bind)
    except zmq.ZMQError as error:
        raise fail(f"{options.bind}: {error.strerror}", "another server may have it: choose another port or path", code=1) from error
    address = socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
    print(f"agent-gym-server: {options.env} at {address}", file=sys.stderr, flush=True)
    stopping: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, _frame: stopping.append(number))
    try:
        serve(socket, server, stopping)
    finally:
        server.close()
        socket.close()
        if authenticator is not None:
            authenticator.stop()
        context.term()


_MORE, _EVENTS, _READABLE = int(zmq.SNDMORE), int(zmq.EVENTS), int(zmq.POLLIN)
_TOGETHER = 64
_PATIENCE = 0.0005
_AWAKE = 0.0002
_give_way = getattr(os, "sched_yield", lambda: None)  # Windows has none


def serve(socket: Any, server: Server, stopping: "list[int]") -> None:
    """Until a signal comes: one request after the other, in the order they came.

    What has come meanwhile is read at once, and replies to it that are ready within half a millisecond leave together:
    to wake the thread that does the input and output for each of them takes longer than a short step. While requests of one
    session follow each other closely the next is awaited awake for a fifth of a millisecond, and whoever else can run goes
    first: to fall asleep and be woken on another core takes longer than to answer. Several sessions are better answered together.
    """
    socket.setsockopt(zmq.RCVTIMEO, 100)
    get, closely, sent, session = super(zmq.Socket, socket).get, False, 0.0, None
    while not stopping:
        while closely and not get(_EVENTS) & _READABLE and perf_counter() - sent < _AWAKE:
            _give_way()
        requests = _receive(socket)
        replies = []
        begin = perf_counter()
        soon = begin - sent < 2 * _AWAKE
        for identity, *parts in requests:
            replies.append((identity, server.answer(parts)))
            if perf_counter() - begin > _PATIENCE:
                _send(socket, replies)
                replies, begin = [], perf_counter()
        _send(socket, replies)
        before, session = session, server.used_last
        closely = soon and session == before
        sent = perf_counter()


# One part after the other: send_multipart and recv_multipart look up enumerations for each, which takes thrice as long.
def _receive(socket: Any) -> "list[list[bytes]]":
    """The requests that have come, their senders first; waits for one, for as long as the socket does."""
    receive, get, requests = socket.recv, super(zmq.Socket, socket).get, []
    try:
        while True:
            frame = receive(0, False)
            parts = [frame.bytes]
            while frame.more:
                frame = receive(0, False)
                parts.append(frame.bytes)
            requests.append(parts)
            if len(requests) == _TOGETHER or not get(_EVENTS) & _READABLE:
                return requests
    except zmq.Again:
        return requests


def _send(socket: Any, replies: "list[tuple[bytes, list[bytes]]]") -> None:
    send = super(zmq.Socket, socket).send
    for identity, (*body, last) in replies:
        send(identity, _MORE)
        for part in body:
            send(part, _MORE)
        send(last)


if __name__ == "__main__":
    main()
