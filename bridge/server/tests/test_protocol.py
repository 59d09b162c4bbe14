import importlib.util
import json
import os
import struct

import numpy as np
import pytest

from agent_gym_server.crc32c import crc32c, crc_portable
from agent_gym_server.idle import Idle
from agent_gym_server.protocol import DTYPES, MAX_BYTES, Message, ProtocolError, decode, encode
from agent_gym_server.server import Server
from agent_gym_server.worlds import NUMBERS, all_finite

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "fixtures")
INDEX = json.load(open(os.path.join(FIXTURES, "index.json"), encoding="utf-8"))


def parts_of(name):
    data = open(os.path.join(FIXTURES, f"{name}.bin"), "rb").read()
    parts, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        parts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return parts


def names(kind):
    return [name for name, entry in INDEX.items() if kind in entry]


@pytest.mark.parametrize("name", names("message"))
def test_reads_and_writes_again(name):
    expected = INDEX[name]["message"]
    message = decode(parts_of(name))
    for _ in range(2):
        assert (message.type, message.id, message.fields) == (expected["type"], expected["id"], expected["fields"])
        assert {key: array.tobytes().hex() for key, array in message.arrays.items()} == expected["arrays"]
        assert {key: list(array.shape) for key, array in message.arrays.items()} == expected["shapes"]
        message = decode(encode(message))


@pytest.mark.parametrize("name", names("refused"))
def test_refuses(name):
    with pytest.raises(ProtocolError) as caught:
        decode(parts_of(name))
    assert caught.value.code == INDEX[name]["refused"]


@pytest.mark.parametrize("name", names("refused"))
def test_the_server_answers_a_refusal_and_goes_on(name):
    server = Server("none", lambda: None)
    reply = decode(server.answer(parts_of(name)))
    assert (reply.type, reply.fields["code"]) == ("error", INDEX[name]["refused"])
    assert decode(server.answer(encode(Message("hello", 3)))).fields["boot"] == server.boot


@pytest.mark.parametrize("name", names("answer"))
def test_resets_are_answered_or_refused(name):
    seen = []

    class Keeps(Idle):
        def reset(self, seed=None, **given):
            seen.append((seed, given))
            return super().reset()

    server = Server("keeps", Keeps)
    request = decode(parts_of(name))
    server.answer(encode(Message("make", 1, {"session": request.fields["session"], "num_envs": 2})))
    reply = decode(server.answer(parts_of(name)))
    options, refusal = request.fields["options"], INDEX[name]["answer"]
    if refusal is not None:
        assert (reply.type, reply.fields["code"], seen) == ("error", refusal, [])
        return
    assert reply.type == "reset"
    assert seen == [(seed, {} if options is None else {"options": options}) for seed in (5, 2**31 - 1)]


def test_fixtures_are_what_the_maker_writes(tmp_path):
    spec = importlib.util.spec_from_file_location("make_fixtures", os.path.join(FIXTURES, "make.py"))
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.write(str(tmp_path))
    for name in os.listdir(tmp_path):
        with open(os.path.join(FIXTURES, name), "rb") as kept:
            assert (tmp_path / name).read_bytes() == kept.read(), name


@pytest.mark.parametrize("crc", [crc32c, lambda parts: crc_portable(b"".join(parts))], ids=["fast", "portable"])
def test_checksum(crc):
    # RFC 3720, B.4
    assert crc([b"123456789"]) == 0xE3069283
    assert crc([bytes(32)]) == 0x8A9136AA
    assert crc([bytes(range(32))]) == 0x46DD794E
    data = np.random.default_rng(0).integers(0, 256, 20_001, np.uint8).tobytes()
    assert crc([data]) == crc([data[:1], b"", data[1:4097], data[4097:]])
    assert crc([data[:8194]]) != crc([data[:8193] + b"\0" if data[8193] else data[:8193] + b"\1"])


