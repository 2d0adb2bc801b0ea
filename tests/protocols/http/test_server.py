"""Requests and answers over real connections: keep-alive, bodies, early answers, mistakes on both sides."""

import pytest
import trio
import trio.testing

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.http.server import HttpServer, Request, Response
from protocols.streams import DisconnectedError
from tests.support.http_peer import GET, echo, post, serving

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"


async def test_a_connection_carries_request_after_request() -> None:
    async with serving() as served:
        peer = await served.connect()
        for body in (b"one", b"", b"three" * 50_000):
            answer = await peer.ask(post(body))
            assert (answer.status, answer.body) == (200, body)
            assert answer.fields["content-type"] == "application/octet-stream"
            assert answer.fields["date"].endswith(" GMT")
            assert not answer.closes
        snapshot = served.server.statistics.snapshot()
        assert (snapshot.requests, snapshot.accepted, snapshot.open_connections) == (3, 1, 1)
        await peer.aclose()


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving() as served:
        peer = await served.connect()
        await peer.send(post(b"1") + CHUNKED + b"\r\n1\r\n2\r\n0\r\n\r\n" + GET + post(b"4"))
        assert [(await peer.answer()).body for _ in range(4)] == [b"1", b"2", b"", b"4"]
        await peer.aclose()


async def test_a_handler_sees_who_asks_and_for_what() -> None:
    seen: list[Request] = []

    async def look(request: Request) -> Response:
        seen.append(request)
        return Response(200)

    async with serving(look) as served:
        peer = await served.connect()
        await peer.ask(
            b"POST /ipp/print?x=1 HTTP/1.1\r\nHost: Localhost:631\r\nContent-Length: 0\r\nX-Y: z\r\n\r\n"
        )
        (request,) = seen
        assert (request.method, request.target, request.path) == ("POST", "/ipp/print?x=1", "/ipp/print")
        assert (request.query, request.host, request.port) == ("x=1", "localhost", 631)
        assert (request.headers.get("x-y"), request.content_length, request.tls) == ("z", 0, False)
        assert (request.peer_host, request.local_host) == ("127.0.0.1", "127.0.0.1")
        assert request.peer_port > 0
        assert "ipp" not in repr(request)
        await peer.aclose()


async def test_an_answered_request_gives_nothing_of_the_next_one() -> None:
    kept: list[Request] = []

    async def keep(request: Request) -> Response:
        kept.append(request)
        return Response(200)

    async with serving(keep) as served:
        peer = await served.connect()
        await peer.ask(post(b"first"))
        with pytest.raises(LocalProtocolError):
            await kept[0].receive_body()
        await peer.aclose()


async def test_head_and_empty_statuses_have_no_body() -> None:
    async def respond(request: Request) -> Response:
        return Response(304, (("ETag", "x"),)) if request.path == "/same" else Response(200, (), b"four")

    async with serving(respond) as served:
        peer = await served.connect()
        await peer.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /same HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        head = await peer.answer(bodiless=True)
        assert (head.status, head.fields["content-length"]) == (200, "4")
        unchanged = await peer.answer()
        assert unchanged.status == 304
        assert "content-length" not in unchanged.fields
        assert (await peer.answer()).body == b"four"
        await peer.aclose()


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
)
async def test_a_connection_ends_when_the_client_says_so(request_bytes: bytes) -> None:
    async with serving() as served:
        peer = await served.connect()
        assert (await peer.ask(request_bytes + GET)).closes
        assert await peer.rest() == b""
        await peer.aclose()


async def test_continue_is_said_when_the_handler_asks_for_the_body_and_not_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    asked = trio.Event()

    async def ask_late(request: Request) -> Response:
        await asked.wait()
        return await echo(request)

    async with serving(ask_late) as served:
        peer = await served.connect()
        await peer.send(CHUNKED + b"Expect: 100-continue\r\n\r\n")
        autojump_clock.autojump_threshold = 0.05
        with trio.move_on_after(1) as waited:
            await peer.answer()
        assert waited.cancelled_caught
        asked.set()
        assert (await peer.answer()).status == 100
        assert (await peer.ask(b"5\r\nhello\r\n0\r\n\r\n")).body == b"hello"
        assert (await peer.ask(GET)).status == 200
        await peer.aclose()


async def test_continue_is_left_out_when_the_body_came_without_it() -> None:
    async with serving() as served:
        peer = await served.connect()
        assert (await peer.ask(post(b"hasty", b"Expect: 100-continue\r\n"))).body == b"hasty"
        assert (await peer.ask(post(b"", b"Expect: 100-continue\r\n"))).status == 200
        await peer.aclose()


