"""python -m agent_gym_server.echo ADDRESS: the least that a ZeroMQ server in Python can do, for `agent bench bridge`.

A message [b"answer", parts…] sets the parts that answer every message from then on.
"""

import sys

import zmq


def main(address: str) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(address)
    print(f"echo at {address}", file=sys.stderr, flush=True)
    answer = []
    while True:
        frames = socket.recv_multipart()
        if frames[1] == b"answer":
            answer = frames[2:]
        socket.send_multipart([frames[0], *answer])


if __name__ == "__main__":
    main(sys.argv[1])
