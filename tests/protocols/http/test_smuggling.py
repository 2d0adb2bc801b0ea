"""The smuggling table: every request that could be read in two ways is refused, whole and byte by byte."""

from dataclasses import replace

import pytest

from protocols.limits import HttpLimits
from tests.support.http_reading import Feed, bytewise, whole

HEAD = b"POST /ipp/print HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"Content-Length: 5\r\n\r\nhello"
# What an attacker wants to have read as a request of its own.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def request(line: bytes = b"POST /ipp/print HTTP/1.1", fields: bytes = b"Host: localhost\r\n") -> bytes:
    return line + b"\r\n" + fields + BODY


CASES = {
    # Framing (RFC 9112 6.1 to 6.3)
    "length and chunked": (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked and length": (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    "two equal lengths": (HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    "two lengths, other case": (HEAD + b"Content-Length: 5\r\ncontent-length: 0\r\n\r\nhello", 400),
    "list of lengths": (HEAD + b"Content-Length: 5, 5\r\n\r\nhello", 400),
    "negative length": (HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "signed length": (HEAD + b"Content-Length: +5\r\n\r\nhello", 400),
    "hexadecimal length": (HEAD + b"Content-Length: 0x5\r\n\r\nhello", 400),
    "octal-looking length": (HEAD + b"Content-Length: 005\r\n\r\nhello", 400),
    "length with a space in it": (HEAD + b"Content-Length: 5 5\r\n\r\nhello", 400),
    "length with a vertical tab": (HEAD + b"Content-Length: \x0b5\r\n\r\nhello", 400),
    "empty length": (HEAD + b"Content-Length:\r\n\r\nhello", 400),
    "length beyond 64 bits": (HEAD + b"Content-Length: 18446744073709551621\r\n\r\nhello", 400),
    "length beyond the limit": (HEAD + b"Content-Length: 99999999999999\r\n\r\nhello", 413),
    "length hidden by a space before the colon": (HEAD + b"Content-Length : 5\r\n\r\nhello", 400),
    "length hidden by a tab before the colon": (HEAD + b"Content-Length\t: 5\r\n\r\nhello", 400),
    "length hidden by a control character": (HEAD + b"Content-Length\x00: 5\r\n\r\nhello", 400),
    "chunked twice": (HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "chunked, chunked": (HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    "gzip, chunked": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "chunked, identity": (HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400),
    "identity": (HEAD + b"Transfer-Encoding: identity\r\n\r\n", 400),
    "xchunked": (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n", 400),
    "chunked with a parameter": (HEAD + b"Transfer-Encoding: chunked;q=1\r\n\r\n", 400),
    "chunked in quotes": (HEAD + b'Transfer-Encoding: "chunked"\r\n\r\n', 400),
    "chunked behind a vertical tab": (HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "chunked behind a fold": (HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked with a space before the colon": (HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    # Chunks (RFC 9112 7.1)
    "chunk extension": (CHUNKED + b"5;a=b\r\nhello\r\n0\r\n\r\n", 400),
    "chunk extension with a line feed": (CHUNKED + b"5;\nhello\r\n0\r\n\r\n", 400),
    "chunk size with a sign": (CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size in C notation": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size with an underscore": (CHUNKED + b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n", 400),
    "chunk size before a space": (CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n", 400),
    "chunk size behind a space": (CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size with a bare line feed": (CHUNKED + b"5\nhello\r\n0\r\n\r\n", 400),
    "chunk size with a bare carriage return": (CHUNKED + b"5\rXhello\r\n0\r\n\r\n", 400),
    "chunk size that wraps": (CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size beyond the limit": (CHUNKED + b"fffffffffffffff\r\n", 413),
    "empty chunk size": (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", 400),
    "chunk longer than its size": (CHUNKED + b"4\r\nhello\r\n0\r\n\r\n", 400),
    "chunk ended by a bare line feed": (CHUNKED + b"5\r\nhello\n0\r\n\r\n", 400),
    "chunk without an end": (CHUNKED + b"5\r\nhello0\r\n\r\n", 400),
    "trailer": (CHUNKED + b"5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n", 400),
    "last chunk ended by line feeds": (CHUNKED + b"5\r\nhello\r\n0\n\n", 400),
    "last chunk followed by a bare line feed": (CHUNKED + b"5\r\nhello\r\n0\r\n\n", 400),
    "announced trailer": (HEAD + b"Trailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    # Lines (RFC 9112 2.2, 5.1, 5.2)
    "bare line feeds": (b"POST / HTTP/1.1\nHost: localhost\nContent-Length: 5\n\nhello", 400),
    "one bare line feed": (HEAD + b"X: a\nContent-Length: 5\r\n\r\nhello", 400),
    "bare line feed as the empty line": (HEAD + b"Content-Length: 5\r\n\nhello", 400),
    "bare carriage return": (HEAD + b"X: a\rContent-Length: 5\r\n\r\n", 400),
    "fold": (HEAD + b"X: a\r\n Content-Length: 5\r\n\r\n", 400),
    "fold in the first field": (b"POST / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "fold by a tab": (HEAD + b"X: a\r\n\tb\r\n\r\n", 400),
    "field without a colon": (HEAD + b"Transfer-Encoding chunked\r\n\r\n", 400),
    "field without a name": (HEAD + b": chunked\r\n\r\n", 400),
    "field name with a space": (HEAD + b"Transfer Encoding: chunked\r\n\r\n", 400),
    "field name with a bracket": (HEAD + b"Transfer-Encoding[: chunked\r\n\r\n", 400),
    "field name with a letter that is not ASCII": (HEAD + b"\xc3\xa4: b\r\n\r\n", 400),
    "NUL in a value": (HEAD + b"X: a\x00b\r\n\r\n", 400),
    "DEL in a value": (HEAD + b"X: a\x7fb\r\n\r\n", 400),
    "empty line first": (b"\r\n" + request(), 400),
    "white space first": (b" " + request(), 400),
    # Request line and host (RFC 9112 3)
    "HTTP/0.9": (b"GET /ipp/print\r\n", 400),
    "HTTP/1.2": (request(b"POST / HTTP/1.2"), 400),
    "HTTP/2.0": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/1.10": (request(b"POST / HTTP/1.10"), 400),
    "http/1.1": (request(b"POST / http/1.1"), 400),
    "two spaces": (request(b"POST  / HTTP/1.1"), 400),
    "tab in place of a space": (request(b"POST\t/ HTTP/1.1"), 400),
    "space in the target": (request(b"POST /a b HTTP/1.1"), 400),
    "space after the version": (request(b"POST / HTTP/1.1 "), 400),
    "lower-case method": (request(b"post / HTTP/1.1"), 400),
    "unknown method": (request(b"BREW / HTTP/1.1"), 501),
    "CONNECT": (request(b"CONNECT localhost:631 HTTP/1.1"), 501),
    "TRACE": (request(b"TRACE / HTTP/1.1"), 501),
    "no host": (request(fields=b""), 400),
    "no host in HTTP/1.0": (request(b"POST / HTTP/1.0", fields=b""), 400),
    "two hosts": (request(fields=b"Host: localhost\r\nHost: evil\r\n"), 400),
    "two equal hosts": (request(fields=b"Host: localhost\r\nHost: localhost\r\n"), 400),
    "empty host": (request(fields=b"Host:\r\n"), 400),
    "list of hosts": (request(fields=b"Host: localhost, evil\r\n"), 400),
    "host with a path": (request(fields=b"Host: localhost/evil\r\n"), 400),
    "host with credentials": (request(fields=b"Host: evil@localhost\r\n"), 400),
    "host with a port that is none": (request(fields=b"Host: localhost:99999\r\n"), 400),
    "host with an empty port": (request(fields=b"Host: localhost:\r\n"), 400),
    "host with a zone": (request(fields=b"Host: [fe80::1%25eth0]\r\n"), 400),
    "absolute target of another host": (request(b"POST http://evil/ HTTP/1.1"), 400),
    "absolute target of another port": (request(b"POST http://localhost:80/ HTTP/1.1"), 400),
    "absolute target with credentials": (request(b"POST http://a@localhost/ HTTP/1.1"), 400),
    "absolute target of another scheme": (request(b"POST file://localhost/ HTTP/1.1"), 400),
    "authority target": (request(b"GET localhost HTTP/1.1"), 400),
    "asterisk target": (request(b"POST * HTTP/1.1"), 400),
    "target without a slash": (request(b"POST ipp/print HTTP/1.1"), 400),
    # Paths that two programs resolve to two files
    "parent": (request(b"POST /ipp/../admin HTTP/1.1"), 400),
    "parent at the end": (request(b"POST /ipp/.. HTTP/1.1"), 400),
    "encoded parent": (request(b"POST /ipp/%2e%2E/admin HTTP/1.1"), 400),
    "current directory": (request(b"POST /./ipp HTTP/1.1"), 400),
    "empty segment": (request(b"POST //ipp HTTP/1.1"), 400),
    "encoded slash": (request(b"POST /ipp%2fprint HTTP/1.1"), 400),
    "encoded backslash": (request(b"POST /ipp%5cprint HTTP/1.1"), 400),
    "backslash": (request(b"POST /ipp\\print HTTP/1.1"), 400),
    "path parameter": (request(b"POST /ipp;a/print HTTP/1.1"), 400),
    "encoded path parameter": (request(b"POST /ipp%3ba/print HTTP/1.1"), 400),
    "encoded NUL": (request(b"POST /ipp%00 HTTP/1.1"), 400),
    "encoded line end": (request(b"POST /ipp%0d%0a HTTP/1.1"), 400),
    "encoded twice": (request(b"POST /%252e%252e/ HTTP/1.1"), 400),
    "half an escape": (request(b"POST /ipp%2 HTTP/1.1"), 400),
    "escape that is not UTF-8": (request(b"POST /%ff HTTP/1.1"), 400),
    "fragment": (request(b"POST /ipp#print HTTP/1.1"), 400),
    "letter that is not ASCII": (request(b"POST /\xc3\xa4 HTTP/1.1"), 400),
    "quote in the query": (request(b'POST /?a="b HTTP/1.1'), 400),
    # Offers that are not taken
    "upgrade": (HEAD + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 501),
    "upgrade without connection": (HEAD + b"Upgrade: websocket\r\n\r\n", 501),
    "another expectation": (HEAD + b"Expect: 200-ok\r\n\r\n", 400),
    "two expectations": (HEAD + b"Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", 400),
    "two authorizations": (HEAD + b"Authorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n\r\n", 400),
    "two content types": (HEAD + b"Content-Type: application/ipp\r\nContent-Type: text/plain\r\n\r\n", 400),
    # Not HTTP at all
    "LPR": (b"\x02secure\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01", 400),
    "PJL": (b"\x1b%-12345X@PJL\r\n", 400),
}


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
