"""What the parser reads, piece by piece, and that a refusal is for good."""

import pytest

from protocols.errors import RemoteProtocolError
from protocols.http.events import BodyPiece, EndOfRequest, Pause, RequestHead
from protocols.http.parser import RequestParser
from protocols.limits import HttpLimits
from tests.support.http_reading import bytewise, read, whole

PRINT_JOB = (
    b"POST /ipp/print/secure HTTP/1.1\r\n"
    b"Host: Print.Example.org:631\r\n"
    b"User-Agent: CUPS/2.4.2 (Linux 6.1.0; x86_64) IPP/2.0\r\n"
    b"Content-Type: application/ipp\r\n"
    b"Transfer-Encoding: chunked\r\n"
    b"Expect: 100-continue\r\n"
    b"\r\n"
)
GET = b"GET /?a=b HTTP/1.1\r\nHost: [::1]\r\nAccept: text/html\r\nAccept: image/png\r\n\r\n"


def parser_with(raw: bytes) -> RequestParser:
    parser = RequestParser(HttpLimits())
    parser.receive_data(raw)
    return parser


def test_a_head_of_a_cups_client_is_read_field_by_field() -> None:
    head = parser_with(PRINT_JOB).next_event()
    assert isinstance(head, RequestHead)
    assert (head.method, head.target, head.path, head.query) == (
        "POST",
        "/ipp/print/secure",
        "/ipp/print/secure",
        "",
    )
    assert (head.host, head.port, head.http_version) == ("print.example.org", 631, (1, 1))
    assert head.headers.get("content-TYPE") == "application/ipp"
    assert head.headers.get("Authorization") is None
    assert head.content_length is None
    assert head.expects_continue
    assert head.keep_alive


def test_repeated_list_fields_are_joined_and_an_address_loses_its_brackets() -> None:
    head = parser_with(GET).next_event()
    assert isinstance(head, RequestHead)
    assert head.headers["accept"] == "text/html, image/png"
    assert (head.path, head.query, head.host, head.port) == ("/", "a=b", "::1", None)
    assert head.content_length == 0


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/ipp/print", "/ipp/print"),
        ("/ipp/B%C3%BCro%20West", "/ipp/Büro West"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a..b/c.", "/a..b/c."),
        ("http://localhost:631/ipp/print?x=1", "/ipp/print"),
        ("HTTPS://localhost:631", "/"),
    ],
)
def test_a_path_is_decoded_once(target: str, path: str) -> None:
    head = parser_with(f"GET {target} HTTP/1.1\r\nHost: localhost:631\r\n\r\n".encode()).next_event()
    assert isinstance(head, RequestHead)
    assert head.path == path


def test_options_may_ask_for_the_whole_server() -> None:
    head = parser_with(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n").next_event()
    assert isinstance(head, RequestHead)
    assert head.path == "*"


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: Keep-Alive\r\n", True),
        (b"1.1", b"Connection: x , CLOSE\r\n", False),
        (b"1.1", b"Connection: x\r\nConnection: close\r\n", False),
        (b"1.1", b"Connection: closed\r\n", True),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", False),
    ],
)
def test_a_connection_lives_on_as_the_client_says(version: bytes, connection: bytes, kept: bool) -> None:
    head = parser_with(b"GET / HTTP/" + version + b"\r\nHost: a\r\n" + connection + b"\r\n").next_event()
    assert isinstance(head, RequestHead)
    assert head.keep_alive is kept


def test_an_expectation_means_nothing_in_http_1_0() -> None:
    head = parser_with(b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").next_event()
    assert isinstance(head, RequestHead)
    assert not head.expects_continue


def test_pipelined_requests_come_out_one_after_the_other_however_they_are_cut() -> None:
    raw = (
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        + PRINT_JOB
        + b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
        + GET
        + GET
    )
    expected = [("/a", b"hello"), ("/ipp/print/secure", b"abc0123456789abcdef"), ("/", b""), ("/", b"")]
    for cut in range(1, len(raw)):
        reading = read([raw[:cut], raw[cut:]])
        assert [(head.path, body) for head, body in reading.requests] == expected
        assert not reading.unfinished
    assert [(head.path, body) for head, body in bytewise(raw).requests] == expected


def test_the_same_head_again_gives_an_equal_reading() -> None:
    (first, _), (second, _) = whole(GET + GET).requests
    assert first == second


def test_a_body_of_known_length_is_handed_through_without_a_copy() -> None:
    parser = parser_with(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 262144\r\n\r\n")
    parser.next_event()
    assert parser.next_event() is Pause.NEED_DATA
    piece = bytes(262144)
    parser.receive_data(piece)
    event = parser.next_event()
    assert isinstance(event, BodyPiece)
    assert event.data is piece
    assert isinstance(parser.next_event(), EndOfRequest)


def test_what_is_left_of_a_body_is_known_when_its_length_is() -> None:
    parser = parser_with(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
    assert parser.remaining_bytes == 0
    parser.next_event()
    assert parser.remaining_bytes == 10
    parser.next_event()
    assert parser.remaining_bytes == 7
    assert not parser.body_ended
    chunked = parser_with(PRINT_JOB)
    chunked.next_event()
    assert chunked.remaining_bytes is None


def test_the_end_of_the_stream_between_requests_is_an_end() -> None:
    parser = parser_with(GET)
    parser.next_event()
    parser.next_event()
    assert parser.next_event() is Pause.NEED_DATA
    parser.receive_data(b"")
    assert parser.next_event() is Pause.CLOSED


@pytest.mark.parametrize(
    "raw",
    [
        b"G",
        GET[:-2],
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
        PRINT_JOB,
        PRINT_JOB + b"3\r\nabc\r\n0\r\n",
    ],
)
def test_the_end_of_the_stream_within_a_request_is_refused(raw: bytes) -> None:
    parser = parser_with(raw)
    while not isinstance(parser.next_event(), Pause):
        pass
    parser.receive_data(b"")
    with pytest.raises(RemoteProtocolError):
        parser.next_event()


def test_after_a_refusal_nothing_is_read_any_more() -> None:
    parser = parser_with(b"GET / HTTP/1.1\r\n\r\n" + GET)
    with pytest.raises(RemoteProtocolError) as first:
        parser.next_event()
    parser.receive_data(GET)
    with pytest.raises(RemoteProtocolError) as second:
        parser.next_event()
    assert first.value is second.value
    assert not parser.has_data


def test_headers_never_show_their_values() -> None:
    head = parser_with(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0\r\n\r\n").next_event()
    assert isinstance(head, RequestHead)
    assert "authorization" in head.headers
    assert "c2VjcmV0" not in repr(head.headers)
    assert len(head.headers) == 2