async def refuse(_request: Request) -> Response:
    return Response(401, (("WWW-Authenticate", 'Basic realm="spoold"'),))


async def test_an_early_answer_ends_the_connection_of_a_client_that_waits_to_continue() -> None:
    async with serving(refuse) as served:
        peer = await served.connect()
        answer = await peer.ask(CHUNKED + b"Expect: 100-continue\r\n\r\n")
        assert (answer.status, answer.closes) == (401, True)
        assert await peer.rest() == b""
        await peer.aclose()


@pytest.mark.parametrize("size", [0, 1, 200_000, 256 * 1024])
async def test_a_small_body_that_nobody_wanted_is_passed_over(size: int) -> None:
    async with serving(refuse) as served:
        peer = await served.connect()
        for _ in range(2):
            answer = await peer.ask(post(bytes(size)))
            assert (answer.status, answer.closes) == (401, False)
        await peer.aclose()


async def test_a_small_chunked_body_that_nobody_wanted_is_passed_over() -> None:
    async with serving(refuse) as served:
        peer = await served.connect()
        for _ in range(2):
            answer = await peer.ask(CHUNKED + b"\r\n30d40\r\n%b\r\n0\r\n\r\n" % bytes(200_000))
            assert (answer.status, answer.closes) == (401, False)
        await peer.aclose()


@pytest.mark.parametrize(
    "length", [b"Content-Length: 8000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n7a1200\r\n"]
)
async def test_the_sender_of_a_large_unwanted_body_still_gets_its_answer(length: bytes) -> None:
    async with serving(refuse) as served:
        peer = await served.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + length)
        # The answer is on its way before all of this is sent; a reset would destroy it.
        await peer.send(bytes(3_000_000))
        answer = await peer.answer()
        assert (answer.status, answer.closes) == (401, True)
        await peer.aclose()