def test_what_cannot_be_sent():
    with pytest.raises(ProtocolError, match="float16"):
        encode(Message("x", 0, {}, {"a": np.zeros(1, np.float16)}))
    with pytest.raises(ProtocolError, match="65536"):
        encode(Message("x", 0, {"text": "y" * 65536}))
    with pytest.raises(ProtocolError, match="256|268435456"):
        decode([encode(Message("x", 0))[0], bytes(MAX_BYTES), bytes(4)])


def test_mutations_never_get_past():
    """Flipped, cut, and resealed messages: refused with our error, or read as a message."""
    rng = np.random.default_rng(1)
    base = parts_of("kinds")
    read = 0
    for trial in range(3000):
        head = bytearray(base[0])
        for _ in range(int(rng.integers(1, 4))):
            head[int(rng.integers(len(head)))] = int(rng.integers(256))
        if trial % 3 == 0:
            head = head[: int(rng.integers(len(head)))]
        body = [bytes(head), *base[1:-1]]
        try:
            decode([*body, struct.pack("<I", crc32c(body))])
            read += 1
        except ProtocolError:
            pass
    assert 0 < read < 3000
    assert decode(base).id == 7
    assert set(DTYPES) == {"f4", "f8", "i4", "i8", "u1"}


def test_steps_of_a_form_seen_before_are_answered_alike():
    """Mutants of steps, as `agent` writes their headers: to a server that expects such steps, and to one that reads each as if it were the first."""
    rng = np.random.default_rng(2)
    expecting, plain = Server("idle", Idle), Server("idle", Idle)
    for server in (expecting, plain):
        for message in (Message("make", 1, {"session": "ab" * 16, "num_envs": 1}), Message("reset", 2, {"session": "ab" * 16, "k": 0}, {"seeds": SEEDS})):
            assert decode(server.answer(encode(message))).type == message.type
    quick = 0
    for trial in range(3000):
        k = expecting.sessions["ab" * 16].k
        parts = step_as_agent_writes_it(k + int(rng.integers(3)), 100 + trial)
        if trial % 3 == 1:  # anything in the header
            head = bytearray(parts[0])
            head[int(rng.integers(len(head)))] = int(rng.integers(256))
            parts[0] = bytes(head)
        if trial % 3 == 2:  # no number, another size, an array less
            parts[1:-1] = [[b"\xff" * 68, parts[2]], [parts[1][:-4], parts[2]], [parts[1]]][int(rng.integers(3))]
        parts[-1] = struct.pack("<I", crc32c(parts[:-1]) ^ (trial % 50 == 0))
        for session in plain.sessions.values():
            plain._forget(session)
        quick += bool(expecting._stepping)
        assert expecting.answer(parts) == plain.answer(parts)
        assert expecting.sessions["ab" * 16].k == plain.sessions["ab" * 16].k
    assert quick > 2000 and k > 300
    expecting.answer(encode(Message("close", 9, {"session": "ab" * 16})))
    assert not expecting._stepping


@pytest.mark.parametrize("size", [7, 5000])
def test_what_is_not_finite_is_found(size):
    largest = np.finfo(np.float32).max
    for value in (0.0, -largest, largest, 1e38, 1e-45):
        assert all_finite(np.full(size, value, NUMBERS))
    for value in (np.inf, -np.inf, np.nan, -np.nan):
        for at in (0, size - 1):
            numbers = np.full(size, largest, NUMBERS)
            numbers[at] = value
            assert not all_finite(numbers)
            assert not all_finite(numbers.reshape(1, -1))


SEEDS = np.zeros(1, np.int64)


def step_as_agent_writes_it(k: int, id_: int) -> list[bytes]:
    parts = encode(Message("step", 0, {"session": "ab" * 16, "k": 0}, {"actions": np.zeros((1, 17), np.float32), "seeds": SEEDS}))
    parts[0] = parts[0][:-5] + struct.pack(">BQ3sBQ", 0xCF, k, b"\xa2id", 0xCF, id_)
    parts[-1] = struct.pack("<I", crc32c(parts[:-1]))
    return parts
