"""TLS on memory buffers: records cut anywhere, sends taken late, and ends of every kind."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from protocols.streams import DisconnectedError, PlainStream
from protocols.tls_streams import TlsStream, start_tls
from tests.support.tls_pair import TlsPair, make_tls_pair

RECORD = 16 * 1024


@pytest.fixture
def pair(tmp_path: Path) -> TlsPair:
    return make_tls_pair(tmp_path)


class Client:
    """The other end, by hand: what it seals is sent when and as far as the test says."""

    def __init__(self, pair: TlsPair) -> None:
        ours, self.socket = socket.socketpair()
        self.socket.setblocking(False)
        self.stream = PlainStream(ours)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.engine = pair.client.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def sealed(self, data: bytes = b"") -> bytes:
        """Seal data; return it with whatever else waits to be sent."""
        if data:
            self.engine.write(data)
        return self._outgoing.read()

    def take(self) -> None:
        """Take what the server has sent."""
        self._incoming.write(self.socket.recv(1 << 20))

    async def handshake(self, *, together_with: bytes = b"") -> None:
        """Do our side; the first data may go out in one piece with the last of the handshake."""
        while True:
            try:
                self.engine.do_handshake()
            except ssl.SSLWantReadError:
                self.socket.send(self.sealed())
                await trio.lowlevel.wait_readable(self.socket)
                self.take()
            else:
                self.socket.send(self.sealed() + (self.sealed(together_with) if together_with else b""))
                return


@asynccontextmanager
async def connected(pair: TlsPair, *, first: bytes = b"") -> AsyncIterator[tuple[TlsStream, Client]]:
    """A server's stream after the handshake."""
    client = Client(pair)
    stream = start_tls(client.stream, pair.server)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.handshake)
            await client.handshake(together_with=first)
        yield stream, client
    stream.close()
    client.socket.close()


async def test_a_request_that_comes_with_the_end_of_the_handshake_is_there(pair: TlsPair) -> None:
    async with connected(pair, first=b"GET /") as (stream, _client):
        assert stream.has_decrypted
        assert stream.receive_now(100) == b"GET /"
        assert stream.receive_now(100) is None
        assert not stream.has_decrypted


async def test_a_record_that_comes_byte_by_byte_is_opened_when_it_is_whole(pair: TlsPair) -> None:
    async with connected(pair) as (stream, client):
        sealed = client.sealed(b"hello")
        for position in range(len(sealed) - 1):
            client.socket.send(sealed[position : position + 1])
            assert stream.receive_now(100) is None
            assert not stream.has_decrypted, "the owner would wait for nothing"
        client.socket.send(sealed[-1:])
        assert stream.receive_now(100) == b"hello"


@pytest.mark.parametrize("size", [1, 5, RECORD, RECORD + 1, 100_000])
async def test_whatever_is_asked_for_nothing_is_lost(pair: TlsPair, size: int) -> None:
    sent = bytes(range(256)) * (100 if size < RECORD else 1000)
    async with connected(pair) as (stream, client):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        client.socket.send(client.sealed(sent[:15_000]) + client.sealed(sent[15_000:]))
        received = b""
        while len(received) < len(sent):
            piece = await stream.receive(size)
            assert 0 < len(piece) <= size
            received += piece
        assert received == sent


async def test_an_answer_that_is_not_taken_is_sent_later_and_once(pair: TlsPair) -> None:
    data = bytes(range(256)) * 8000
    async with connected(pair) as (stream, client):
        sent = 0
        while count := stream.send_now(data[sent:]):
            sent += count
        assert sent < len(data)
        received = bytearray()

        async def take() -> None:
            while len(received) < len(data):
                try:
                    received.extend(client.engine.read(1 << 20))
                except ssl.SSLWantReadError:
                    await trio.lowlevel.wait_readable(client.socket)
                    client.take()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            await stream.send_all(data[sent:])
        assert received == data


@pytest.mark.parametrize("said", [True, False])
async def test_data_before_the_end_is_delivered_and_the_end_stays(pair: TlsPair, said: bool) -> None:
    """With close_notify or without."""
    async with connected(pair) as (stream, client):
        sealed = client.sealed(b"last words")
        if said:
            with pytest.raises(ssl.SSLWantReadError):
                client.engine.unwrap()
            sealed += client.sealed()
        client.socket.send(sealed)
        if not said:
            client.socket.shutdown(socket.SHUT_WR)
        assert await stream.receive(100) == b"last words"
        assert await stream.receive(100) == b""
        assert stream.receive_now(100) == b""


async def test_plain_bytes_behind_the_handshake_are_a_broken_connection(pair: TlsPair) -> None:
    async with connected(pair) as (stream, client):
        client.socket.send(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(DisconnectedError):
            await stream.receive(100)


async def test_a_peer_that_leaves_in_the_handshake_is_disconnected(pair: TlsPair) -> None:
    client = Client(pair)
    stream = start_tls(client.stream, pair.server)
    with pytest.raises(ssl.SSLWantReadError):
        client.engine.do_handshake()
    client.socket.send(client.sealed()[:20])
    client.socket.close()
    with pytest.raises(DisconnectedError, match="handshake"):
        await stream.handshake()
    stream.close()


async def test_a_name_that_no_server_can_have_is_refused(pair: TlsPair) -> None:
    client = Client(pair)
    with pytest.raises(DisconnectedError, match="no TLS"):
        start_tls(client.stream, pair.client, client_of=".not.a.name")
    assert client.socket.recv(1) == b""
    client.socket.close()