async def test_a_bug_in_a_handler_is_told_once_and_costs_one_connection() -> None:
    async def fail(request: Request) -> Response:
        if request.path == "/fail":
            raise ZeroDivisionError
        return Response(200)

    async with serving(fail) as served:
        broken, healthy = await served.connect(), await served.connect()
        answer = await broken.ask(b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        assert (answer.status, answer.body, answer.closes) == (500, b"internal error\n", True)
        assert await broken.rest() == b""
        assert [type(error) for error in served.failures] == [ZeroDivisionError]
        assert (await healthy.ask(GET)).status == 200
        assert served.server.statistics.snapshot().handler_errors == 1
        await broken.aclose()
        await healthy.aclose()


async def test_a_handler_that_returns_no_response_has_a_bug() -> None:
    async def forget(_request: Request) -> Response:
        return None  # type: ignore[return-value]

    async with serving(forget) as served:
        peer = await served.connect()
        assert (await peer.ask(GET)).status == 500
        assert [type(error) for error in served.failures] == [TypeError]
        await peer.aclose()


async def test_a_handler_may_blame_the_client() -> None:
    async def blame(request: Request) -> Response:
        error = RemoteProtocolError("no such queue", status_hint=int(request.query))
        if request.path == "/in-a-group":
            raise ExceptionGroup("nursery", [ExceptionGroup("inner", [error])])
        raise error

    async with serving(blame) as served:
        for target, status in (("/?404", 404), ("/in-a-group?403", 403), ("/?1024", 400), ("/?200", 400)):
            peer = await served.connect()
            answer = await peer.ask(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert (answer.status, answer.body, answer.closes) == (status, b"no such queue\n", True)
            await peer.aclose()
        assert served.failures == []
        assert served.server.statistics.snapshot().refused_requests == {404: 1, 403: 1, 400: 2}


async def test_losing_somebody_else_is_not_losing_the_client() -> None:
    async def lose(_request: Request) -> Response:
        raise DisconnectedError("connection lost: a printer")

    async with serving(lose) as served:
        peer = await served.connect()
        assert (await peer.ask(GET)).status == 400
        await peer.aclose()


async def test_a_response_that_cannot_be_made_is_the_handlers_bug() -> None:
    async def split(_request: Request) -> Response:
        return Response(200, (("X-Name", "a\r\nSet-Cookie: b=c"),))

    async with serving(split) as served:
        peer = await served.connect()
        answer = await peer.ask(GET)
        assert (answer.status, "set-cookie" in answer.fields) == (500, False)
        assert [type(error) for error in served.failures] == [LocalProtocolError]
        await peer.aclose()


async def test_a_group_with_a_bug_in_it_is_a_bug() -> None:
    async def fail(_request: Request) -> Response:
        raise ExceptionGroup("nursery", [RemoteProtocolError("cut off"), KeyError("x")])

    async with serving(fail) as served:
        peer = await served.connect()
        assert (await peer.ask(GET)).status == 500
        assert len(served.failures) == 1
        await peer.aclose()


async def test_a_refused_request_is_answered_and_nothing_behind_it_is_served() -> None:
    async with serving() as served:
        peer = await served.connect()
        assert (await peer.ask(GET)).status == 200
        answer = await peer.ask(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + GET)
        assert (answer.status, answer.closes) == (400, True)
        assert await peer.rest() == b""
        assert served.server.statistics.snapshot().requests == 1
        await peer.aclose()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("print.example.org", 200),
        ("PRINT.example.org:631", 200),
        ("[::1]:631", 200),
        ("print.example.org.", 421),
        ("evil.example", 421),
        ("127.0.0.1", 421),
    ],
)
async def test_only_our_own_names_are_answered(host: str, status: int) -> None:
    async with serving(allowed_hosts=frozenset({"print.example.org", "::1"}).__contains__) as served:
        peer = await served.connect()
        answer = await peer.ask(f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\nhi".encode())
        assert (answer.status, answer.closes) == (status, status == 421)
        await peer.aclose()


async def test_a_malformed_body_reaches_the_handler_as_an_error() -> None:
    caught: list[RemoteProtocolError] = []

    async def catch(request: Request) -> Response:
        try:
            return await echo(request)
        except RemoteProtocolError as error:
            caught.append(error)
            return Response(200, (), b"never mind")

    async with serving(catch) as served:
        peer = await served.connect()
        answer = await peer.ask(CHUNKED + b"\r\n5\r\nhello0\r\n\r\n" + GET)
        assert (answer.status, answer.body, answer.closes) == (200, b"never mind", True)
        assert await peer.rest() == b""
        assert len(caught) == 1
        await peer.aclose()


async def test_a_body_that_is_cut_off_never_looks_complete() -> None:
    outcome: list[object] = []
    done = trio.Event()

    async def record(request: Request) -> Response:
        try:
            outcome.append(await echo(request))
        except RemoteProtocolError as error:
            outcome.append(error)
        done.set()
        return Response(200)

    async with serving(record) as served:
        peer = await served.connect()
        await peer.send(CHUNKED + b"\r\n5\r\nhello\r\n")
        await peer.aclose()
        await done.wait()
    assert [type(item) for item in outcome] == [RemoteProtocolError]


async def test_a_handler_that_does_not_read_slows_its_client_down(
    autojump_clock: trio.testing.MockClock,
) -> None:
    go_on = trio.Event()
    received = 0

    async def wait_first(request: Request) -> Response:
        nonlocal received
        received += len(await request.receive_body())
        await go_on.wait()
        while piece := await request.receive_body():
            received += len(piece)
        return Response(200)

    total = 64 * 1024 * 1024
    async with serving(wait_first) as served:
        peer = await served.connect()
        sent = 0

        async def upload() -> None:
            nonlocal sent
            await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % total)
            while sent < total:
                await peer.send(bytes(1024 * 1024))
                sent += 1024 * 1024

        async with trio.open_nursery() as nursery:
            nursery.start_soon(upload)
            # Real sockets need a moment of real time before "nothing more happens" is true.
            autojump_clock.autojump_threshold = 0.05
            await trio.sleep(1)
            # What fits into the two sockets' buffers, and one piece.
            assert sent < total // 2
            assert received <= 1024 * 1024
            go_on.set()
            assert (await peer.answer()).status == 200
        assert received == total
        await peer.aclose()


async def test_a_large_answer_arrives_whole() -> None:
    body = bytes(range(256)) * 40_000

    async def large(_request: Request) -> Response:
        return Response(200, (), body)

    async with serving(large) as served:
        peer = await served.connect()
        assert (await peer.ask(GET)).body == body
        assert (await peer.ask(GET)).body == body
        await peer.aclose()


async def test_the_server_ends_at_once_when_it_is_cancelled() -> None:
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    port = listener.getsockname()[1]
    server = HttpServer(echo)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [listener])
        peers = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(3)]
        await peers[0].send_all(b"GET / HT")
        nursery.cancel_scope.cancel()
    assert listener.fileno() == -1
    assert server.statistics.snapshot().open_connections == 0
    for peer in peers:
        await peer.aclose()
