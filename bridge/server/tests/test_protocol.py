import importlib.util
import json
import os
import struct

import numpy as np
import pytest

from agent_gym_server import protocol
from agent_gym_server.crc32c import crc32c, crc_portable
from agent_gym_server.protocol import DTYPES, Message, ProtocolError, decode, encode
from agent_gym_server.server import Server

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
        decode([encode(Message("x", 0))[0], bytes(protocol.MAX_BYTES), bytes(4)])


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


def test_headers_read_before_are_read_alike():
    """Mutants of a request that is remembered, and of one with entries that come twice: with a memory, and without."""
    rng = np.random.default_rng(2)
    arrays = {"actions": np.zeros((1, 2), np.float32), "seeds": np.zeros(1, np.int64)}
    base = encode(Message("step", 70_000, {"session": "ab" * 16, "k": 69_999}, arrays))
    ends = [b"\x01", b"\xcd\x01\x02", b"\xcf" + bytes(8), b"\xcb" + struct.pack(">d", 2.0**40), b"\xc3", b"\xa1k", b"\xff"]
    twice = [base[0], bytes([base[0][0] + 1]) + base[0][1:] + b"\xa1k\x05", bytes([base[0][0] + 2]) + base[0][1:] + b"\xa1k\x05\xa2id\x06"]
    recalled = 0
    for trial in range(3000):
        head = bytearray(twice[trial % 3])
        if trial % 2:
            at = head.rfind(b"\xa1k") + 2
            head[at:] = ends[int(rng.integers(len(ends)))] + b"\xa2id" + ends[int(rng.integers(len(ends)))]
        else:
            head[int(rng.integers(len(head)))] = int(rng.integers(256))
        parts = [bytes(head), *base[1:-1]]
        parts.append(struct.pack("<I", crc32c(parts)))
        protocol._KNOWN.clear()
        plain = outcome(parts)
        for one in twice:
            outcome([one, *base[1:-1], struct.pack("<I", crc32c([one, *base[1:-1]]))])
        known = protocol._recall(parts[0])[0]
        recalled += known is not None
        assert outcome(parts) == plain
    assert recalled > 100


def outcome(parts):
    try:
        message = decode(parts)
    except ProtocolError as error:
        return error.code, error.id, str(error)
    return message.type, message.id, message.fields, {name: (array.dtype, array.shape) for name, array in message.arrays.items()}
