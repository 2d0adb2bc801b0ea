"""The smuggling table: every request that could be read in two ways is refused, whole and byte by byte."""

from dataclasses import replace

import pytest

from protocols.http.server import Request, Response
from protocols.limits import HttpLimits
from tests.support.http_peer import serving
from tests.support.http_reading import Feed, bytewise, whole
from tests.support.smuggling import CASES, CHUNKED, SMUGGLED


@pytest.mark.parametrize("feed", [whole, bytewise])
@pytest.mark.parametrize("name", CASES)
def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_read(name: str, feed: Feed) -> None:
    raw, status = CASES[name]
    reading = feed(raw + SMUGGLED)
    assert reading.requests == []
    assert reading.status == status


@pytest.mark.parametrize("feed", [whole, bytewise])
@pytest.mark.parametrize("name", CASES)
def test_a_good_request_before_it_is_read_all_the_same(name: str, feed: Feed) -> None:
    raw, _ = CASES[name]
    reading = feed(SMUGGLED + raw + SMUGGLED)
    assert [head.path for head, _ in reading.requests] == ["/smuggled"]
    assert reading.refusal is not None


@pytest.mark.parametrize("name", CASES)
async def test_a_server_answers_with_the_refusal_and_closes(name: str) -> None:
    """Over a real connection: one answer, by the status of the table; no handler sees any of it."""
    raw, status = CASES[name]
    seen: list[Request] = []

    async def see(request: Request) -> Response:
        seen.append(request)
        # A handler that reads its body hears of bad framing there, before it has answered.
        while await request.receive_body():
            pass
        return Response(200)

    async with serving(see, tls_context=None) as served:
        peer = await served.connect()
        await peer.send(raw + SMUGGLED)
        if name == "TLS":
            # Told by its first byte, and not offered here: nobody would understand an answer.
            assert await peer.rest() == b""
        else:
            answer = await peer.answer()
            assert (answer.status, answer.closes) == (status, True)
            assert await peer.rest() == b""
        assert all(request.path != "/smuggled" for request in seen)
        assert served.failures == []
        assert served.server.statistics.open_connections <= 1
        await peer.aclose()


def test_the_table_is_as_long_as_the_bar_asks() -> None:
    assert len(CASES) >= 41


LIMITS = replace(HttpLimits(), max_head_bytes=1024, max_fields=5, max_target_bytes=100, max_body_bytes=1000)


def padded(size: int) -> bytes:
    bare = b"GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n"
    return bare[:-4] + b"x" * (size - len(bare)) + b"\r\n\r\n"


@pytest.mark.parametrize("feed", [whole, bytewise])
@pytest.mark.parametrize(
    ("inside", "outside", "status"),
    [
        (padded(1024), padded(1025), 431),
        (padded(1024), padded(4000)[:-4], 431),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 4 + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5 + b"\r\n",
            431,
        ),
        (
            b"GET /" + b"a" * 99 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /" + b"a" * 100 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            414,
        ),
        (
            b"GET /" + b"a" * 99 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /" + b"a" * 300,
            414,
        ),
        (
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + bytes(1000),
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n",
            413,
        ),
        (
            b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3e8\r\n"
            + bytes(1000)
            + b"\r\n0\r\n\r\n",
            b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"
            + bytes(1000)
            + b"\r\n1\r\n",
            413,
        ),
    ],
)
def test_a_limit_is_kept_on_both_sides(feed: Feed, inside: bytes, outside: bytes, status: int) -> None:
    accepted = feed(inside, LIMITS)
    assert len(accepted.requests) == 1
    assert accepted.refusal is None
    refused = feed(outside, LIMITS)
    assert refused.requests == []
    assert refused.status == status


def test_the_defaults_are_those_of_the_bar() -> None:
    limits = HttpLimits()
    assert (limits.max_head_bytes, limits.max_fields, limits.max_target_bytes) == (16384, 100, 2048)


def test_many_tiny_chunks_are_refused_before_they_cost_anything() -> None:
    fine = CHUNKED + b"1\r\nx\r\n" * 4096 + b"0\r\n\r\n"
    assert whole(fine).requests[0][1] == b"x" * 4096
    assert whole(CHUNKED + b"1\r\nx\r\n" * 4097 + b"0\r\n\r\n").status == 400
    mean = CHUNKED + (b"40\r\n" + b"x" * 64 + b"\r\n") * 10_000 + b"0\r\n\r\n"
    assert len(whole(mean).requests[0][1]) == 640_000
