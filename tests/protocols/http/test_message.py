"""Responses: their bytes, and that no handler can make two readings of its own answer."""

import pytest

from protocols.errors import LocalProtocolError
from protocols.http.message import Response, encode_head, refusal_status

DATE = b"Sun, 22 Nov 2026 10:00:00 GMT"


def test_a_response_is_written_as_rfc_9112_says() -> None:
    response = Response(200, (("Content-Type", "application/ipp"), ("X-Name", "Bür\to")), b"body")
    assert encode_head(response, date=DATE, close=True) == (
        b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/ipp\r\n"
        b"X-Name: B\xfcr\to\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    )


def test_an_empty_body_has_a_length_and_a_bodiless_status_none() -> None:
    assert encode_head(Response(401), date=DATE, close=False).endswith(b"GMT\r\nContent-Length: 0\r\n\r\n")
    assert encode_head(Response(204), date=DATE, close=False).endswith(b"GMT\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (100, (), b""),
        (799, (), b""),
        (204, (), b"x"),
        (200, (("X", "a\r\nSet-Cookie: b"),), b""),
        (200, (("X", "a\nb"),), b""),
        (200, (("X", "a\x00"),), b""),
        (200, (("X", "\u20ac"),), b""),
        (200, (("X:", "a"),), b""),
        (200, (("", "a"),), b""),
        (200, (("X y", "a"),), b""),
        (200, (("Content-Length", "5"),), b""),
        (200, (("transfer-encoding", "chunked"),), b""),
        (200, (("Connection", "upgrade"),), b""),
        (200, (("Date", "today"),), b""),
    ],
)
def test_a_response_that_would_break_the_message_cannot_be_made(
    status: int, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    with pytest.raises(LocalProtocolError):
        Response(status, headers, body)


@pytest.mark.parametrize(
    ("hint", "status"),
    [(400, 400), (431, 431), (503, 503), (399, 400), (600, 400), (1024, 400), (499, 400), (0, 400)],
)
def test_a_status_hint_in_other_numbers_is_a_bad_request(hint: int, status: int) -> None:
    assert refusal_status(hint) == status
