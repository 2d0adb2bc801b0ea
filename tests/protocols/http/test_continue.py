"""What CUPS does: it sends the beginning of a body, and waits for "100 Continue" before the rest."""

from protocols.http.server import Request, Response
from tests.support.http_peer import GET, echo, serving

HEAD = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    b"5\r\nhello\r\n"
)
REST = b"6\r\n world\r\n0\r\n\r\n"


async def test_a_client_that_waits_behind_the_beginning_of_its_body_is_told_to_go_ahead() -> None:
    async with serving(echo) as served:
        peer = await served.connect()
        await peer.send(HEAD)
        assert (await peer.answer()).status == 100
        assert (await peer.ask(REST)).body == b"hello world"
        assert (await peer.ask(GET)).status == 200
        await peer.aclose()


async def test_it_is_told_once() -> None:
    async with serving(echo) as served:
        peer = await served.connect()
        await peer.send(HEAD)
        assert (await peer.answer()).status == 100
        await peer.send(b"1\r\n!\r\n")
        answer = await peer.ask(REST)
        assert (answer.status, answer.body) == (200, b"hello! world")
        await peer.aclose()


async def test_a_refusal_after_the_beginning_comes_at_once_and_ends_the_connection() -> None:
    async def refuse(request: Request) -> Response:
        assert await request.receive_body() == b"hello"
        return Response(200, (), b"no")

    async with serving(refuse) as served:
        peer = await served.connect()
        answer = await peer.ask(HEAD)
        assert (answer.status, answer.body, answer.closes) == (200, b"no", True)
        assert await peer.rest() == b""
        await peer.aclose()
